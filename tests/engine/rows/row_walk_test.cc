// Goal:   whatever is damaged, everything else is visited once and in order, and the walk ends.
// Method: the fake store with rows under hashes, some of them damaged: one, a run of them, the first, the last, all.
#include "engine/rows/row_walk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

#include "tests/support/memory_store.h"
#include "tests/support/seeded_entropy.h"
#include "tests/support/sim_executor.h"

namespace worldb::engine {
namespace {

class RowWalkTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kCount = 500;

  void SetUp() override {
    worldb::testing::SeededEntropy entropy(7);
    std::vector<StoreWrite> writes;
    const auto put = [&](std::string key) {
      writes.push_back(StoreWrite::Put(RowFamily::kRows, key, std::make_shared<const Bytes>()));
    };
    for (std::size_t i = 0; i < kCount; ++i) {
      const auto hash = entropy.Draw<32>();
      keys_.push_back("p/" + std::string(hash.begin(), hash.end()));
      put(keys_.back());
    }
    std::sort(keys_.begin(), keys_.end());
    put("o/");
    put("q/");
    store_.Commit(std::move(writes), true, [](absl::Status) {});
    world_.RunFor(absl::Seconds(1));
  }
  void Damage(std::size_t i) { ASSERT_TRUE(disk_.Corrupt(RowFamily::kRows, keys_[i]).ok()); }
  std::vector<std::string> Visited() {
    std::vector<std::string> visited;
    std::optional<absl::Status> end;
    ReadWhole(
        store_, RowWalk(RowFamily::kRows, "p/", 64, 4),
        [&](std::vector<StoreRow>& rows) {
          for (const StoreRow& row : rows) visited.push_back(row.key);
        },
        [&](absl::Status status) { end = std::move(status); });
    world_.RunFor(absl::Seconds(10));
    EXPECT_EQ(end, absl::OkStatus());
    EXPECT_TRUE(std::is_sorted(visited.begin(), visited.end()));
    EXPECT_EQ(std::set<std::string>(visited.begin(), visited.end()).size(), visited.size());
    return visited;
  }

  worldb::testing::SimWorld world_;
  worldb::testing::SimExecutor executor_{world_};
  worldb::testing::MemoryDisk disk_;
  worldb::testing::MemoryStore store_{disk_, executor_};
  std::vector<std::string> keys_;
};

TEST_F(RowWalkTest, WithoutDamageEveryRowIsVisited) { EXPECT_EQ(Visited(), keys_); }

// A step that reaches behind the bad row may take its next neighbours along, and no more.
TEST_F(RowWalkTest, OneBadRowCostsThatRowAndAtMostAFewBehindIt) {
  std::size_t damaged = 0;
  for (const std::size_t bad : {0u, 64u, 250u, 251u, 252u, 499u}) {
    Damage(bad);
    ++damaged;
    const std::vector<std::string> visited = Visited();
    EXPECT_GE(visited.size(), keys_.size() - damaged - 3 * damaged) << bad;
    EXPECT_LE(visited.size(), keys_.size() - damaged) << bad;
  }
}

TEST_F(RowWalkTest, AWalkOverNothingButDamageEnds) {
  for (std::size_t i = 0; i < keys_.size(); ++i) Damage(i);
  EXPECT_TRUE(Visited().empty());
}

TEST_F(RowWalkTest, AnErrorThatIsNoDamageEndsIt) {
  disk_.FailReads(1, absl::UnavailableError("EIO"));
  std::optional<absl::Status> end;
  ReadWhole(
      store_, RowWalk(RowFamily::kRows, "p/", 64, 4), [](std::vector<StoreRow>&) {},
      [&](absl::Status status) { end = std::move(status); });
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(end, absl::UnavailableError("EIO"));
}

}  // namespace
}  // namespace worldb::engine
