// Goal:   a repair asks for what is missing and for nothing else, blames whom it can know to have lied or kept
//         silent, and never replaces one value by another.
// Method: transcripts. Node 4 repairs its share of a value that was scattered by hand; each answer is put
//         to the job, and what it wants next is read as a line: "ask metadata 012; alarm".
#include "engine/repair/repair_job.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/hand_scattered.h"

namespace worldb::testing {
namespace {

using cryptoscatter::KeyShare;
using cryptoscatter::Share;
using engine::HeldShare;
using engine::RepairJob;
namespace repair = engine::repair;

std::string Digits(NodeSet set) {
  std::string out;
  for (int i = 0; i < kNodeCount; ++i) {
    if (set.Has(i)) absl::StrAppend(&out, i);
  }
  return out;
}

struct Writer {
  std::string operator()(const repair::NewTurn&) const { return ""; }
  std::string operator()(const repair::Inspect&) const { return "inspect"; }
  std::string operator()(const repair::AskMetadata& ask) const {
    return "ask metadata " + Digits(ask.whom);
  }
  std::string operator()(const repair::AskFragments& ask) const {
    return "ask fragments " + Digits(ask.whom);
  }
  std::string operator()(const repair::AskContributions& ask) const {
    return "ask contributions " + Digits(ask.whom);
  }
  std::string operator()(const repair::Rebuild& rebuild) const {
    return "rebuild from " + Digits(rebuild.task.helpers);
  }
  std::string operator()(const repair::Mend&) const { return "mend"; }
  std::string operator()(const repair::FoundBad&) const { return "found bad"; }
  std::string operator()(const repair::Alarm&) const { return "alarm"; }
  std::string operator()(const repair::Fetched& fetched) const {
    return absl::StrCat("fetched ", fetched.from.value());
  }
  std::string operator()(const repair::RefuseOwed& refuse) const {
    return "refuse owed: " + refuse.why;
  }
  std::string operator()(const repair::Pause& pause) const {
    return absl::StrCat("pause ", absl::ToInt64Seconds(pause.length));
  }
  std::string operator()(const repair::GiveUp& give_up) const { return "give up: " + give_up.why; }
  std::string operator()(const repair::Done& done) const {
    if (!done.written) return "nothing wrong";
    return absl::StrCat("done:", done.fragment_rebuilt ? " fragment" : "",
                        done.key_share_rebuilt ? " key share" : "");
  }
};

class RepairJobTest : public ::testing::Test {
 protected:
  static constexpr int kSelf = 4;

  // What the job wants, as text. A rebuild is kept, to be run.
  std::string Text(repair::Effects effects) {
    std::vector<std::string> words;
    for (repair::Effect& effect : effects) {
      if (std::string word = std::visit(Writer(), effect); !word.empty()) words.push_back(word);
      if (auto* rebuild = std::get_if<repair::Rebuild>(&effect))
        rebuild_ = std::move(rebuild->task);
    }
    return absl::StrJoin(words, "; ");
  }
  engine::Helpers Now() const {
    std::vector<NodeIndex> order;
    for (const int i : {4, 3, 5, 0, 1, 2, 6, 7, 8}) order.push_back(NodeAt(i));
    return {reachable_, order};
  }

  // The events.
  std::string Begin() { return Text(job_.Begin()); }
  std::string Held(HeldShare held) { return Text(job_.TakeHeld(std::move(held), Now())); }
  std::string NoRow() {
    return Held(HeldShare::Unusable(node_.cell(), NodeAt(kSelf), value_.version,
                                    absl::NotFoundError("no row")));
  }
  std::string Gives(int from, const Share& share) {
    return Text(job_.TakeShare(NodeAt(from), std::make_shared<const Share>(share), Now()));
  }
  std::string Gives(int from) { return Gives(from, value_.share(from)); }
  std::string HasNone(int from) { return Text(job_.TakeShare(NodeAt(from), nullptr, Now())); }
  std::string Contributes(int from) {
    return Text(job_.TakeContribution(NodeAt(from), ContributionOf(from), Now()));
  }
  std::string Lies(int from) {
    KeyShare lie = ContributionOf(from);
    lie.ExposeSecretMutable()[0] ^= 1;
    return Text(job_.TakeContribution(NodeAt(from), std::move(lie), Now()));
  }
  std::string Silent(int node) {
    NodeSet silent;
    silent.Add(NodeAt(node));
    return Text(job_.TakeSilence(silent, Now()));
  }
  std::string Rebuilt() { return Text(job_.TakeRebuilt(rebuild_->Run(verifier_), Now())); }
  std::string Mended(const absl::Status& status = absl::OkStatus()) {
    return Text(job_.TakeMended(status));
  }

