// Goal:   HomeState judges every contest as docs/protocol.md says, for any order, batching and clock.
// Method: random histories, compared after every entry with the oracle of
//         tests/support/contest_oracle.h, and laws that need no oracle (finality, dense versions,
//         SAFE in order, LATEST never going back, purity, refusal of a CLOSE with another result).
//         One of the two replicas compared is restored from checkpoint rows again and again. The seed
//         of a failure is printed; WORLDB_SEED runs that one alone, WORLDB_HISTORIES sets how many
//         are run.

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "arbiter/home_state.h"
#include "arbiter/op_id.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/contest_history.h"
#include "tests/support/effect_text.h"

namespace worldb::testing {
namespace {

using arbiter::Base;
using arbiter::Candidate;
using arbiter::Close;
using arbiter::ContestRule;
using arbiter::Effect;
using arbiter::HomeState;
using arbiter::LogEntry;
using arbiter::OutcomeKind;
using arbiter::RoundId;
using ::testing::Contains;
using ::testing::Key;

constexpr std::uint64_t kHistories = 20000;

std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  std::uint64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

TEST(HomeStateProperty, AgreesWithTheOracleAfterEveryEntry) {
  HistoryCounts counts;
  const std::uint64_t only = FromEnvironment("WORLDB_SEED", 0);
  const std::uint64_t last = only != 0 ? only : FromEnvironment("WORLDB_HISTORIES", kHistories);
  for (std::uint64_t seed = only != 0 ? only : 1; seed <= last; ++seed) {
    SeededChoices choices(seed);
    ContestHistory history(choices, counts);
    const std::uint64_t entries = 4 + seed % 24;
    for (std::uint64_t i = 0; i < entries; ++i) {
      const std::string why = history.Step();
      if (!why.empty()) FAIL() << "WORLDB_SEED=" << seed << ": " << why;
    }
  }
  if (only != 0) return;
  // A generator that stopped producing something would make the agreement empty.
  for (const char* kind : {"WON",
                           "LOST",
                           "LATE",
                           "LATE_FIRST",
                           "STALE",
                           "BAD_BASE",
                           "OP_EXPIRED",
                           "OP_ID_REUSED",
                           "HELD",
                           "SAFE",
                           "FULL",
                           "ambiguous",
                           "VOID",
                           "visible at HELD",
                           "visible at SAFE",
                           "checkpoint",
                           "restored",
                           "forgotten",
                           "forgotten and refused",
                           "forgotten winner",
                           "forgotten VOID",
                           "a winner's row goes",
                           "never a row of its own",
                           "asked again, WON",
                           "asked again, VOID"}) {
    EXPECT_THAT(counts.seen, Contains(Key(kind)));
    EXPECT_GT(counts.seen[kind], last / 100) << kind;
    RecordProperty(kind, std::to_string(counts.seen[kind]));
  }
}

// ---- purity

const absl::Time kZero = absl::FromUnixSeconds(1735689600);

Candidate RandomCandidate(Choices& choices, int number, const KeyTag& key) {
  Candidate c;
  const auto millis = static_cast<std::uint64_t>(absl::ToUnixMillis(kZero));
  for (int i = 0; i < 6; ++i) c.op.bytes[i] = static_cast<std::uint8_t>(millis >> (8 * (5 - i)));
  c.op.bytes[6] = 0x70;
  c.op.bytes[8] = 0x80;
  c.op.bytes[15] = static_cast<std::uint8_t>(number);
  c.key_tag = key;
  if (choices.OneIn(3)) c.base.kind = Base::Kind::kAbsent;
  if (choices.OneIn(3)) c.base = {Base::Kind::kVersion, Version()};
  c.stamp.midpoint = kZero - absl::Milliseconds(5 * choices.Between(0, 6));
  c.stamp.bound = absl::Milliseconds(choices.Between(0, 12));
  c.stamp.node = NodeAt(static_cast<int>(choices.Below(9)));
  c.commitment.bytes[0] = static_cast<std::uint8_t>(number);
  return c;
}

LogEntry EntryAt(absl::Time midpoint) {
  LogEntry entry;
  entry.author = NodeAt(3);
  entry.reading = {midpoint, absl::Milliseconds(1), arbiter::ClockQuality::kSynchronised};
  return entry;
}

// Records the candidates in the given order, `batch` to an entry, then closes. Answers who won,
// with which stamp and runner-up, and how the others ended.
std::string Play(const std::vector<Candidate>& candidates, std::size_t batch) {
  HomeState state(DataCenterIndex(1), ContestRule{});
  LogIndex index;
  for (std::size_t at = 0; at < candidates.size(); at += batch) {
    LogEntry entry = EntryAt(kZero);
    for (std::size_t i = at; i < std::min(at + batch, candidates.size()); ++i) {
      entry.records.push_back(candidates[i]);
    }
    index = index.Next();
    EXPECT_TRUE(state.Apply(index, entry).ok());
  }
  LogEntry entry = EntryAt(kZero + absl::Seconds(10));
  entry.records.push_back(*state.CloseDue(entry.reading.Earliest()));
  EXPECT_TRUE(state.Apply(index.Next(), entry).ok());
  const arbiter::ClosedVersion* newest = state.Newest(candidates.front().key_tag);
  if (newest == nullptr) return "nobody";
  const arbiter::Outcome& won = state.FindOp(newest->op)->outcome;
  std::map<OpId, std::string> kinds;
  for (const Candidate& c : candidates) {
    kinds[c.op] = std::string(OutcomeName(state.FindOp(c.op)->outcome.kind));
  }
  std::string text = absl::StrCat(FormatEffect(arbiter::OpJudged{newest->op, {}, {}, won}, {}),
                                  " with ", absl::FormatTime(newest->stamp.midpoint), "\n");
  for (const auto& [op, kind] : kinds) absl::StrAppend(&text, op.Hex(), " ", kind, "\n");
  return text;
}

// Attempts whose first one has the smallest stamp, or ops without a first attempt, lose nothing by
// an early LOST, so the order cannot matter to them.
TEST(HomeStateProperty, WinnerAndOutcomesDoNotDependOnTheOrderOfArrival) {
  KeyTag key;
  key.bytes[0] = 7;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    SeededChoices choices(seed);
    std::vector<Candidate> candidates;
    const std::int64_t ops = choices.Between(1, 6);
    for (std::int64_t op = 1; op <= ops; ++op) {
      Candidate c = RandomCandidate(choices, static_cast<int>(op), key);
      const bool first_recorded = !choices.OneIn(3);
      c.attempt = first_recorded ? 0 : 1;
      candidates.push_back(c);
      while (choices.OneIn(3)) {
        const Candidate other = RandomCandidate(choices, static_cast<int>(op), key);
        const absl::Duration later = absl::Milliseconds(5 * choices.Between(1, 4));
        c.stamp = other.stamp;
        if (first_recorded) c.stamp.midpoint = candidates.back().stamp.midpoint + later;
        // No node gives one moment twice.
        c.stamp.midpoint += absl::Nanoseconds(candidates.size());
        c.attempt += 1;
        candidates.push_back(c);
      }
    }
    const std::string expected = Play(candidates, 1);
    std::mt19937_64 random(seed);
    for (int shuffle = 0; shuffle < 6; ++shuffle) {
      std::shuffle(candidates.begin(), candidates.end(), random);
      ASSERT_EQ(Play(candidates, 1 + shuffle % 4), expected) << "seed " << seed;
    }
  }
}

// ---- a CLOSE with another result

HomeState OneOpenRound(const KeyTag& key) {
  HomeState state(DataCenterIndex(1), ContestRule{});
  SeededChoices choices(1);
  LogEntry entry = EntryAt(kZero);
  entry.records.push_back(RandomCandidate(choices, 1, key));
  entry.records.push_back(RandomCandidate(choices, 2, key));
  EXPECT_TRUE(state.Apply(LogIndex(1), entry).ok());
  return state;
}

absl::Status ApplyClose(HomeState state, const Close& close) {
  LogEntry entry = EntryAt(kZero + absl::Seconds(10));
  entry.records.push_back(close);
  return state.Apply(LogIndex(2), entry).status();
}

TEST(HomeState, StopsAtACloseWhoseResultIsAnother) {
  KeyTag key;
  key.bytes[0] = 7;
  const HomeState state = OneOpenRound(key);
  const Close good = *state.CloseDue(kZero + absl::Seconds(10));
  EXPECT_TRUE(ApplyClose(state, good).ok());
  for (std::size_t bit = 0; bit < 8 * Hash256::kBytes; ++bit) {
    Close bad = good;
    bad.digest.bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
    EXPECT_EQ(ApplyClose(state, bad).code(), absl::StatusCode::kDataLoss) << "bit " << bit;
  }
}

TEST(HomeState, StopsAtACloseWhoseDigestIsThatOfOtherRounds) {
  KeyTag key;
  key.bytes[0] = 7;
  const HomeState state = OneOpenRound(key);
  const Close good = *state.CloseDue(kZero + absl::Seconds(10));
  Close later_version = good;
  later_version.rounds[0].version = Version(2);
  Close other_key = good;
  other_key.rounds[0].key_tag.bytes[0] = 8;
  Close twice = good;
  twice.rounds.push_back(good.rounds[0]);
  Close nothing = good;
  nothing.rounds.clear();
  for (const Close& bad : {later_version, other_key, twice, nothing}) {
    EXPECT_EQ(ApplyClose(state, bad).code(), absl::StatusCode::kDataLoss);
  }
}

// The digest says who won: a replica that counted one record less must not go on.
TEST(HomeState, DigestTellsReplicasWithOtherWinnersApart) {
  KeyTag key;
  key.bytes[0] = 7;
  SeededChoices choices(2);
  Candidate a = RandomCandidate(choices, 1, key);
  Candidate b = RandomCandidate(choices, 2, key);
  b.stamp.midpoint = a.stamp.midpoint - absl::Milliseconds(1);
  HomeState less(DataCenterIndex(1), ContestRule{});
  HomeState whole(DataCenterIndex(1), ContestRule{});
  LogEntry entry = EntryAt(kZero);
  entry.records.push_back(a);
  ASSERT_TRUE(less.Apply(LogIndex(1), entry).ok());
  entry.records.push_back(b);
  ASSERT_TRUE(whole.Apply(LogIndex(1), entry).ok());
  const Close of_less = *less.CloseDue(kZero + absl::Seconds(10));
  EXPECT_EQ(ApplyClose(whole, of_less).code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace worldb::testing
