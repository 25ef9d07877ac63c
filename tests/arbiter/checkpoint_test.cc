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
    const std::string why = history.Step();
    EXPECT_EQ(why, "") << "seed " << seed;
    if (!why.empty()) break;
    if (history.state().checkpoint().at != before) all.push_back(history.rows());
  }
  return all;
}

void ExpectRefused(const RowList& rows, const std::string& what) {
  const absl::Status status = Restore(rows);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << what << ": " << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("fetched from a sibling")) << what;
}

template <typename Id>
Id Filled(std::uint8_t byte) {
  Id id;
  id.bytes.fill(byte);
  return id;
}

// What an entry's checkpoint changes, in hexadecimal; an empty text for a row that is gone.
std::map<std::string, std::string> HexRows(HomeState& state, const LogEntry& entry) {
  std::map<std::string, std::string> hex;
  const auto effects = state.Apply(state.applied().Next(), entry);
  EXPECT_TRUE(effects.ok());
  const Checkpoint& made = std::get<CheckpointMade>(effects->back()).checkpoint;
  for (const arbiter::CheckpointRow& row : made.rows) {
    hex[HexEncode(AsBytes(row.key))] = row.value.has_value() ? HexEncode(*row.value) : "";
  }
  return hex;
}

// The worked example of docs/checkpoint-format.md.
TEST(Checkpoint, ExampleHasTheseRows) {
  Candidate c;
  c.op.bytes[6] = 0x70;
  c.op.bytes[8] = 0x80;
  c.op.bytes[15] = 1;
  c.key_tag = Filled<KeyTag>(0xaa);
  c.slot = Slot(0x0304);
  c.stamp = {absl::FromUnixNanos(900), absl::Nanoseconds(3), NodeAt(4), StreamEpoch(5),
             FrameNumber(1)};
  c.commitment = Filled<CommitmentId>(0xc1);
  c.script = Filled<ScriptId>(0xdd);
  c.payload_bytes = 16;
  c.staged = NodeSet::FromBits(0x18);
  HomeState state(kHome, ContestRule());
  LogEntry entry;
  entry.reading = {absl::FromUnixNanos(1000), absl::Nanoseconds(10),
                   arbiter::ClockQuality::kSynchronised};
  entry.checkpoint = true;
  entry.cursors = {{NodeAt(4), StreamEpoch(5), FrameNumber(1)}};
  entry.records = {arbiter::WindowChange{absl::Nanoseconds(100)}, c,
                   arbiter::OutageChange{DataCenterAt(2), true}};

  const std::string header = "68";
  const std::string op = "6f00000000000070008000000000000001";
  const std::string round = "72" + c.key_tag.Hex();
  const std::string version = "76" + c.key_tag.Hex() + "0000000000000001";
  const std::string stamp =
      "84030000000000000300000000000000"
      "04"
      "05000000000000000100000000000000";
  const std::string payload = c.commitment.Hex() + c.script.Hex() +
                              "1000000000000000"
                              "1800";
  const std::string cursors =
      "01000000"
      "0405000000000000000100000000000000";
  const std::string op_so_far = c.key_tag.Hex() + "04030000" + payload + stamp + "0400";
  const std::map<std::string, std::string> first = {
      {header,
       "010001"
       "0100000000000000"
       "6400000000000000"
       "01de03000000000000"
       "000000000000000000"
       "01de03b16e6bb1ffff"
       "0000000000000000"
       "04" +
           cursors + "38a1290bd5fe09f687d262a76bf37127"},
      {op, op_so_far + "000000000000000000" + "00" + "000000000000000000" + "0000000000000000"},
      {round,
       "0100000000000000"
       "e803000000000000"
       "6400000000000000"
       "01000000" +
           c.op.Hex() + stamp + "00000000"}};
  EXPECT_EQ(HexRows(state, entry), first);

  LogEntry close;
  close.reading = {absl::FromUnixNanos(2000), absl::Nanoseconds(10),
                   arbiter::ClockQuality::kSynchronised};
  close.checkpoint = true;
  close.records = {*state.CloseDue(absl::FromUnixNanos(1990))};
  const std::map<std::string, std::string> second = {
      {header,
       "010001"
       "0200000000000000"
       "6400000000000000"
       "01c607000000000000"
       "000000000000000000"
       "01de03b16e6bb1ffff"
       "0000000000000000"
       "04" +
           cursors + "6e992c6361817ed8cbbc89bc359516b9"},
      {op, op_so_far + "010100000000000000" + "00" + "000000000000000000" + "0000000000000000"},
      {round, ""},
      {version, "040300" + c.op.Hex() + stamp + payload +
                    "01c607000000000000"
                    "010101"
                    "0000"
                    "00"
                    "00"
                    "0000000000000000"}};
  EXPECT_EQ(HexRows(state, close), second);
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
  const std::vector<CheckpointRows> all = RandomRows(1);
  ASSERT_FALSE(all.empty());
  const RowList rows = ListOf(all.back());
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