  KeyShare ContributionOf(int helper) {
    const cryptoscatter::KeyRepair key_repair = job_.key_repair();
    std::vector<std::unique_ptr<cryptoscatter::PairwiseKey>> keys;
    cryptoscatter::MaskKeys masks{};
    for (int other = 0; other < kNodeCount; ++other) {
      if (!key_repair.helpers.Has(other) || other == helper) continue;
      auto mask =
          cryptoscatter::MaskKeyOf(node_.secrets(NodeAt(helper)).exchange, NodeAt(helper),
                                   node_.cell().node(NodeAt(other)).exchange_key, NodeAt(other));
      keys.push_back(std::make_unique<cryptoscatter::PairwiseKey>(*std::move(mask)));
      masks[static_cast<std::size_t>(other)] = keys.back().get();
    }
    return *cryptoscatter::MakeContribution(cryptoscatter::Script::Nested()->key_sharing(),
                                            key_repair, NodeAt(helper),
                                            KeyShareOf(node_, value_, helper), masks);
  }
  // As judged: the record is good, and what is named.
  HeldShare Stored(bool fragment, bool key_share) {
    HeldShare held = StoredByHand(node_, value_, kSelf);
    held.metadata_ok = true;
    held.fragment_ok = fragment;
    held.key_share_ok = key_share;
    held.proved = held.share.Commitment();
    if (!fragment) held.share.fragment.clear();
    if (key_share) held.key_share = KeyShareOf(node_, value_, kSelf);
    return held;
  }
  void ExpectWhole() {
    EXPECT_EQ(job_.share(), value_.share(kSelf));
    EXPECT_EQ(HexEncode(job_.key_share().ExposeSecret()),
              HexEncode(KeyShareOf(node_, value_, kSelf).ExposeSecret()));
  }

