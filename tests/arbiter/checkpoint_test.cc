// Goal:   checkpoint rows are the whole state, laid out as docs/checkpoint-format.md says, and no fault
//         in them becomes another state.
// Method: a hand-made state against its rows; the rows of random histories with one row dropped,
//         repeated, exchanged, cut or left out of date, or one bit turned, in the key or the value;
//         rows made to add up that contradict each other. That rows restore to the same state is held
//         by home_state_property_test.

#include "arbiter/checkpoint.h"

#include <algorithm>
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
      {op, c.key_tag.Hex() + "04030000" + payload + stamp + "0400" + "000000000000000000" + "00" +
               "000000000000000000" + "0000000000000000"},
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
           cursors + "d00645384591c4648de9728702c0885c"},
      {op, ""},
      {round, ""},
      {version, "040300" + c.op.Hex() + stamp + payload +
                    "01c607000000000000"
                    "010101"
                    "0000"
                    "00"
                    "00"
                    "0000000000000000"
                    "01"
                    "00"
                    "1800"
                    "0400"
                    "00"
                    "0000000000000000"
                    "00"}};
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

// ---- which rows there are

const absl::Time kZero = absl::FromUnixSeconds(1735689600);

// A home whose checkpoints are kept. Every entry is read one second after the one before.
class KeptHome {
 public:
  // A candidate stamped now; a higher number is later. The key tag is filled with `key`.
  Candidate Set(int number, std::uint8_t key) const {
    Candidate c;
    const auto millis = static_cast<std::uint64_t>(absl::ToUnixMillis(Now()));
    for (int i = 0; i < 6; ++i) c.op.bytes[i] = static_cast<std::uint8_t>(millis >> (8 * (5 - i)));
    c.op.bytes[6] = 0x70;
    c.op.bytes[8] = 0x80;
    c.op.bytes[14] = static_cast<std::uint8_t>(number >> 8);
    c.op.bytes[15] = static_cast<std::uint8_t>(number);
    c.key_tag = Filled<KeyTag>(key);
    c.stamp = {Now() + absl::Microseconds(number), absl::ZeroDuration(), NodeAt(4), StreamEpoch(5),
               FrameNumber(1)};
    c.commitment = Filled<CommitmentId>(static_cast<std::uint8_t>(number));
    c.staged = NodeSet::FromBits(0x18);
    return c;
  }
  void Apply(std::vector<arbiter::LogRecord> records) { Apply(std::move(records), false); }
  // Answers which rows it changed: a prefix for each, "-" and it for a row that is gone.
  std::string Checkpoint(std::vector<arbiter::LogRecord> records = {}) {
    return Apply(std::move(records), true);
  }
  void Close() { Apply({*state_.CloseDue(absl::InfiniteFuture())}); }
  void Wait(absl::Duration time) { waited_ += time; }

  const HomeState& state() const { return state_; }
  const CheckpointRows& rows() const { return rows_; }

 private:
  absl::Time Now() const {
    return kZero + waited_ + absl::Seconds(static_cast<double>(state_.applied().value()) + 1);
  }
  std::string Apply(std::vector<arbiter::LogRecord> records, bool checkpoint) {
    LogEntry entry;
    entry.reading = {Now(), absl::ZeroDuration(), arbiter::ClockQuality::kSynchronised};
    entry.records = std::move(records);
    entry.checkpoint = checkpoint;
    const auto effects = state_.Apply(state_.applied().Next(), entry);
    EXPECT_TRUE(effects.ok()) << effects.status();
    if (!checkpoint) return "";
    const arbiter::Checkpoint& made = std::get<CheckpointMade>(effects->back()).checkpoint;
    EXPECT_EQ(ApplyCheckpoint(made, rows_), "");
    std::string changed;
    for (const arbiter::CheckpointRow& row : made.rows) {
      absl::StrAppend(&changed, changed.empty() ? "" : " ", row.value.has_value() ? "" : "-",
                      row.key.substr(0, 1));
    }
    return changed;
  }

  HomeState state_{kHome, ContestRule()};
  CheckpointRows rows_;
  absl::Duration waited_;
};

arbiter::LevelReached Full(const KeyTag& key, Version version) {
  return {{key, version}, arbiter::Level::kFull, NodeSet::All()};
}

