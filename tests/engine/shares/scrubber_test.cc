// Goal:   damage that no reader has met is found, and said of the right shares.
// Method: a cell that scrubs fast; the rows its shares lean on are lost and damaged behind its back.
#include "engine/shares/scrubber.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/support/share_cell.h"

namespace worldb::testing {
namespace {

using engine::BatchRow;

class ScrubberTest : public ShareCellTest {
 protected:
  static SimCell::Options Scrubbing() {
    SimCell::Options options;
    options.node.scrub.page_rows = 4;
    options.node.scrub.page_every = absl::Milliseconds(100);
    options.node.scrub.rest = absl::Seconds(1);
    return options;
  }
  ScrubberTest() : ShareCellTest(Scrubbing()) {}
};

TEST_F(ScrubberTest, ALostOrDamagedBatchRowIsMadeAgainFromOtherNodes) {
  const Scattered values = Scatter(5);
  for (int node = 0; node < kNodeCount; ++node) HandOneByOne(node, values);
  cell_.world().RunFor(absl::Seconds(3));
  const engine::StoreRow row = RowsOf(4, BatchRow::kFamilyPrefix).at(0);
  const auto whole = [&] {
    for (std::size_t i = 0; i < values.versions.size(); ++i) {
      if (!WrongWith(4, values, i).empty()) return false;
    }
    return true;
  };
  std::uint64_t found = 0;
  const auto expect_mended = [&](const char* what) {
    EXPECT_FALSE(whole()) << what;
    EXPECT_TRUE(cell_.world().RunUntil(whole, absl::Seconds(30))) << what;
    cell_.world().RunFor(absl::Seconds(3));
    const engine::RepairStatus repairs = cell_.Status(4).repair;
    EXPECT_GT(repairs.bad_shares_found, found) << what;
    found = repairs.bad_shares_found;
    EXPECT_EQ(repairs.key_shares_repaired, 0u) << what;
    EXPECT_EQ(RowsOf(4, BatchRow::kFamilyPrefix).at(0).value, row.value) << what;
  };
  Tamper(4, row.key, std::nullopt);
  expect_mended("gone");
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{20}, std::size_t{80}, std::size_t{113}, row.value.size() - 1}) {
    Bytes bad = row.value;
    bad[at] ^= 1;
    Tamper(4, row.key, bad);
    expect_mended(absl::StrCat("byte ", at).c_str());
  }
  // The node has it no longer in memory, either.
  cell_.StopNode(4);
  Bytes cut = row.value;
  cut.resize(cut.size() - 32);
  Tamper(4, row.key, cut);
  cell_.StartNode(4);
  found = 0;
  expect_mended("cut short, and started anew");
}

}  // namespace
}  // namespace worldb::testing
