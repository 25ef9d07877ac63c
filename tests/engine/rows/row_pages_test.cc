// Goal:   every row of a range is visited once and in order, whatever the size of a page; damage and a
//         store's own errors are told apart.
// Method: the fake store with rows before, in and behind the range; a row damaged; reads that fail.
#include "engine/rows/row_pages.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "cryptoscatter/base/key_order.h"
#include "tests/support/memory_store.h"
#include "tests/support/sim_executor.h"

namespace worldb::engine {
namespace {

class RowPagesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<StoreWrite> writes;
    for (const char* key : {"o/z", "p", "p/", "p/a", "p/b", "p/c", "p/\xff", "p0", "q/"}) {
      writes.push_back(StoreWrite::Put(RowFamily::kRows, key, std::make_shared<const Bytes>()));
    }
    store_.Commit(std::move(writes), true, [](absl::Status) {});
    world_.RunFor(absl::Seconds(1));
  }
  // The keys visited, up to one that `stop_at` names; `end_` is what `done` was told.
  std::string Visit(std::size_t rows_max, const std::string& stop_at = "") {
    std::string visited;
    end_.reset();
    ReadPages(
        store_, RowRange::WithPrefix(RowFamily::kRows, "p/"), rows_max,
        [&](std::vector<StoreRow>& rows) {
          EXPECT_LE(rows.size(), rows_max);
          for (const StoreRow& row : rows) {
            visited += row.key.substr(1) + " ";
            if (row.key == stop_at) return absl::InvalidArgumentError("stop");
          }
          return absl::OkStatus();
        },
        [&](absl::Status status) { end_ = std::move(status); });
    world_.RunFor(absl::Seconds(1));
    return visited;
  }

  worldb::testing::SimWorld world_;
  worldb::testing::SimExecutor executor_{world_};
  worldb::testing::MemoryDisk disk_;
  worldb::testing::MemoryStore store_{disk_, executor_};
  std::optional<absl::Status> end_;
};

TEST_F(RowPagesTest, EachRowIsVisitedOnceWhateverThePage) {
  for (std::size_t rows_max = 1; rows_max <= 7; ++rows_max) {
    EXPECT_EQ(Visit(rows_max), "/ /a /b /c /\xff ") << rows_max;
    EXPECT_EQ(end_, absl::OkStatus());
  }
}

TEST_F(RowPagesTest, AnErrorOfTheVisitorEndsIt) {
  EXPECT_EQ(Visit(2, "p/b"), "/ /a /b ");
  EXPECT_TRUE(absl::IsInvalidArgument(end_.value()));
}

TEST_F(RowPagesTest, DamageEndsItBehindThePagesThatWereWhole) {
  ASSERT_TRUE(disk_.Corrupt(RowFamily::kRows, "p/c").ok());
  EXPECT_EQ(Visit(2), "/ /a ");
  EXPECT_TRUE(absl::IsDataLoss(end_.value()));
  EXPECT_EQ(Visit(1), "/ /a /b ");
  EXPECT_TRUE(absl::IsDataLoss(end_.value()));
}

TEST_F(RowPagesTest, AStoresOwnErrorIsToldAsItIs) {
  disk_.FailReads(1, absl::UnavailableError("EIO"));
  EXPECT_EQ(Visit(2), "");
  EXPECT_TRUE(absl::IsUnavailable(end_.value()));
  EXPECT_EQ(Visit(2), "/ /a /b /c /\xff ");
}

TEST_F(RowPagesTest, OnePageSaysWhereTheNextBegins) {
  std::optional<RowPage> page;
  RowRange range = RowRange::WithPrefix(RowFamily::kRows, "p/");
  const auto read = [&] {
    ReadPage(store_, range, 3,
             [&page](absl::StatusOr<RowPage> answer) { page = *std::move(answer); });
    world_.RunFor(absl::Seconds(1));
  };
  read();
  EXPECT_FALSE(page->last);
  EXPECT_EQ(page->next, KeyAfter("p/b"));
  range.begin = page->next;
  read();
  EXPECT_TRUE(page->last);
  EXPECT_EQ(page->rows.size(), 2u);
}

}  // namespace
}  // namespace worldb::engine
