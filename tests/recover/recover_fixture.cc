#include "tests/recover/recover_fixture.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "tools/recover/outputs/file_name.h"

namespace worldb::testing {

namespace fs = std::filesystem;

Bytes ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
void WriteFile(const fs::path& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

// Name, bytes and modification time of every file, to see that nothing has changed.
std::map<std::string, std::pair<Bytes, fs::file_time_type>> Snapshot(const std::string& directory) {
  std::map<std::string, std::pair<Bytes, fs::file_time_type>> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    files[entry.path()] = {entry.is_regular_file() ? ReadFile(entry.path()) : Bytes(),
                           entry.last_write_time()};
  }
  return files;
}

RecoverTest::RecoverTest() : disks_(directory_.path() + "/disks"), stores_(disks_, 5) {
  values_ = {{"a", Bytes(40, 'a')},     {"b", Bytes(9000, 'b')}, {"c/d", {}},
             {"e", Bytes(200000, 'e')}, {"f", Bytes(300, 'f')},  {"g", Bytes(1, 'g')}};
  std::vector<RawStores::Write> writes;
  for (const auto& [key, value] : values_) {
    writes.push_back({key, {'o', 'l', 'd'}, Version(1)});
    writes.push_back({key, value, Version(2)});
  }
  sealed_ = stores_.Seal(writes);
  for (std::size_t i = 0; i < sealed_.size(); ++i) {
    rows_.push_back(stores_.Scatter(sealed_[i], writes[i].version));
  }
  for (const auto& rows : rows_) {
    for (int node = 0; node < kNodeCount; ++node) {
      stores_.Put(node, rows[static_cast<std::size_t>(node)]);
    }
  }
}

ProgramResult RecoverTest::WithSecrets(std::vector<std::string> words,
                                       const std::vector<std::string>& options) {
  stores_.Close();
  words.insert(words.end(), {"-o", "json", "--secrets"});
  for (int i = 0; i < kNodeCount; ++i) words.push_back(stores_.secrets_file(i));
  words.insert(words.end(), options.begin(), options.end());
  return RunRecover(words);
}

ProgramResult RecoverTest::Run(const std::vector<std::string>& sources,
                               const std::vector<std::string>& options) {
  std::vector<std::string> words = {"run"};
  words.insert(words.end(), sources.begin(), sources.end());
  words.insert(words.end(), {"--out", out()});
  return WithSecrets(std::move(words), options);
}

ProgramResult RecoverTest::Verify(const std::vector<std::string>& sources,
                                  const std::vector<std::string>& options) {
  std::vector<std::string> words = {"verify"};
  words.insert(words.end(), sources.begin(), sources.end());
  return WithSecrets(std::move(words), options);
}

void RecoverTest::ExpectFiles(std::size_t count) {
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(out())) {
    const std::string name = entry.path().filename();
    if (name[0] == '.') continue;
    ++files;
    const auto of_name = [&name](const auto& one) {
      return tools::FileNameOf(AsBytes(one.first)) == name;
    };
    const auto value = std::find_if(values_.begin(), values_.end(), of_name);
    ASSERT_NE(value, values_.end()) << name;
    EXPECT_TRUE(ReadFile(entry.path()) == value->second) << name;
  }
  EXPECT_EQ(files, count);
}

}  // namespace worldb::testing
