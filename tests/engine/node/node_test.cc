// Goal: the vertical path of a cell keeps its word: Set to FULL, races by stamp, tickets, reads, stops
//       and crashes.
// Method: nine real nodes in virtual time (tests/support/sim_cell.h); every claim is checked from what
//       a caller sees and from the bytes on the fake disks.

#include "engine/node/node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "engine/cell/errors.h"
#include "engine/node/stream_epochs.h"
#include "engine/offline/offline_reader.h"
#include "engine/shares/share_store.h"
#include "tests/support/sim_cell.h"

namespace worldb::testing {
namespace {

using arbiter::Level;
using arbiter::OutcomeKind;
using engine::ReadMode;

std::string TextOf(const engine::GetReply& reply) { return ToString(reply.value.ExposeSecret()); }

class NodeTest : public ::testing::Test {
 protected:
  void SetUp() override { cell_.world().RunFor(absl::Seconds(2)); }
  SimCell cell_;
};

TEST_F(NodeTest, SetReachesFullAndReadsBackThroughEveryNode) {
  for (int home = 0; home < kDataCenterCount; ++home) {
    const std::string key = cell_.KeyAt(home);
    const auto set = cell_.SetAndWait(1, key, "the value", Level::kFull);
    ASSERT_TRUE(set->accepted().has_value());
    ASSERT_TRUE(set->outcome().has_value());
    EXPECT_EQ(set->outcome()->kind, OutcomeKind::kWon);
    EXPECT_EQ(set->outcome()->version, Version(1));
    EXPECT_EQ(set->level(), Level::kFull);
    for (int node = 0; node < kNodeCount; ++node) {
      const auto reply = cell_.Get(node, key);
      ASSERT_TRUE(reply.ok()) << reply.status();
      EXPECT_EQ(TextOf(*reply), "the value");
      EXPECT_EQ(reply->version, Version(1));
      EXPECT_EQ(reply->op, set->op);
      EXPECT_THAT(reply->rejected, ::testing::IsEmpty());
    }
  }
}

TEST_F(NodeTest, SizesFromNothingToTheLimitComeBackBitForBit) {
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, std::size_t{16384}, std::size_t{16385}, std::size_t{65536},
        std::size_t{65537}, std::size_t{4} << 20}) {
    std::string value(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) value[i] = static_cast<char>(i * 2654435761u >> 13);
    const std::string key = absl::StrCat("size-", bytes);
    const auto set = cell_.SetAndWait(4, key, value);
    ASSERT_GE(set->level(), Level::kSafe) << bytes;
    const auto reply = cell_.Get(8, key);
    ASSERT_TRUE(reply.ok()) << bytes << ": " << reply.status();
    EXPECT_TRUE(TextOf(*reply) == value) << bytes;
  }
}

TEST_F(NodeTest, LaterArrivalWithEarlierStampWinsAndTheLoserIsToldByWhom) {
  const std::string key = cell_.KeyAt(0);
  const auto far = cell_.Set(6, key, "from tokyo");  // 75 ms away
  cell_.world().RunFor(absl::Milliseconds(30));
  const auto near = cell_.Set(1, key, "from virginia");
  cell_.world().RunUntil([&] { return near->ended() && far->level() >= Level::kSafe; },
                         absl::Seconds(10));
  ASSERT_TRUE(near->outcome().has_value() && far->outcome().has_value());
  EXPECT_TRUE(near->accepted()->leading) << "it arrived first";
  EXPECT_EQ(far->outcome()->kind, OutcomeKind::kWon);
  EXPECT_EQ(near->outcome()->kind, OutcomeKind::kLost);
  EXPECT_EQ(near->outcome()->rival->op, far->op);
  EXPECT_EQ(near->outcome()->margin, absl::Milliseconds(30));
  const auto reply = cell_.Get(3, key);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(TextOf(*reply), "from tokyo");
}

TEST_F(NodeTest, TicketTellsTheSameStoryAtEveryNode) {
  const auto set = cell_.SetAndWait(0, cell_.KeyAt(1), "v", Level::kFull);
  for (int node = 0; node < kNodeCount; ++node) {
    const auto status = cell_.TicketGet(node, set->accepted()->ticket);
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_EQ(status->op, set->op);
    EXPECT_EQ(status->outcome, *set->outcome());
    EXPECT_EQ(status->level, Level::kFull);
    EXPECT_TRUE(status->final);
    EXPECT_EQ(status->held, NodeSet::All());
  }
  const auto bad = cell_.TicketGet(0, set->accepted()->ticket + "A");
  EXPECT_EQ(engine::ReasonOf(bad.status()), "BAD_TICKET");
}

