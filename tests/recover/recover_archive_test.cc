// Archives and share files as sources.
//
// Goal:   mixed and nested as they come, they give what stores give; hostile ones do no harm, and nothing
//         that was unpacked stays behind.
// Method: archives written here, some hostile, some of stores; the program over them, also stopped and
//         killed in the middle.
#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/share_file.h"
#include "engine/shares/share_store.h"
#include "tests/recover/recover_fixture.h"
#include "tests/support/seeded_entropy.h"
#include "tools/recover/files/archive.h"
#include "tools/recover/sources/catalog.h"

namespace worldb::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

using RecoverArchiveTest = RecoverTest;

struct Entry {
  std::string path;
  Bytes bytes;
  mode_t type = AE_IFREG;
  std::string link{};
};
void WriteArchive(const std::string& path, const std::vector<Entry>& entries) {
  struct archive* out = archive_write_new();
  if (path.ends_with(".zip")) {
    archive_write_set_format_zip(out);
  } else {
    archive_write_set_format_pax_restricted(out);
  }
  if (path.ends_with(".gz")) archive_write_add_filter_gzip(out);
  if (path.ends_with(".zst")) archive_write_add_filter_zstd(out);
  ASSERT_EQ(archive_write_open_filename(out, path.c_str()), ARCHIVE_OK);
  for (const Entry& entry : entries) {
    struct archive_entry* header = archive_entry_new();
    archive_entry_set_pathname(header, entry.path.c_str());
    archive_entry_set_filetype(header, entry.type);
    archive_entry_set_perm(header, 0644);
    archive_entry_set_size(header, static_cast<la_int64_t>(entry.bytes.size()));
    if (!entry.link.empty() && entry.type == AE_IFLNK) {
      archive_entry_set_symlink(header, entry.link.c_str());
    } else if (!entry.link.empty()) {
      archive_entry_set_hardlink(header, entry.link.c_str());
    }
    ASSERT_EQ(archive_write_header(out, header), ARCHIVE_OK) << archive_error_string(out);
    archive_write_data(out, entry.bytes.data(), entry.bytes.size());
    archive_entry_free(header);
  }
  archive_write_free(out);
}
std::vector<Entry> EntriesOf(const std::string& directory, const std::string& below) {
  std::vector<Entry> entries;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    entries.push_back({absl::StrCat(below, "/", fs::relative(entry.path(), directory).string()),
                       ReadFile(entry.path())});
  }
  return entries;
}

TEST_F(RecoverArchiveTest, ArchivesAndShareFilesMixed) {
  stores_.Close();
  const std::string heap = directory_.path() + "/heap";
  fs::create_directories(heap + "/deep/er");
  WriteArchive(heap + "/one.tar.gz", EntriesOf(stores_.store_dir(0), "nodes/x/store"));
  WriteArchive(heap + "/deep/two.zip", EntriesOf(stores_.store_dir(1), "./store"));
  WriteArchive(heap + "/deep/er/three.tar.zst", EntriesOf(stores_.store_dir(3), "s"));
  // With the cell file a share file names its node, without it every key is tried.
  ASSERT_EQ(RunRecover({"export", stores_.store_dir(4), "--cell", stores_.cell_file(), "--out",
                        heap + "/files"})
                .exit_code,
            0);
  ASSERT_EQ(RunRecover({"export", stores_.store_dir(7), "--out", heap + "/more"}).exit_code, 0);
  const ProgramResult result = Run({heap});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  ExpectFiles(values_.size());
  EXPECT_EQ(result.Events("version").at(0)["good"], nlohmann::json({0, 1, 3, 4, 7}));

  // A share file with any byte changed is named, and the rest still does.
  const std::string victim = fs::directory_iterator(heap + "/files")->path();
  Bytes bytes = ReadFile(victim);
  bytes[bytes.size() / 2] ^= 4;
  WriteFile(victim, bytes);
  const ProgramResult damaged = Run({heap});
  EXPECT_EQ(damaged.exit_code, 65);
  EXPECT_THAT(damaged.err, HasSubstr(fs::path(victim).filename().string()));
}