  LoneNode node_{NodeAt(kSelf)};
  const HandScattered value_ = ScatterByHand(node_, "key", "a value");
  const HandScattered other_ = ScatterByHand(node_, "key", "another value");
  cryptoscatter::BatchVerifier verifier_;
  NodeSet reachable_ = NodeSet::All();
  std::optional<engine::FragmentRebuild> rebuild_;
  RepairJob job_{{node_.self().shared_cell(), NodeAt(kSelf),
                  &node_.secrets(NodeAt(kSelf)).storage_key, &verifier_},
                 value_.version};
};

TEST_F(RepairJobTest, WhatIsWholeStays) {
  EXPECT_EQ(Begin(), "inspect");
  EXPECT_EQ(Held(Stored(true, true)), "nothing wrong");
}

TEST_F(RepairJobTest, AStoreThatFailsSaysNothingOfTheShare) {
  Begin();
  HeldShare held;
  held.row = absl::UnavailableError("the disk is away");
  EXPECT_EQ(Held(std::move(held)), "pause 1");
}

TEST_F(RepairJobTest, ADamagedFragmentIsMadeOutOfTheNeighbours) {
  Begin();
  EXPECT_EQ(Held(Stored(false, true)), "found bad; ask fragments 35");
  EXPECT_EQ(Gives(5), "fetched 5");
  EXPECT_EQ(Gives(3), "fetched 3; rebuild from 35");
  EXPECT_EQ(Rebuilt(), "mend");
  ExpectWhole();
  EXPECT_EQ(Mended(), "done: fragment");
}

TEST_F(RepairJobTest, AShareThatIsGoneComesBackPartByPart) {
  Begin();
  EXPECT_EQ(NoRow(), "ask metadata 01235678");
  EXPECT_EQ(Gives(3), "");
  EXPECT_EQ(Gives(0), "");
  EXPECT_EQ(HasNone(6), "");
  EXPECT_EQ(Gives(5), "");
  EXPECT_EQ(Gives(1), "found bad; ask contributions 35");
  EXPECT_EQ(Contributes(3), "");
  EXPECT_EQ(Contributes(5), "ask fragments 35");
  EXPECT_EQ(Gives(3), "fetched 3");
  EXPECT_EQ(Gives(5), "fetched 5; rebuild from 35");
  EXPECT_EQ(Rebuilt(), "mend");
  ExpectWhole();
  EXPECT_EQ(Mended(), "done: fragment key share");
}

TEST_F(RepairJobTest, AKeyShareThatStillUnwrapsIsKeptWhenTheRecordIsLost) {
  Begin();
  HeldShare held = Stored(true, false);
  held.metadata_ok = held.fragment_ok = false;
  held.proved.reset();
  EXPECT_EQ(Held(std::move(held)), "found bad; ask metadata 01235678");
  for (const int node : {3, 5, 0}) EXPECT_EQ(Gives(node), "");
  EXPECT_EQ(Gives(1), "ask fragments 35");
}

TEST_F(RepairJobTest, AHelperThatLiesCostsItsHelperSet) {
  Begin();
  EXPECT_EQ(Held(Stored(true, false)), "found bad; ask contributions 35");
  EXPECT_EQ(Lies(3), "");
  // One of the two lies, nobody knows which.
  const std::string next = Contributes(5);
  EXPECT_EQ(next.substr(0, 18), "ask contributions ");
  EXPECT_NE(next, "ask contributions 35");
  const NodeSet helpers = job_.key_repair().helpers;
  std::string last;
  for (int i = 0; i < kNodeCount; ++i) {
    if (helpers.Has(i)) last = Contributes(i);
  }
  EXPECT_EQ(last, "mend");
  ExpectWhole();
  EXPECT_EQ(Mended(), "done: key share");
}

TEST_F(RepairJobTest, AHelperWhoseLieCanBeSeenIsLeftOut) {
  Begin();
  EXPECT_EQ(Held(Stored(true, false)), "found bad; ask contributions 35");
  // Of another number of rows.
  const std::string next = Text(job_.TakeContribution(NodeAt(3), KeyShare(2), Now()));
  EXPECT_EQ(next.substr(0, 18), "ask contributions ");
  EXPECT_FALSE(job_.key_repair().helpers.Has(3));
}

TEST_F(RepairJobTest, ALieThatOnlyTheWholeShareShowsIsFoundAtTheEnd) {
  Begin();
  NoRow();
  for (const int node : {3, 5, 0}) Gives(node);
  EXPECT_EQ(Gives(1), "found bad; ask contributions 35");
  Lies(3);
  // Of its leaf the node knows no more than that the two parts hashed together give it.
  EXPECT_EQ(Contributes(5), "ask fragments 35");
  Gives(3);
  EXPECT_EQ(Gives(5), "fetched 5; rebuild from 35");
  const std::string next = Rebuilt();
  EXPECT_EQ(next.substr(0, 18), "ask contributions ");
  EXPECT_NE(next, "ask contributions 35");
}

TEST_F(RepairJobTest, HelpersThatDisagreeAreAnAlarmAndEndIt) {
  Begin();
  NoRow();
  EXPECT_EQ(Gives(3), "");
  EXPECT_EQ(Gives(0, other_.share(0)),
            "alarm; give up: other nodes hold two values under this version");
}

TEST_F(RepairJobTest, OneNeighbourAloneIsNotBelieved) {
  Begin();
  reachable_ = NodeSet::FromBits(0b111000);
  EXPECT_EQ(NoRow(), "ask metadata 35");
  EXPECT_EQ(Gives(3, other_.share(3)), "");
  EXPECT_EQ(Gives(5, other_.share(5)), "pause 1") << "one data center cannot read the value";
}

TEST_F(RepairJobTest, WhatIsNotOfTheNodeOrTheVersionIsNoAnswer) {
  Begin();
  NoRow();
  Share wrong = value_.share(3);
  wrong.version = Version(2);
  Gives(3, wrong);
  Gives(5, value_.share(3));
  wrong = value_.share(0);
  wrong.path.leaves[0].bytes[0] ^= 1;
  Gives(0, wrong);
  for (const int node : {1, 2, 6, 7}) EXPECT_EQ(HasNone(node), "");
  EXPECT_EQ(HasNone(8), "give up: no node holds this version");
}

TEST_F(RepairJobTest, AFragmentOfAnotherTreeIsAnAlarmAndItsSenderLeftOut) {
  Begin();
  EXPECT_EQ(Held(Stored(false, true)), "found bad; ask fragments 35");
  const std::string next = Gives(3, other_.share(3));
  EXPECT_EQ(next.substr(0, 32), "fetched 3; alarm; ask fragments ");
  EXPECT_EQ(next.substr(32).find_first_of("345"), std::string::npos)
      << "5 was asked already: " << next;
}

TEST_F(RepairJobTest, AFragmentThatIsNotWhatWasSignedIsFetchedElsewhere) {
  Begin();
  Held(Stored(false, true));
  Share bad = value_.share(3);
  bad.fragment[0] ^= 1;
  EXPECT_EQ(Gives(3, bad), "fetched 3");
  EXPECT_EQ(Gives(5), "fetched 5; rebuild from 35");
  const std::string next = Rebuilt();
  EXPECT_EQ(next.substr(0, 14), "ask fragments ");
  EXPECT_EQ(next.substr(14).find_first_of("345"), std::string::npos) << next;
}

TEST_F(RepairJobTest, ASilentNodeIsLeftOutAndNothingIsFetchedTwice) {
  Begin();
  Held(Stored(false, true));
  EXPECT_EQ(Gives(5), "fetched 5");
  const std::string next = Silent(3);
  EXPECT_EQ(next.substr(0, 14), "ask fragments ");
  EXPECT_EQ(next.substr(14).find_first_of("345"), std::string::npos) << next;
  EXPECT_FALSE(job_.awaited().Has(3));
}

TEST_F(RepairJobTest, SilenceWhereTheRecordIsMissingEndsTheAttempt) {
  Begin();
  NoRow();
  Gives(3);
  EXPECT_EQ(Silent(0), "pause 1");
  EXPECT_EQ(Begin(), "inspect");
  EXPECT_EQ(NoRow(), "ask metadata 01235678") << "who was left out is asked again";
}

TEST_F(RepairJobTest, NothingLeftToAskIsAPauseThatGrowsAndAnEndAtLast) {
  reachable_ = NodeSet();
  std::vector<std::string> seen;
  for (int i = 0; i < RepairJob::kAttemptsMax; ++i) {
    Begin();
    seen.push_back(NoRow());
  }
  EXPECT_EQ(absl::StrJoin(seen.begin(), seen.begin() + 8, ","),
            "pause 1,pause 2,pause 4,pause 8,pause 16,pause 32,pause 60,pause 60");
  EXPECT_EQ(seen.back(), "give up: its helpers could not be reached in time; offer it again later");
}

TEST_F(RepairJobTest, AnOwedShareNeedsNothingButItsFragment) {
  ASSERT_TRUE(job_.Owe(value_.deliveries[kSelf], KeyShareOf(node_, value_, kSelf)));
  Begin();
  EXPECT_EQ(NoRow(), "ask fragments 35") << "it was never here: not bad";
}

TEST_F(RepairJobTest, AnOwedShareOfAnotherValueIsRefusedWhereverItMeetsTheFirst) {
  // Two are handed over; or one is when the other is known, or lies there.
  ASSERT_TRUE(job_.Owe(value_.deliveries[kSelf], KeyShareOf(node_, value_, kSelf)));
  EXPECT_FALSE(job_.Owe(other_.deliveries[kSelf], KeyShareOf(node_, other_, kSelf)));
  Begin();
  HeldShare held = StoredByHand(node_, other_, kSelf);
  held.metadata_ok = held.key_share_ok = true;
  held.key_share = KeyShareOf(node_, other_, kSelf);
  EXPECT_EQ(Held(std::move(held)),
            "found bad; alarm; refuse owed: another value is stored under the same version; "
            "ask fragments 35");
  EXPECT_FALSE(job_.Owe(value_.deliveries[kSelf], KeyShareOf(node_, value_, kSelf)));
}

TEST_F(RepairJobTest, AGoodShareOfAnotherValueThatWasWrittenMeanwhileStays) {
  Begin();
  Held(Stored(false, true));
  Gives(3);
  Gives(5);
  EXPECT_EQ(Rebuilt(), "mend");
  EXPECT_EQ(Mended(absl::AlreadyExistsError("another is stored")),
            "alarm; give up: another is stored");
}

TEST_F(RepairJobTest, AWriteThatFailsIsTriedAgain) {
  Begin();
  Held(Stored(false, true));
  Gives(3);
  Gives(5);
  Rebuilt();
  EXPECT_EQ(Mended(absl::ResourceExhaustedError("full")), "pause 1");
  EXPECT_EQ(Begin(), "inspect");
}

}  // namespace
}  // namespace worldb::testing
