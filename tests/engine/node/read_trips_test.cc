// Goal:   a Get takes the longer of two trips, to the home and to the nearest who suffice, and not both in a
//         row; and whatever is written meanwhile, what is read is linearizable.
// Method: nine real nodes in virtual time with the delays of the demo. Which trips there are is worked out
//         from all sets of nodes, as the script says which can read.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/script.h"
#include "tests/support/linearizability.h"
#include "tests/support/sim_cell.h"

namespace worldb::testing {
namespace {

using GetInquiry = std::shared_ptr<Inquiry<engine::GetReply>>;

// Beside the trip: marks, disks and processors.
constexpr absl::Duration kSlack = absl::Milliseconds(10);

absl::Duration Trip(DataCenterIndex a, DataCenterIndex b) {
  static constexpr double kMilliseconds[3][3] = {{0.4, 90, 150}, {90, 0.4, 230}, {150, 230, 0.4}};
  return absl::Milliseconds(1) * kMilliseconds[a.value()][b.value()];
}

// To the slowest of the quickest set that can read.
absl::Duration TripToReadable(const cryptoscatter::Script& script, NodeIndex reader) {
  absl::Duration best = absl::InfiniteDuration();
  for (std::uint16_t bits = 1; bits < 1 << kNodeCount; ++bits) {
    const NodeSet set = NodeSet::FromBits(bits);
    if (!script.IsReadable(set)) continue;
    absl::Duration slowest = absl::ZeroDuration();
    for (int i = 0; i < kNodeCount; ++i) {
      if (!set.Has(i)) continue;
      slowest = std::max(slowest, Trip(DataCenterOf(reader), DataCenterOf(NodeAt(i))));
    }
    best = std::min(best, slowest);
  }
  return best;
}

class ReadTripsTest : public ::testing::Test {
 protected:
  void SetUp() override { cell_.world().RunFor(absl::Seconds(2)); }
  absl::Duration TimeOf(int node, const std::string& key) {
    const GetInquiry got = cell_.AskLatest(node, key);
    cell_.world().RunUntil([&] { return got->reply.has_value(); }, absl::Seconds(30));
    EXPECT_TRUE(got->reply.has_value() && got->reply->ok());
    return got->answered - got->asked;
  }

  SimCell cell_;
};

TEST_F(ReadTripsTest, AGetTakesTheLongerTripFromEveryNodeToEveryHome) {
  const auto script = cryptoscatter::Script::Nested();
  for (int home = 0; home < kDataCenterCount; ++home) {
    const std::string key = cell_.KeyAt(home);
    ASSERT_EQ(cell_.SetAndWait(1, key, std::string(256, 'x'), arbiter::Level::kFull)->level(),
              arbiter::Level::kFull);
    for (int reader = 0; reader < kNodeCount; ++reader) {
      const absl::Duration to_home = Trip(DataCenterOf(NodeAt(reader)), DataCenterAt(home));
      const absl::Duration longer = std::max(to_home, TripToReadable(*script, NodeAt(reader)));
      std::vector<absl::Duration> times;
      for (int i = 0; i < 5; ++i) times.push_back(TimeOf(reader, key));
      std::sort(times.begin(), times.end());
      EXPECT_LE(times[2], longer + kSlack) << "node " << reader << ", home " << home;
      EXPECT_GE(times[0], to_home) << "answered before the home can have been asked";
    }
  }
}

TEST_F(ReadTripsTest, AValueTooLargeToMoveInVainTakesBothTrips) {
  const std::string key = cell_.KeyAt(0);
  cell_.SetAndWait(1, key, std::string(40'000, 'x'), arbiter::Level::kFull);
  TimeOf(7, key);
  EXPECT_GT(TimeOf(7, key), absl::Milliseconds(290));
}

// Reads overtake writes and are overtaken, from all nodes at once: what nodes hold is often outdated, or ahead
// of what its home may tell.
TEST_F(ReadTripsTest, WhatIsReadOfAKeyThatIsWrittenAllTheTimeIsLinearizable) {
  for (int home = 0; home < kDataCenterCount; ++home) {
    const std::string key = cell_.KeyAt(home, "hot");
    std::vector<std::shared_ptr<SetRecord>> sets;
    std::vector<absl::Duration> asked;
    std::vector<GetInquiry> gets;
    for (int round = 0; round < 120; ++round) {
      if (round % 3 == 0) {
        asked.push_back(cell_.world().Elapsed());
        sets.push_back(cell_.Set((round * 5) % kNodeCount, key, absl::StrCat("value ", round)));
      }
      gets.push_back(cell_.AskLatest((round * 7) % kNodeCount, key));
      cell_.world().RunFor(absl::Milliseconds(20 + 13 * (round % 11)));
    }
    cell_.world().RunFor(absl::Seconds(15));
    std::map<OpId, std::int64_t> values;
    std::vector<RegisterOp> ops;
    for (std::size_t i = 0; i < sets.size(); ++i) {
      const auto outcome = sets[i]->outcome();
      ASSERT_TRUE(outcome.has_value());
      if (outcome->kind != arbiter::OutcomeKind::kWon) continue;
      values[sets[i]->op] = static_cast<std::int64_t>(i) + 1;
      RegisterOp write{.write = true, .value = values[sets[i]->op], .asked = asked[i]};
      for (std::size_t j = 0; j < sets[i]->events.size(); ++j) {
        const auto* level = std::get_if<engine::SetLevel>(&sets[i]->events[j]);
        if (level == nullptr || level->level < arbiter::Level::kSafe) continue;
        write.answered = std::min(write.answered, sets[i]->times[j]);
      }
      ops.push_back(write);
    }
    int read = 0;
    for (const GetInquiry& got : gets) {
      ASSERT_TRUE(got->reply.has_value());
      std::int64_t value = 0;
      if (got->reply->ok()) {
        ASSERT_TRUE(values.contains((*got->reply)->op)) << "read what nobody won";
        value = values[(*got->reply)->op];
        ++read;
      } else if (!absl::IsNotFound(got->reply->status())) {
        continue;
      }
      ops.push_back(
          {.write = false, .value = value, .asked = got->asked, .answered = got->answered});
    }
    EXPECT_GT(read, 60);
    EXPECT_EQ(WhyNotLinearizable(ops), "") << "home " << home;
  }
}

}  // namespace
}  // namespace worldb::testing