TEST_F(RecoverArchiveTest, ArchivesShareOneLimitAndDoNotNestForEver) {
  const std::string heap = directory_.path() + "/heap";
  fs::create_directories(heap);
  for (const char* name : {"/1.tar.gz", "/2.tar.gz"}) {
    WriteArchive(heap + name, {{"zeros", Bytes(700 << 10)}});
  }
  tools::UnpackLimits limits;
  limits.bytes_max = 1 << 20;
  EXPECT_EQ(tools::Catalog::Read({heap}, limits, {})->bad().size(), 1u);
  std::string inner = directory_.path() + "/0.tar";
  WriteArchive(inner, {{"f", {1}}});
  for (int i = 1; i < 4; ++i) {
    const std::string outer = absl::StrCat(directory_.path(), "/", i, ".tar");
    WriteArchive(outer, {{"inner.tar", ReadFile(inner)}});
    inner = outer;
  }
  const ProgramResult nested = RunRecover({"inspect", inner});
  EXPECT_EQ(nested.exit_code, 65);
  EXPECT_THAT(nested.err, HasSubstr("in 3 archives already"));
  // What is called a cell directory, and is none; values of an earlier run are no sources.
  fs::create_directories(directory_.path() + "/more/values");
  WriteFile(directory_.path() + "/more/cell", {1, 2, 3});
  WriteFile(directory_.path() + "/more/values/.worldb-recover.journal", {});
  WriteFile(directory_.path() + "/more/values/key.tar", {1});
  const ProgramResult more = RunRecover({"inspect", directory_.path() + "/more"});
  EXPECT_EQ(more.exit_code, 65);
  EXPECT_THAT(more.err, HasSubstr("bad source " + directory_.path() + "/more/cell"));
  EXPECT_THAT(more.err, Not(HasSubstr("key.tar")));
}

TEST_F(RecoverArchiveTest, HostileArchivesAreRefused) {
  const std::vector<std::pair<std::string, std::vector<Entry>>> hostile = {
      {"leads out", {{"a/../../escaped", {1}}}},
      {"absolute path", {{directory_.path() + "/escaped", {1}}}},
      {"is a link", {{"l", {}, AE_IFLNK, "/etc/passwd"}}},
      {"is a link", {{"f", {1}}, {"h", {}, AE_IFREG, "f"}}},
      {"neither a plain file", {{"fifo", {}, AE_IFIFO}}},
      {"cannot be unpacked", {{"twice", {1}}, {"twice", {2}}}},
  };
  for (const auto& [reason, entries] : hostile) {
    const std::string path = directory_.path() + "/hostile.tar";
    WriteArchive(path, entries);
    const ProgramResult result = RunRecover({"inspect", path});
    EXPECT_EQ(result.exit_code, 65);
    EXPECT_THAT(result.err, HasSubstr(reason));
    EXPECT_THAT(result.err, HasSubstr("name the directory instead"));
    EXPECT_FALSE(fs::exists(directory_.path() + "/escaped"));
  }
  // Far more than it seems.
  WriteArchive(directory_.path() + "/bomb.tar.gz", {{"zeros", Bytes(4 << 20)}});
  tools::UnpackLimits limits;
  limits.bytes_max = 1 << 20;
  fs::create_directory(directory_.path() + "/unpacked");
  const absl::Status status = tools::UnpackArchive(directory_.path() + "/bomb.tar.gz",
                                                   directory_.path() + "/unpacked", limits);
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  // Cut off in the middle.
  Bytes bytes = ReadFile(directory_.path() + "/bomb.tar.gz");
  bytes.resize(bytes.size() / 2);
  WriteFile(directory_.path() + "/cut.tar.gz", bytes);
  EXPECT_EQ(RunRecover({"inspect", directory_.path() + "/cut.tar.gz"}).exit_code, 65);
}

TEST_F(RecoverArchiveTest, OfAnArchiveThatIsCutOffTheBeginningIsUsed) {
  stores_.Close();
  std::vector<Entry> entries;
  for (int node = 0; node < kNodeCount; ++node) {
    for (Entry& entry :
         EntriesOf(stores_.store_dir(node), absl::StrCat("nodes/", node, "/store"))) {
      entries.push_back(std::move(entry));
    }
  }
  for (const char* name : {"/all.tar", "/all.tar.gz"}) {
    const std::string path = directory_.path() + name;
    WriteArchive(path, entries);
    fs::resize_file(path, fs::file_size(path) * 93 / 100);
    fs::remove_all(out());
    const ProgramResult result = Run({path});
    EXPECT_EQ(result.exit_code, 65) << result.err;
    EXPECT_THAT(result.err, HasSubstr("archive damaged or cut off"));
    ExpectFiles(values_.size());
  }
}

