// Goal:   a large file has its name whole or not at all, and replaces only what it was told to replace.
// Method: each way to a name, with and without a hidden name before; what is in the directory after.
#include "tools/output_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/temp_directory.h"

namespace worldb::tools {
namespace {

std::string ContentOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

TEST(OutputFile, HasItsNameWholeOrNotAtAll) {
  const testing::TempDirectory directory;
  const std::string path = directory.path() + "/file";
  const auto count = [&] {
    return std::distance(std::filesystem::directory_iterator(directory.path()),
                         std::filesystem::directory_iterator());
  };
  const auto make = [&](absl::string_view content, bool staged) {
    auto file = OutputFile::Create(path);
    EXPECT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE((*file)->WriteAt(0, AsBytes(content)).ok());
    EXPECT_TRUE((*file)->Sync().ok());
    if (staged) {
      EXPECT_TRUE((*file)->Stage().ok());
    }
    return *std::move(file);
  };
  for (const bool staged : {false, true}) {
    { const auto dropped = make("dropped", staged); }
    EXPECT_EQ(count(), 0);
    EXPECT_TRUE(make("one", staged)->Publish(/*overwrite=*/false).ok());
    EXPECT_EQ(ContentOf(path), "one");
    EXPECT_EQ(make("two", staged)->Publish(/*overwrite=*/false).code(),
              absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(ContentOf(path), "one");
    EXPECT_EQ(count(), 1);
    {
      const auto file = make("three", staged);
      EXPECT_EQ(ContentOf(path), "one");
      EXPECT_TRUE(file->Publish(/*overwrite=*/true).ok());
    }
    EXPECT_EQ(ContentOf(path), "three");
    EXPECT_EQ(count(), 1);
    std::filesystem::remove(path);
    EXPECT_TRUE(make("four", staged)->Publish(/*overwrite=*/true).ok());
    EXPECT_EQ(ContentOf(path), "four");
    std::filesystem::remove(path);
  }
  EXPECT_EQ(OutputFile::Create(directory.path()).status().code(),
            absl::StatusCode::kInvalidArgument);
  std::filesystem::create_symlink("elsewhere", directory.path() + "/link");
  EXPECT_EQ(OutputFile::Create(directory.path() + "/link").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(OutputFile::Create("/dev/null").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace worldb::tools
