// A directory of its own for one test, removed with all it holds.
#ifndef WORLDB_TESTS_SUPPORT_TEMP_DIRECTORY_H_
#define WORLDB_TESTS_SUPPORT_TEMP_DIRECTORY_H_

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "cryptoscatter/base/check.h"

namespace worldb::testing {

class TempDirectory {
 public:
  TempDirectory()
      : path_((std::filesystem::temp_directory_path() / "worldb-test-XXXXXX").string()) {
    WORLDB_CHECK(mkdtemp(path_.data()) != nullptr);
  }
  ~TempDirectory() {
    std::error_code ignored;  // a directory that stays behind fails no test
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_TEMP_DIRECTORY_H_