TEST_F(NodeTest, RetryThroughAnotherNodeIsTheSameOp) {
  const std::string key = cell_.KeyAt(2);
  const auto first = cell_.SetAndWait(0, key, "v");
  SimCell::SetOptions again;
  again.op = first->op;
  again.attempt = 1;
  const auto second = cell_.Set(5, key, "v", again);
  cell_.world().RunUntil([&] { return second->level() >= Level::kSafe; }, absl::Seconds(10));
  EXPECT_EQ(second->accepted()->ticket, first->accepted()->ticket);
  EXPECT_EQ(*second->outcome(), *first->outcome());
  EXPECT_EQ(cell_.Get(0, key)->version, Version(1));
}

TEST_F(NodeTest, ReadGoesRoundANodeThatIsSlowButNotDead) {
  const std::string key = cell_.KeyAt(0, "hedged");
  cell_.SetAndWait(0, key, "v", Level::kFull);
  const auto timed_read = [&](NodeSet* read_from) {
    const absl::Duration begun = cell_.world().Elapsed();
    const auto reply = cell_.Get(0, key);
    EXPECT_TRUE(reply.ok() && TextOf(*reply) == "v") << reply.status();
    if (reply.ok()) *read_from = reply->read_from;
    return cell_.world().Elapsed() - begun;
  };
  NodeSet read_from;
  absl::Duration usual;
  for (int i = 0; i < 20; ++i) usual = timed_read(&read_from);
  EXPECT_LT(usual, absl::Milliseconds(120)) << "one trip to frankfurt";
  // One of the two in frankfurt answers heartbeats, but its disk takes two seconds.
  const NodeSet far = read_from & NodeSet::Of(DataCenterAt(1));
  ASSERT_EQ(far.Count(), 2);
  const int slow = far.Has(3) ? 3 : 4;
  cell_.disk(slow).SetDelays(absl::Seconds(2), absl::Seconds(2));
  const absl::Duration hedged = timed_read(&read_from);
  EXPECT_FALSE(read_from.Has(slow));
  EXPECT_EQ(read_from.CountIn(DataCenterAt(2)), 0) << "the next best, not everybody";
  // The hedge comes 20 ms after the answer was due; then one more trip.
  EXPECT_LT(hedged, 2 * usual + absl::Milliseconds(40));
  // Once it is known to be slow, it is not asked first.
  EXPECT_LT(timed_read(&read_from), usual + absl::Milliseconds(20));
  EXPECT_FALSE(read_from.Has(slow));
}

TEST_F(NodeTest, OneNodeDownInEachDataCenterStillReachesSafeAndLaterFull) {
  for (const int node : {0, 5, 7}) cell_.StopNode(node);
  cell_.world().RunFor(absl::Seconds(3));
  for (int home = 0; home < kDataCenterCount; ++home) {
    const std::string key = cell_.KeyAt(home, "degraded");
    const auto set = cell_.SetAndWait(1, key, "v");
    ASSERT_GE(set->level(), Level::kSafe) << "home " << home;
    EXPECT_EQ(TextOf(*cell_.Get(4, key)), "v");
  }
  const auto set = cell_.SetAndWait(1, cell_.KeyAt(0, "mended"), "v");
  for (const int node : {0, 5, 7}) cell_.StartNode(node);
  cell_.world().RunFor(absl::Seconds(10));
  EXPECT_EQ(cell_.TicketGet(0, set->accepted()->ticket)->level, Level::kFull);
}

