// Goal:   nothing empty takes the place of a disk that is missing; what is missing is named, and where
//         only one data center misses its disks the cell opens without it.
// Method: a cell made on a directory of its own, parts of which are removed while it is closed.
#include "tools/local_cell.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/strings/match.h"
#include "tests/support/temp_directory.h"

namespace worldb::tools {
namespace {

class LocalCellTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(Open().ok()); }

  absl::StatusOr<std::unique_ptr<LocalCell>> Open(bool needs_all_disks = true) {
    LocalCell::Options options;
    options.data_dir = directory_.path() + "/data";
    options.needs_all_disks = needs_all_disks;
    return LocalCell::Open(options);
  }
  std::filesystem::path At(const std::string& name) const {
    return directory_.path() + "/data/" + name;
  }
  void Lose(const std::string& name) { ASSERT_GT(std::filesystem::remove_all(At(name)), 0u); }
  void LoseStoresOfTokyo() {
    for (const char* node : {"tokyo-1", "tokyo-2", "tokyo-3"}) {
      Lose(std::string("nodes/") + node + "/store");
    }
  }
  static void ExpectRefused(const absl::Status& status, const std::string& words) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), words)) << status;
    EXPECT_FALSE(absl::StrContains(status.message(), "remove")) << status;
  }

  testing::TempDirectory directory_;
};

constexpr NodeIndex kTokyo1(6);

TEST_F(LocalCellTest, AStoreThatIsMissingIsNamedAndNotMade) {
  Lose("nodes/tokyo-1/store");
  const auto cell = Open();
  ASSERT_TRUE(cell.ok()) << cell.status();
  ExpectRefused((*cell)->StartNode(kTokyo1), "--new-disk tokyo-1");
  ASSERT_FALSE((*cell)->IsRunning(kTokyo1));
  EXPECT_FALSE(std::filesystem::exists(At("nodes/tokyo-1/store")));
  EXPECT_TRUE((*cell)->StartNode(kTokyo1, /*new_disk=*/true).ok());
}

TEST_F(LocalCellTest, ALogThatIsMissingIsNamedAndNotMade) {
  Lose("logs/tokyo");
  ExpectRefused(Open().status(), "holds no accept log");
  EXPECT_FALSE(std::filesystem::exists(At("logs/tokyo")));
}

TEST_F(LocalCellTest, NoTriadBeginsAnewOnEmptyDisks) {
  LoseStoresOfTokyo();
  const auto cell = Open();
  ASSERT_TRUE(cell.ok()) << cell.status();
  ExpectRefused((*cell)->StartNode(kTokyo1, /*new_disk=*/true), "holds no store either");
  EXPECT_FALSE(std::filesystem::exists(At("nodes/tokyo-1/store")));
}

TEST_F(LocalCellTest, WithoutOneDataCentersDisksItIsOutAndTheRestStarts) {
  LoseStoresOfTokyo();
  Lose("logs/tokyo");
  const auto cell = Open(/*needs_all_disks=*/false);
  ASSERT_TRUE(cell.ok()) << cell.status();
  ASSERT_TRUE((*cell)->outage().has_value());
  EXPECT_EQ((*cell)->outage()->data_center, DataCenterAt(2));
  for (const bool new_disk : {false, true}) {
    ExpectRefused((*cell)->StartNode(kTokyo1, new_disk), "tokyo is OUT");
  }
  EXPECT_TRUE((*cell)->StartNode(NodeAt(0)).ok());
  EXPECT_FALSE(std::filesystem::exists(At("nodes/tokyo-1/store")));
  EXPECT_FALSE(std::filesystem::exists(At("logs/tokyo")));
}

TEST_F(LocalCellTest, OfWhatIsHalfMadeNothingIsSaidToBeWorthless) {
  Lose("cell");
  ExpectRefused(Open().status(), "worldb-recover reads what the stores hold");
}

}  // namespace
}  // namespace worldb::tools
