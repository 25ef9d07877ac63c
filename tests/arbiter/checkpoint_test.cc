// Goal:   checkpoint rows are the whole state, laid out as docs/checkpoint-format.md says, and no fault
//         in them becomes another state.
// Method: a hand-made state against its rows; the rows of random histories with one row dropped,
//         repeated, exchanged, cut or left out of date, or one bit turned, in the key or the value.
//         That rows restore to the same state is held by home_state_property_test.

#include "arbiter/checkpoint.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "arbiter/home_state.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/contest_history.h"

namespace worldb::testing {
namespace {

using arbiter::Candidate;
using arbiter::Checkpoint;
using arbiter::CheckpointMade;
using arbiter::ContestRule;
using arbiter::HomeState;
using arbiter::LogEntry;
using ::testing::HasSubstr;

constexpr DataCenterIndex kHome(1);

// The rows in any order and any number.
using RowList = std::vector<std::pair<std::string, Bytes>>;

absl::Status Restore(const RowList& rows) {
  HomeState state(kHome, ContestRule());
  for (const auto& [key, value] : rows) {
    if (absl::Status status = state.RestoreRow(key, value); !status.ok()) return status;
  }
  return state.FinishRestore();
}

RowList ListOf(const CheckpointRows& rows) { return RowList(rows.begin(), rows.end()); }

// The rows of a random history after each of its checkpoints, oldest first; the rule is not part of
// them.
std::vector<CheckpointRows> RandomRows(std::uint64_t seed) {
  SeededChoices choices(seed);
  HistoryCounts counts;
  ContestHistory history(choices, counts);
  std::vector<CheckpointRows> all;
  for (int i = 0; i < 40; ++i) {
    const LogIndex before = history.state().checkpoint().at;
    EXPECT_EQ(history.Step(), "");
    if (history.state().checkpoint().at != before) all.push_back(history.rows());
  }
  return all;
}

void ExpectRefused(const RowList& rows, const std::string& what) {
  const absl::Status status = Restore(rows);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << what << ": " << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("fetched from a sibling")) << what;
}

TEST(Checkpoint, ARowThatIsMissingRepeatedCutOrLongerIsDataLoss) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const std::vector<CheckpointRows> all = RandomRows(seed);
    if (all.empty()) continue;
    const RowList rows = ListOf(all.back());
    ASSERT_TRUE(Restore(rows).ok());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::string what =
          absl::StrCat("seed ", seed, ", row ", rows[i].first.substr(0, 1), " ", i);
      const auto at = static_cast<std::ptrdiff_t>(i);
      RowList changed = rows;
      changed.erase(changed.begin() + at);
      ExpectRefused(changed, "without " + what);
      changed = rows;
      changed.insert(changed.begin() + at, rows[i]);
      ExpectRefused(changed, "twice " + what);
      changed = rows;
      changed.push_back(rows[i]);
      ExpectRefused(changed, "again " + what);
      changed = rows;
      changed[i].second.push_back(0);
      ExpectRefused(changed, "longer " + what);
      changed = rows;
      changed[i].second.pop_back();
      ExpectRefused(changed, "shorter " + what);
      changed[i].second.clear();
      ExpectRefused(changed, "empty " + what);
    }
    ExpectRefused({}, "nothing");
  }
}

TEST(Checkpoint, EveryTurnedBitIsDataLoss) {
  for (std::uint64_t seed = 3; seed <= 6; ++seed) {
    const std::vector<CheckpointRows> all = RandomRows(seed);
    ASSERT_FALSE(all.empty());
    const RowList rows = ListOf(all.back());
    RowList changed = rows;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      auto& [key, value] = changed[i];
      const std::string what = absl::StrCat("seed ", seed, ", row ", i, ", bit ");
      for (std::size_t bit = 0; bit < 8 * key.size(); ++bit) {
        key[bit / 8] = static_cast<char>(key[bit / 8] ^ (1 << (bit % 8)));
        ExpectRefused(changed, absl::StrCat(what, bit, " of the key"));
        key = rows[i].first;
      }
      for (std::size_t bit = 0; bit < 8 * value.size(); ++bit) {
        value[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
        ExpectRefused(changed, absl::StrCat(what, bit));
        value[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
      }
    }
  }
}

// A store that missed a part of a checkpoint, or exchanged two rows.
TEST(Checkpoint, RowsOfTwoCheckpointsAndExchangedRowsAreDataLoss) {
  int kept = 0;
  int exchanged = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const std::vector<CheckpointRows> all = RandomRows(seed);
    for (std::size_t i = 1; i < all.size(); ++i) {
      for (const auto& [key, value] : all[i - 1]) {
        const auto now = all[i].find(key);
        if (now != all[i].end() && now->second == value) continue;
        CheckpointRows old_row = all[i];
        old_row[key] = value;
        if (old_row == all[i - 1]) continue;  // only the header had changed
        ExpectRefused(ListOf(old_row),
                      absl::StrCat("seed ", seed, ", an old row ", key.substr(0, 1)));
        ++kept;
      }
      for (const auto& [key, value] : all[i]) {
        if (all[i - 1].contains(key)) continue;
        CheckpointRows not_put = all[i];
        not_put.erase(key);
        ExpectRefused(ListOf(not_put), absl::StrCat("seed ", seed, ", not put ", key.substr(0, 1)));
      }
    }
    if (all.empty()) continue;
    const CheckpointRows& last = all.back();
    for (auto a = last.begin(), b = a; a != last.end(); ++a) {
      b = std::next(a);
      if (b == last.end() || a->second == b->second) continue;
      CheckpointRows swapped = last;
      std::swap(swapped[a->first], swapped[b->first]);
      ExpectRefused(ListOf(swapped),
                    absl::StrCat("seed ", seed, ", exchanged ", a->first.substr(0, 1)));
      ++exchanged;
    }
  }
  EXPECT_GT(kept, 500);
  EXPECT_GT(exchanged, 300);
}

TEST(Checkpoint, OfAnotherHomeOrFormatIsDataLoss) {
  const RowList rows = ListOf(RandomRows(1).back());
  HomeState other(DataCenterIndex(2), ContestRule());
  const absl::Status status = other.RestoreRow(rows[0].first, rows[0].second);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another home"));
  RowList changed = rows;
  changed[0].second[0] = 2;
  const absl::Status format = Restore(changed);
  EXPECT_EQ(format.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(format.message()), HasSubstr("unknown format"));
}

TEST(Checkpoint, TheSumDoesNotDependOnTheOrderInWhichRowsWereWritten) {
  const Bytes one = {1};
  const Bytes two = {2};
  arbiter::RowSum a = arbiter::RowSum::Of("a", one);
  a += arbiter::RowSum::Of("b", two);
  arbiter::RowSum b = arbiter::RowSum::Of("b", one);
  b += arbiter::RowSum::Of("b", two);
  b += arbiter::RowSum::Of("a", one);
  b -= arbiter::RowSum::Of("b", one);
  EXPECT_EQ(a, b);
  // Key and value do not run into each other.
  EXPECT_NE(arbiter::RowSum::Of("ab", {}), arbiter::RowSum::Of("a", Bytes{'b'}));
  EXPECT_EQ(arbiter::RowSum().ToHash(), Hash128());
}

}  // namespace
}  // namespace worldb::testing