TEST_F(NodeTest, AnyDataCenterMayStopAndValuesStayReadable) {
  for (int dc = 0; dc < kDataCenterCount; ++dc) {
    const std::string key = cell_.KeyAt(dc, "burning");
    const std::string other = cell_.KeyAt((dc + 1) % 3, "burning");
    const int reader = (dc + 2) % 3 * kNodesPerDataCenter;
    ASSERT_GE(cell_.SetAndWait(reader, key, "kept")->level(), Level::kSafe);
    ASSERT_GE(cell_.SetAndWait(reader, other, "kept too")->level(), Level::kSafe);
    cell_.StopDataCenter(dc);
    cell_.world().RunFor(absl::Seconds(2));
    EXPECT_EQ(TextOf(*cell_.Get(reader, other)), "kept too");
    const auto latest = cell_.Get(reader, key);
    EXPECT_EQ(engine::ReasonOf(latest.status()), "TRIAD_UNAVAILABLE");
    EXPECT_THAT(std::string(latest.status().message()),
                ::testing::HasSubstr(cell_.cell().data_center_name(DataCenterAt(dc))));
    const auto surviving = cell_.Get(reader, key, ReadMode::kSurviving);
    ASSERT_TRUE(surviving.ok()) << surviving.status();
    EXPECT_EQ(TextOf(*surviving), "kept");
    EXPECT_TRUE(surviving->home_silent);
    cell_.StartDataCenter(dc);
    cell_.world().RunFor(absl::Seconds(3));
    EXPECT_EQ(TextOf(*cell_.Get(reader, key)), "kept");
  }
}

TEST_F(NodeTest, SequencerCrashMidRaceLosesNoAcceptedOp) {
  const std::string key = cell_.KeyAt(1);
  const auto set = cell_.Set(0, key, "v");
  cell_.world().RunUntil([&] { return set->accepted().has_value(); }, absl::Seconds(5));
  int sequencer = -1;
  for (int node = 3; node < 6; ++node) {
    if (cell_.Status(node).home.sequencer) sequencer = node;
  }
  ASSERT_GE(sequencer, 3);
  cell_.CrashNode(sequencer);
  cell_.world().RunUntil([&] { return set->level() >= Level::kSafe || set->ended(); },
                         absl::Seconds(30));
  EXPECT_GE(set->level(), Level::kSafe);
  EXPECT_EQ(TextOf(*cell_.Get(8, key)), "v");
}

TEST_F(NodeTest, WholeCellRestartsOnTheSameDisksWithEveryOutcome) {
  std::vector<std::pair<std::string, std::shared_ptr<SetRecord>>> sets;
  for (int i = 0; i < 30; ++i) {
    const std::string key = absl::StrCat("restart-", i % 10);
    sets.emplace_back(key, cell_.Set(i % kNodeCount, key, absl::StrCat("v", i)));
  }
  cell_.world().RunFor(absl::Milliseconds(700));
  for (int node = 0; node < kNodeCount; ++node) cell_.CrashNode(node);
  for (int node = 0; node < kNodeCount; ++node) cell_.StartNode(node);
  cell_.world().RunFor(absl::Seconds(20));
  for (const auto& [key, set] : sets) {
    if (!set->accepted().has_value()) continue;
    const auto status = cell_.TicketGet(0, set->accepted()->ticket);
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_TRUE(status->final);
    if (set->outcome().has_value()) {
      EXPECT_EQ(status->outcome, *set->outcome());
    }
  }
}

// It has heard few others yet, which says nothing about the rest.
TEST_F(NodeTest, NodeJustStartedReadsAtOnce) {
  for (int home = 0; home < kDataCenterCount; ++home) {
    const std::string key = cell_.KeyAt(home);
    ASSERT_EQ(cell_.SetAndWait(0, key, "the value", Level::kFull)->level(), Level::kFull);
    for (const ReadMode mode : {ReadMode::kLatest, ReadMode::kSurviving}) {
      // Heartbeats are on the way at any time: whose comes first depends on the moment.
      for (int moment = 0; moment < 12; ++moment) {
        cell_.StopNode(6);
        cell_.world().RunFor(absl::Milliseconds(509));
        cell_.StartNode(6);
        cell_.world().RunFor(absl::Milliseconds(10 * moment));
        const auto reply = cell_.Get(6, key, mode);
        ASSERT_TRUE(reply.ok()) << reply.status();
        EXPECT_EQ(TextOf(*reply), "the value");
      }
    }
  }
}

// A node whose disk does not answer does not know that a key is not there.
TEST_F(NodeTest, StoresThatFailSayNothingOfAbsence) {
  const std::string key = cell_.KeyAt(0);
  ASSERT_EQ(cell_.SetAndWait(0, key, "the value", Level::kFull)->level(), Level::kFull);
  for (int node = 0; node < kNodeCount; ++node) {
    cell_.disk(node).FailReads(1, absl::UnavailableError("the disk does not answer"));
  }
  const auto none = cell_.Get(4, key, ReadMode::kSurviving);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(engine::ReasonOf(none.status()), "SHARES_INSUFFICIENT") << none.status();
  const auto again = cell_.Get(4, key, ReadMode::kSurviving);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(TextOf(*again), "the value");
}