TEST_F(RecoverArchiveTest, ShareFileOfNoNodeIsDamagedWhenNoKeyCanOpenIt) {
  stores_.Close();
  const std::string files = directory_.path() + "/files";
  ASSERT_EQ(RunRecover({"export", stores_.store_dir(7), "--out", files}).exit_code, 0);
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(files)) {
    if (entry.path().extension() == ".wds") paths.push_back(entry.path());
  }
  std::vector<cryptoscatter::ShareFile> shares;
  for (const fs::path& path : paths) {
    auto share = cryptoscatter::DecodeShareFile(ReadFile(path));
    ASSERT_TRUE(share.ok()) << share.status();
    ASSERT_TRUE(share->node.IsZero());
    shares.push_back(*std::move(share));
  }
  shares[1].key_share = shares[2].key_share;  // another share's
  shares[0].key_share.reset();
  for (const int i : {0, 1}) {
    WriteFile(paths[i], ToBytes(cryptoscatter::EncodeShareFile(shares[i]).ExposeSecret()));
  }
  // The cell directory says whose it should be; with no key share at all there is no question.
  const ProgramResult with = Verify({files, stores_.cell_file()});
  EXPECT_EQ(with.exit_code, 65);
  EXPECT_EQ(with.Events("bad_share").size(), 2u);
  EXPECT_THAT(with.out, HasSubstr("it has no key share"));
  EXPECT_THAT(with.out, HasSubstr("its key share does not unwrap"));
  EXPECT_EQ(Verify({files}).Events("bad_share").size(), 1u);
}

TEST_F(RecoverArchiveTest, NothingUnpackedOutlivesASignalOrTheNextRun) {
  // More to say than pipe and reader hold, so that the program is still at it when the signal comes.
  constexpr int kBadRows = 2000;
  SeededEntropy entropy(1);
  for (int i = 0; i < kBadRows; ++i) {
    KeyTag tag;
    tag.bytes = entropy.Draw<16>();
    stores_.Put(0, engine::RowFamily::kRows, engine::ShareRow::Key(tag, SlotEpoch(1), Version(1)),
                {'b', 'a', 'd'});
  }
  stores_.Close();
  const std::string archive = directory_.path() + "/one.tar";
  WriteArchive(archive, EntriesOf(stores_.store_dir(0), "store"));
  const std::string temporary = directory_.path() + "/temporary";
  fs::create_directories(temporary + "/worldb-recover-abcdef/files");  // somebody's own
  const auto unpacked = [&temporary] {
    return std::distance(fs::directory_iterator(temporary), fs::directory_iterator()) - 1;
  };
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  ASSERT_EQ(::setenv("TMPDIR", temporary.c_str(), 1), 0);
  for (const int signal : {SIGTERM, SIGINT, SIGKILL}) {
    const ProgramResult result = RunRecover({"verify", archive, "-o", "json"}, 1, signal);
    EXPECT_EQ(result.signal, signal);
    EXPECT_LT(result.Events("bad_share").size(), static_cast<std::size_t>(kBadRows));
    EXPECT_EQ(unpacked(), signal == SIGKILL ? 1 : 0);
  }
  EXPECT_EQ(RunRecover({"inspect", archive}).exit_code, 65);
  EXPECT_EQ(unpacked(), 0);
  EXPECT_TRUE(fs::exists(temporary + "/worldb-recover-abcdef/files"));
  // Nowhere to unpack to: that is no damage.
  ASSERT_EQ(::setenv("TMPDIR", "/no/such", 1), 0);
  const ProgramResult nowhere = RunRecover({"verify", archive});
  EXPECT_EQ(nowhere.exit_code, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("TMPDIR=/no/such"));
  EXPECT_THAT(nowhere.err, ::testing::Not(HasSubstr("its writer signed")));
  before == nullptr ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", kept.c_str(), 1);
}

}  // namespace
}  // namespace worldb::testing
