// Goal:   intervals are ordered only when they are apart, ranks always, and no node wins every tie.
// Method: small exhaustive cases; many versions for the ties.

#include "arbiter/stamp.h"

#include <array>
#include <vector>

#include "gtest/gtest.h"

namespace worldb::arbiter {
namespace {

const absl::Time kZero = absl::FromUnixSeconds(1735689600);

Stamp At(int midpoint_ns, int bound_ns, int node = 0) {
  return {kZero + absl::Nanoseconds(midpoint_ns), absl::Nanoseconds(bound_ns), NodeAt(node),
          StreamEpoch(1), FrameNumber(1)};
}

OpId Op(std::uint8_t last) {
  OpId op;
  op.bytes[15] = last;
  return op;
}

// Every pair of small intervals, against the points they hold.
TEST(Stamp, OrderIsSureOnlyWhenNoPointIsShared) {
  for (int ma = 0; ma < 7; ++ma) {
    for (int ua = 0; ua < 4; ++ua) {
      for (int mb = 0; mb < 7; ++mb) {
        for (int ub = 0; ub < 4; ++ub) {
          const StampOrder expected = ma + ua < mb - ub   ? StampOrder::kBefore
                                      : mb + ub < ma - ua ? StampOrder::kAfter
                                                          : StampOrder::kUncertain;
          EXPECT_EQ(CompareStamps(At(ma, ua), At(mb, ub)), expected);
        }
      }
    }
  }
}

TEST(Rank, MidpointFirstAndWidthNever) {
  const KeyTag key{};
  for (int node = 0; node < kNodeCount; ++node) {
    EXPECT_LT(RankOf(At(1, 1000, node), key, Version(1), Op(9)),
              RankOf(At(2, 0, 0), key, Version(1), Op(1)));
    EXPECT_EQ(RankOf(At(1, 0, node), key, Version(1), Op(1)),
              RankOf(At(1, 1000, node), key, Version(1), Op(1)));
  }
}

TEST(Rank, OfOneNodeAtOneMomentTheOpIdDecides) {
  EXPECT_LT(RankOf(At(1, 0), {}, Version(1), Op(1)), RankOf(At(1, 0), {}, Version(1), Op(2)));
}

// With the op id all ties would go one way for ever; the hash deals them out evenly.
TEST(Rank, TiesGoToEveryNodeAlike) {
  constexpr int kVersions = 9000;
  KeyTag key;
  key.bytes[3] = 5;
  std::array<int, kNodeCount> wins{};
  for (int version = 1; version <= kVersions; ++version) {
    int best = 0;
    for (int node = 1; node < kNodeCount; ++node) {
      const Version v(static_cast<std::uint64_t>(version));
      if (RankOf(At(1, 0, node), key, v, Op(9)) < RankOf(At(1, 0, best), key, v, Op(9)))
        best = node;
    }
    ++wins[static_cast<std::size_t>(best)];
  }
  // 1000 expected, standard deviation about 30.
  for (const int count : wins) EXPECT_NEAR(count, kVersions / kNodeCount, 150);
}

}  // namespace
}  // namespace worldb::arbiter