TEST_F(NodeTest, NodeAloneInItsTriadDoesNotServe) {
  cell_.StopNode(7);
  EXPECT_TRUE(cell_.Status(6).home.serving);
  cell_.StopNode(8);
  cell_.world().RunFor(absl::Seconds(2));
  EXPECT_FALSE(cell_.Status(6).home.serving);
  cell_.StartNode(7);
  cell_.world().RunFor(absl::Seconds(2));
  EXPECT_TRUE(cell_.Status(6).home.serving);
}

TEST_F(NodeTest, BadInputIsRefusedWithItsReasonAndConsumesNothing) {
  const auto reason_of = [&](const std::shared_ptr<SetRecord>& set) {
    cell_.world().RunUntil([&] { return set->ended(); }, absl::Seconds(15));
    return set->failed().has_value() ? engine::ReasonOf(*set->failed()) : "none";
  };
  const std::string key = cell_.KeyAt(0);
  EXPECT_EQ(reason_of(cell_.Set(0, "", "v")), "BAD_KEY");
  EXPECT_EQ(reason_of(cell_.Set(0, std::string(1025, 'k'), "v")), "BAD_KEY");
  EXPECT_EQ(reason_of(cell_.Set(0, key, std::string((4 << 20) + 1, 'v'))), "VALUE_TOO_LARGE");
  SimCell::SetOptions options;
  options.op = OpId{};
  EXPECT_EQ(reason_of(cell_.Set(0, key, "v", options)), "BAD_OP_ID");
  options = {};
  options.base = {arbiter::Base::Kind::kVersion, Version(7)};
  EXPECT_EQ(reason_of(cell_.Set(0, key, "v", options)), "BAD_BASE");
  EXPECT_EQ(engine::ReasonOf(cell_.Get(0, key).status()), "NO_SUCH_KEY");

  const auto good = cell_.SetAndWait(0, key, "v");
  EXPECT_EQ(good->outcome()->version, Version(1));
  options = {};
  options.op = good->op;
  EXPECT_EQ(reason_of(cell_.Set(3, cell_.KeyAt(0, "another"), "v", options)), "OP_ID_REUSED");
  EXPECT_EQ(engine::ReasonOf(cell_.Get(0, key, ReadMode::kVersion, Version(2)).status()),
            "NO_SUCH_VERSION");
}

TEST_F(NodeTest, LatestWaitsForSafeAndNamesTheVersionThatIsNot) {
  const std::string key = cell_.KeyAt(0);
  ASSERT_GE(cell_.SetAndWait(0, key, "old")->level(), Level::kSafe);
  // One node of the data center is left: it is not OUT, and SAFE is out of reach all the same.
  cell_.StopNode(7);
  cell_.StopNode(8);
  cell_.world().RunFor(absl::Seconds(2));
  const auto set = cell_.SetAndWait(0, key, "new", Level::kHeld);
  ASSERT_EQ(set->level(), Level::kHeld);
  const auto latest = cell_.Get(3, key);
  EXPECT_EQ(engine::ReasonOf(latest.status()), "VERSION_NOT_READABLE") << latest.status();
  EXPECT_THAT(std::string(latest.status().message()), ::testing::HasSubstr("version 2"));
  cell_.StartNode(7);
  const auto later = cell_.Get(3, key);
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_EQ(TextOf(*later), "new");
}