// What RocksDB is asked to do for a Set goes by rows.
TEST(Checkpoint, ASetThatIsFullByTheNextCheckpointIsOneRow) {
  constexpr int kSets = 200;
  KeptHome home;
  std::vector<arbiter::LogRecord> sets;
  std::vector<arbiter::LogRecord> full;
  for (int i = 0; i < kSets; ++i) {
    sets.emplace_back(home.Set(i, static_cast<std::uint8_t>(i)));
    full.emplace_back(Full(Filled<KeyTag>(static_cast<std::uint8_t>(i)), Version(1)));
  }
  home.Apply(sets);
  home.Close();
  home.Apply(full);
  home.Checkpoint();
  EXPECT_EQ(home.rows().size(), kSets + 1u);
  EXPECT_EQ(home.state().op_count(), std::size_t{kSets});
  EXPECT_EQ(home.Checkpoint(), "h");
}

TEST(Checkpoint, AnOpHasARowOfItsOwnUntilItWins) {
  KeptHome home;
  const Candidate winner = home.Set(1, 0xaa);
  EXPECT_EQ(home.Checkpoint({winner, home.Set(2, 0xaa)}), "h o o r");
  home.Close();
  EXPECT_EQ(home.Checkpoint(), "h -o -r v");
  // Asked again it changes in its version's row, also once that is VOID.
  Candidate again = winner;
  again.attempt = 1;
  again.staged = NodeSet::FromBits(0x20);
  EXPECT_EQ(home.Checkpoint({again}), "h v");
  EXPECT_EQ(home.Checkpoint({arbiter::VersionVoid{{winner.key_tag, Version(1)}, {}}}), "h v");
  again.staged = NodeSet::FromBits(0x08);
  again.stamp.node = NodeAt(7);
  EXPECT_EQ(home.Checkpoint({again}), "h v");
  const auto restored = RestoreHome(kHome, ContestRule(), home.rows());
  ASSERT_TRUE(restored.ok()) << restored.status();
  const arbiter::OpRecord* op = restored->FindOp(winner.op);
  ASSERT_NE(op, nullptr);
  EXPECT_EQ(op->outcome.kind, arbiter::OutcomeKind::kVoid);
  EXPECT_EQ(op->ingress, NodeAt(7));
  EXPECT_EQ(op->staged.bits(), 0x38u);
  EXPECT_EQ(restored->FindVersion({winner.key_tag, Version(1)})->staged.bits(), 0x38u);
  EXPECT_TRUE(op->retried);
}

// Where a version row says whether its winner follows.
constexpr std::size_t kWonFlagAt = 150;

TEST(Checkpoint, AForgottenWinnerLeavesItsVersionsRow) {
  KeptHome home;
  const Candidate won = home.Set(1, 0xaa);
  home.Apply({won, home.Set(2, 0xaa)});
  home.Close();
  EXPECT_EQ(home.Checkpoint({Full(won.key_tag, Version(1))}), "h o v");
  const std::string key = arbiter::VersionRowKey({won.key_tag, Version(1)});
  Bytes without(home.rows().at(key).begin(), home.rows().at(key).begin() + kWonFlagAt);
  without.push_back(0);
  home.Wait(absl::Hours(30));
  EXPECT_EQ(home.Checkpoint(), "h -o v");
  EXPECT_EQ(home.state().op_count(), 0u);
  EXPECT_EQ(home.rows().at(key), without);
  const auto restored = RestoreHome(kHome, ContestRule(), home.rows());
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->FindOp(won.op), nullptr);
  EXPECT_TRUE(restored->MayHaveForgotten(won.op));
}

// ---- rows that add up and contradict each other

