// Nine raw stores with a few values, two versions of each, for tests that damage them and then run the
// program over them.
//
// Threads: not synchronised; one owner.
#ifndef WORLDB_TESTS_RECOVER_RECOVER_FIXTURE_H_
#define WORLDB_TESTS_RECOVER_RECOVER_FIXTURE_H_

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/sealed_value.h"
#include "tests/recover/program.h"
#include "tests/recover/raw_stores.h"
#include "tests/support/temp_directory.h"

namespace worldb::testing {

Bytes ReadFile(const std::filesystem::path& path);
void WriteFile(const std::filesystem::path& path, const Bytes& bytes);
// Name, bytes and modification time of every file, to see that nothing has changed.
std::map<std::string, std::pair<Bytes, std::filesystem::file_time_type>> Snapshot(
    const std::string& directory);

class RecoverTest : public ::testing::Test {
 protected:
  RecoverTest();

  // The shares of version 2, the newest, and of version 1 of the key that is number `key` in order.
  std::array<RawStores::Rows, kNodeCount>& Newest(std::size_t key) { return rows_[2 * key + 1]; }
  std::array<RawStores::Rows, kNodeCount>& Old(std::size_t key) { return rows_[2 * key]; }

  std::string out() const { return directory_.path() + "/out"; }
  // Each closes the stores first, and names the secrets of all nodes.
  ProgramResult Run(const std::vector<std::string>& sources,
                    const std::vector<std::string>& options = {});
  ProgramResult Verify(const std::vector<std::string>& sources,
                       const std::vector<std::string>& options = {});
  // Every file in out() is a whole value under its name.
  void ExpectFiles(std::size_t count);

  TempDirectory directory_;
  const std::string disks_;
  RawStores stores_;
  std::map<std::string, Bytes> values_;  // of version 2
  std::vector<cryptoscatter::SealedValue> sealed_;
  std::vector<std::array<RawStores::Rows, kNodeCount>> rows_;

 private:
  ProgramResult WithSecrets(std::vector<std::string> words,
                            const std::vector<std::string>& options);
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_RECOVER_RECOVER_FIXTURE_H_