TEST_F(NodeTest, ANodeWithAFullDiskHoldsNobodyUpAndHealsWhenSpaceComesBack) {
  cell_.disk(4).SetFull(true);
  std::vector<std::shared_ptr<SetRecord>> sets;
  for (int i = 0; i < 300; ++i) {
    // More bytes than the scatterer keeps under way, so that parking is what saves it.
    sets.push_back(
        cell_.SetAndWait(i % 3, absl::StrCat("full-disk-", i), std::string(300'000, 'x')));
    ASSERT_GE(sets.back()->level(), Level::kSafe) << i;
  }
  EXPECT_NE(cell_.Status(4).store_error, "");
  cell_.disk(4).SetFull(false);
  cell_.world().RunFor(absl::Seconds(120));
  EXPECT_EQ(cell_.Status(4).store_error, "");
  for (const auto& set : sets) {
    EXPECT_EQ(cell_.TicketGet(0, set->accepted()->ticket)->level, Level::kFull);
  }
}

TEST_F(NodeTest, WhoeverCallsANodeThatStopsIsAnswered) {
  const auto set = cell_.Set(0, cell_.KeyAt(0), "v");
  cell_.StopNode(0);
  ASSERT_TRUE(set->failed().has_value());
  EXPECT_EQ(engine::ReasonOf(*set->failed()), "NODE_STOPPING") << "it had not begun";
  const auto begun = cell_.Set(1, cell_.KeyAt(1), "v");
  cell_.world().RunFor(absl::Milliseconds(5));
  cell_.StopNode(1);
  ASSERT_TRUE(begun->failed().has_value());
  EXPECT_EQ(engine::ReasonOf(*begun->failed()), "OUTCOME_UNKNOWN") << "it may be on record";
}

// Its homes have logged streams that the new disk knows nothing of: of the epoch it would begin with, and above.
TEST_F(NodeTest, ANodeWithANewDiskIsHeardAtEveryHome) {
  for (int life = 0; life < 3; ++life) {
    for (int i = 0; i < 30; ++i) {
      const std::string key = cell_.KeyAt(i % 3);
      ASSERT_GE(cell_.SetAndWait(4, key, "v")->level(), Level::kSafe) << life << ": " << i;
    }
    cell_.StopNode(4);
    if (life != 1) cell_.disk(4).Wipe();
    cell_.StartNode(4);
    cell_.world().RunFor(absl::Seconds(2));
  }
  // Brought back from a copy that is older.
  cell_.StopNode(4);
  ByteWriter w;
  w.U64(1);
  cell_.disk(4).Tamper(engine::RowFamily::kRows, engine::StreamEpochs::kRow,
                       std::make_shared<const Bytes>(std::move(w).Take()));
  cell_.StartNode(4);
  cell_.world().RunFor(absl::Seconds(2));
  for (int home = 0; home < kDataCenterCount; ++home) {
    const auto set = cell_.SetAndWait(4, cell_.KeyAt(home), "after");
    EXPECT_GE(set->level(), Level::kSafe) << home;
    EXPECT_EQ(set->outcome()->kind, OutcomeKind::kWon) << home;
  }
}

// One writer, one reader. There is always a version that is closed and not SAFE.
TEST_F(NodeTest, AKeyThatIsWrittenAllTheTimeCanBeRead) {
  const std::string key = cell_.KeyAt(0);
  ASSERT_TRUE(cell_.SetAndWait(0, key, "first")->outcome().has_value());
  std::vector<std::shared_ptr<SetRecord>> sets;
  bool writing = true;
  std::function<void()> write = [&] {
    if (!writing) return;
    sets.push_back(cell_.Set(0, key, "v"));
    cell_.world().At(absl::Milliseconds(10), write);
  };
  write();
  for (int i = 0; i < 5; ++i) {
    cell_.world().RunFor(absl::Milliseconds(500));
    const auto reply = cell_.Get(4, key);
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_GT(reply->version, Version(1));
  }
  writing = false;
}

TEST_F(NodeTest, ManyVersionsOfOneKeyAndSurvivingReturnsTheNewest) {
  const std::string key = cell_.KeyAt(0);
  for (int i = 1; i <= 70; ++i) {
    ASSERT_EQ(cell_.SetAndWait(0, key, absl::StrCat("v", i), Level::kFull)->level(), Level::kFull);
  }
  cell_.StopDataCenter(0);
  cell_.world().RunFor(absl::Seconds(2));
  const auto surviving = cell_.Get(4, key, ReadMode::kSurviving);
  ASSERT_TRUE(surviving.ok()) << surviving.status();
  EXPECT_EQ(TextOf(*surviving), "v70");
}

TEST_F(NodeTest, AShareGoneBadIsNamedAndReadAround) {
  const std::string key = cell_.KeyAt(0);
  ASSERT_EQ(cell_.SetAndWait(0, key, std::string(40000, 'x'), Level::kFull)->level(), Level::kFull);
  for (const engine::StoreRow& row : cell_.disk(0).Rows(engine::RowFamily::kBlobs)) {
    ASSERT_TRUE(cell_.disk(0).Corrupt(engine::RowFamily::kBlobs, row.key).ok());
  }
  const auto reply = cell_.Get(0, key);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(TextOf(*reply), std::string(40000, 'x'));
  ASSERT_THAT(reply->rejected, ::testing::SizeIs(1));
  EXPECT_THAT(reply->rejected[0], ::testing::HasSubstr("virginia-1"));
}

TEST_F(NodeTest, NoPlaintextAndNoDataKeyOnAnyDiskDuringALoadAndAfter) {
  const std::string canary = "CANARY-7f3a91-VALUE";
  const std::string name = cell_.KeyAt(0, "CANARY-7f3a91-NAME");
  std::vector<std::string> keys;
  std::vector<std::shared_ptr<SetRecord>> sets;
  for (int i = 0; i < 20; ++i) {
    keys.push_back(absl::StrCat(name, i % 5));
    sets.push_back(cell_.Set(i % kNodeCount, keys.back(), absl::StrCat(canary, i)));
  }
  // Everything that ever lay on a disk at one of forty moments.
  std::set<std::string> seen;
  for (int i = 0; i < 40; ++i) {
    cell_.world().RunFor(absl::Milliseconds(25));
    for (const std::string& bytes : cell_.AllDiskBytes()) seen.insert(bytes);
  }
  // The data keys, put together again by somebody who holds every node's secrets.
  std::vector<std::string> secrets = {"CANARY"};
  for (const engine::StoreRow& row : cell_.disk(0).Rows(engine::RowFamily::kRows)) {
    const auto version = engine::ShareRow::ParseKey(row.key);
    if (!version.has_value()) continue;
    std::vector<cryptoscatter::IndexedKeyShare> shares;
    for (const int node : {0, 1, 3, 4}) {
      const auto stored = cell_.StoredShare(node, *version);
      if (absl::IsNotFound(stored.status())) continue;
      ASSERT_TRUE(stored.ok());
      const cryptoscatter::Share& share = stored->share;
      auto key_share =
          cryptoscatter::UnwrapKeyShare(cell_.secrets(node).storage_key,
                                        {share.core.Id(), share.generation, share.index,
                                         cell_.cell().node(NodeAt(node)).id, share.key_share_hash},
                                        *stored->key_share);
      ASSERT_TRUE(key_share.ok());
      secrets.push_back(ToString(key_share->ExposeSecret()).substr(0, 16));
      shares.push_back({NodeAt(node), *std::move(key_share)});
    }
    const auto secret = cryptoscatter::Script::Nested()->key_sharing().Combine(shares);
    ASSERT_TRUE(secret.ok()) << secret.status();
    secrets.push_back(ToString(secret->ExposeSecret()).substr(0, 16));
  }
  ASSERT_GE(secrets.size(), 1 + 5 * 5u) << "five keys, four key shares and a data key each";
  for (const std::string& bytes : seen) {
    for (const std::string& secret : secrets) {
      ASSERT_EQ(bytes.find(secret), std::string::npos);
    }
  }
}

// The attacker holds the disks and the secrets of some nodes, and the real decoder.
TEST_F(NodeTest, NoDataCenterAloneReadsAValueWhileItIsAcceptedOrAfterwards) {
  const auto attempt = [&](const std::string& key, const std::vector<int>& nodes) {
    engine::OfflineReader reader(cell_.shared_cell(), ToBytes(AsBytes(key)));
    for (const int node : nodes) {
      reader.AddNode(NodeAt(node), cell_.secrets(node),
                     cell_.disk(node).Rows(engine::RowFamily::kRows),
                     cell_.disk(node).Rows(engine::RowFamily::kBlobs));
    }
    return reader.Read();
  };
  for (int home = 0; home < kDataCenterCount; ++home) {
    const std::string key = cell_.KeyAt(home, "secret");
    const auto set = cell_.Set(0, key, std::string(9000, 's'));
    int staged_looks = 0;
    while (set->level() < Level::kFull) {
      cell_.world().RunFor(absl::Milliseconds(5));
      for (int dc = 0; dc < kDataCenterCount; ++dc) {
        const auto read = attempt(key, {3 * dc, 3 * dc + 1, 3 * dc + 2});
        EXPECT_FALSE(read.ok());
        staged_looks += absl::IsFailedPrecondition(read.status()) ? 1 : 0;
      }
    }
    EXPECT_GT(staged_looks, 10) << "the attack must have seen shares and staged payloads";
    const int other = (home + 1) % 3;
    const auto two = attempt(key, {3 * home, 3 * home + 1, 3 * other, 3 * other + 2});
    ASSERT_TRUE(two.ok()) << two.status();
    EXPECT_EQ(ToString(two->value.ExposeSecret()), std::string(9000, 's'));
  }
}

}  // namespace
}  // namespace worldb::testing