// Key 0xaa: version 1 was won by op 1 and is FULL, version 2 was won by op 2. In the round for version 3
// op 3 leads, and op 4 has lost.
class ContradictingRows : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 1; i <= 2; ++i) {
      won_.push_back(home_.Set(i, 0xaa));
      home_.Apply({won_.back()});
      home_.Close();
      if (i == 1) home_.Apply({Full(won_[0].key_tag, Version(1))});
    }
    const Candidate pending = home_.Set(3, 0xaa);
    const Candidate lost = home_.Set(4, 0xaa);
    home_.Checkpoint({pending, lost});
    rows_ = home_.rows();
    pending_ = OpRow(pending);
    lost_ = OpRow(lost);
    ASSERT_EQ(rows_.size(), 6u);
  }
  static std::string OpRow(const Candidate& c) { return absl::StrCat("o", AsText(c.op.span())); }
  std::string VersionRow(std::uint64_t version) const {
    return arbiter::VersionRowKey({won_[0].key_tag, Version(version)});
  }
  Bytes& Round() { return rows_.at(absl::StrCat("r", AsText(won_[0].key_tag.span()))); }
  void ForgetWinner(std::uint64_t version) {
    Bytes& row = rows_.at(VersionRow(version));
    row.resize(kWonFlagAt);
    row.push_back(0);
  }
  // Ids up to now may have been forgotten.
  void MoveForgotten() {
    ByteWriter w(9);
    w.U8(1).I64(absl::ToUnixNanos(kZero + absl::Hours(1)));
    const Bytes moment = std::move(w).Take();
    std::copy(moment.begin(), moment.end(), rows_.at("h").begin() + 28);
  }
  absl::StatusOr<HomeState> RestoreWithItsSum() {
    arbiter::RowSum sum;
    for (const auto& [key, value] : rows_) {
      const std::size_t left_out = key == "h" ? Hash128::kBytes : 0;
      sum += arbiter::RowSum::Of(key, ByteSpan(value).first(value.size() - left_out));
    }
    const Hash128 total = sum.ToHash();
    std::copy(total.bytes.begin(), total.bytes.end(), rows_.at("h").end() - Hash128::kBytes);
    return RestoreHome(kHome, ContestRule(), rows_);
  }
  void ExpectDamage(const std::string& words) {
    const absl::Status status = RestoreWithItsSum().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(words));
    EXPECT_THAT(std::string(status.message()), HasSubstr("fetched from a sibling"));
  }

  // Places in rows without a content tag.
  static constexpr std::size_t kOutcomeAt = 129;  // of an op
  static constexpr std::size_t kWinnerAt = 3;     // of a version
  static constexpr std::size_t kReachedAt = 136;
  static constexpr std::size_t kSettledAt = 140;
  static constexpr std::size_t kContendersAt = 28;  // of a round
  static constexpr std::size_t kContenderBytes = 49;

  KeptHome home_;
  CheckpointRows rows_;
  std::vector<Candidate> won_;
  std::string pending_;
  std::string lost_;
};

TEST_F(ContradictingRows, WithoutAnyAreAState) { EXPECT_TRUE(RestoreWithItsSum().ok()); }

TEST_F(ContradictingRows, AnOpWithARowOfItsOwnThatAVersionCarries) {
  rows_[OpRow(won_[0])] = rows_[lost_];
  ExpectDamage("another row tells of op");
}

TEST_F(ContradictingRows, AnOpThatWonInARowOfItsOwn) {
  for (const std::uint8_t kind : {1, 6}) {
    rows_[lost_][kOutcomeAt] = kind;
    ExpectDamage("an op that won has no row of its own");
  }
}

TEST_F(ContradictingRows, AnOpThatWonTwoVersions) {
  const Bytes& one = rows_[VersionRow(1)];
  std::copy_n(one.begin() + kWinnerAt, OpId::kBytes, rows_[VersionRow(2)].begin() + kWinnerAt);
  ExpectDamage("another row tells of op");
  ForgetWinner(1);
  ExpectDamage("version 1 of");
}

TEST_F(ContradictingRows, AVersionWhoseWinnerIsKnownToHaveLost) {
  rows_[OpRow(won_[1])] = rows_[lost_];
  ForgetWinner(2);
  ExpectDamage("version 2 of");
}

// Else an op of that id could run again.
TEST_F(ContradictingRows, AVersionWithoutAWinnerThatCannotBeForgotten) {
  ForgetWinner(1);
  ExpectDamage("version 1 of");
  MoveForgotten();
  EXPECT_TRUE(RestoreWithItsSum().ok());
  rows_[VersionRow(1)][kSettledAt] = 0;
  ExpectDamage("FULL, and never was");
  rows_[VersionRow(1)][kReachedAt] = 3;
  ExpectDamage("version 1 of");
}

TEST_F(ContradictingRows, AWinnerThatIsThereInHalf) {
  Bytes& row = rows_[VersionRow(1)];
  row[kWonFlagAt] = 2;
  ExpectDamage("out of range");
  row[kWonFlagAt] = 0;
  ExpectDamage("version row");
  row[kWonFlagAt] = 1;
  row.resize(kWonFlagAt + 1);
  ExpectDamage("version row");
}

TEST_F(ContradictingRows, AContenderWithAnotherStampThanItsOp) {
  Round()[kContendersAt + OpId::kBytes] ^= 1;
  ExpectDamage("round of");
}

TEST_F(ContradictingRows, AContenderNamedTwice) {
  Bytes& round = Round();
  std::copy_n(round.begin() + kContendersAt, kContenderBytes,
              round.begin() + kContendersAt + kContenderBytes);
  ExpectDamage("round of");
}

TEST_F(ContradictingRows, ALeaderThatHasLost) {
  Bytes& round = Round();
  round[round.size() - 4] ^= 1;
  ExpectDamage("round of");
}

TEST_F(ContradictingRows, APendingOpThatIsJudged) {
  rows_[pending_].back() = 1;  // the present version
  ExpectDamage("an outcome of a pending op");
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
