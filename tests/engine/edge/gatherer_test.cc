// Goal:   reads come back right and say what stood in their way, whatever nodes and home do or leave undone;
//         what was gathered on a guess is used if the home names it, and never otherwise;
//         a call that has ended hears nothing more; calls have a bound, and so have the bytes they keep.
// Method: the whole reader over a fake cell, with real sealed shares, in virtual time and without a node.
#include "engine/edge/gatherer.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/cell/errors.h"
#include "engine/edge/speculative_gather.h"
#include "tests/support/fake_cell_access.h"
#include "tests/support/seeded_entropy.h"
#include "tests/support/sim_executor.h"

namespace worldb::engine {
namespace {

using ::worldb::testing::FakeCellAccess;
using ::worldb::testing::SeededEntropy;

constexpr char kKey[] = "key";
constexpr absl::Duration kTimeout = absl::Seconds(10);

NodeSet Set(std::initializer_list<int> nodes) {
  NodeSet set;
  for (const int node : nodes) set.Add(NodeAt(node));
  return set;
}

// One Get as its caller saw it.
struct GetRecord {
  int ends = 0;
  absl::Duration at;
  absl::StatusOr<GetReply> reply = absl::UnknownError("not answered");
};

class GathererTest : public ::testing::Test {
 protected:
  std::shared_ptr<GetRecord> Start(ReadMode mode = ReadMode::kLatest,
                                   absl::Duration timeout = kTimeout) {
    auto record = std::make_shared<GetRecord>();
    const ByteSpan name = AsBytes(kKey);
    gatherer_.Get({.key = Bytes(name.begin(), name.end()),
                   .mode = mode,
                   .version = Version(1),
                   .timeout = timeout},
                  [this, record](absl::StatusOr<GetReply> reply) {
                    ++record->ends;
                    record->at = world_.Elapsed();
                    record->reply = std::move(reply);
                  });
    return record;
  }
  // Runs until it has ended, and long enough for every late answer.
  std::shared_ptr<GetRecord> Get(ReadMode mode = ReadMode::kLatest,
                                 absl::Duration timeout = kTimeout) {
    const absl::Duration begin = world_.Elapsed();
    std::shared_ptr<GetRecord> record = Start(mode, timeout);
    world_.RunUntil([&] { return record->ends > 0; }, absl::Minutes(1));
    EXPECT_EQ(access_.open_count(), 0u) << "a call that has ended waits for nothing";
    world_.RunFor(absl::Minutes(1));
    EXPECT_EQ(record->ends, 1);
    record->at -= begin;
    return record;
  }
  // The home and all nodes know this value as `version`.
  VersionFacts Write(absl::string_view value, std::uint64_t version = 1,
                     NodeSet holders = NodeSet::All()) {
    VersionFacts facts = access_.Write(kKey, AsBytes(value), Version(version), holders);
    access_.home = ReadReply{.id = 0, .status = absl::OkStatus(), .facts = facts};
    return facts;
  }
  FakeCellAccess::Held& HeldBy(int node, const VersionFacts& facts) {
    return access_.keeper(node).shares.at({facts.id.key_tag, facts.slot_epoch, facts.id.version});
  }
  void SpoilFragment(int node, const VersionFacts& facts) {
    HeldBy(node, facts).share.fragment.front() ^= 1;
  }
  // Reads under way at once, more than there is room for. Those of `left_out` are shed.
  struct Crowd {
    std::vector<std::shared_ptr<GetRecord>> served;
    std::vector<std::shared_ptr<GetRecord>> left_out;
  };
  Crowd GetTogether(int count, ReadMode mode = ReadMode::kLatest) {
    std::vector<std::shared_ptr<GetRecord>> all;
    for (int i = 0; i < count; ++i) all.push_back(Start(mode));
    world_.RunFor(absl::Minutes(1));
    Crowd crowd;
    for (auto& got : all) {
      EXPECT_EQ(got->ends, 1);
      if (got->reply.ok()) {
        crowd.served.push_back(std::move(got));
      } else {
        EXPECT_EQ(got->reply.status().code(), absl::StatusCode::kResourceExhausted);
        EXPECT_EQ(ReasonOf(got->reply.status()), reason::kShed);
        crowd.left_out.push_back(std::move(got));
      }
    }
    return crowd;
  }
  int FetchCount() {
    int count = 0;
    for (int node = 0; node < kNodeCount; ++node) count += access_.keeper(node).fetches;
    return count;
  }
  static std::string Text(const GetRecord& record) {
    if (!record.reply.ok()) return std::string(record.reply.status().message());
    return std::string(AsText(record.reply->value.ExposeSecret()));
  }
  static std::string Detail(const GetRecord& record, const std::string& name) {
    for (const auto& [key, value] : DetailsOf(record.reply.status())) {
      if (key == name) return value;
    }
    return "none";
  }

  testing::SimWorld world_;
  testing::SimExecutor executor_{world_};
  FakeCellAccess access_{executor_};
  cryptoscatter::BatchVerifier verifier_;
  Gatherer gatherer_{access_, executor_, access_.entropy(), verifier_};
};

TEST_F(GathererTest, TheNearestWhoSufficeAreAskedAndNobodyElse) {
  const VersionFacts facts = Write("hello");
  const auto got = Get();
  ASSERT_TRUE(got->reply.ok()) << got->reply.status();
  EXPECT_EQ(Text(*got), "hello");
  EXPECT_EQ(got->reply->version, Version(1));
  EXPECT_EQ(got->reply->op, facts.op);
  EXPECT_EQ(got->reply->level, arbiter::Level::kFull);
  EXPECT_FALSE(got->reply->home_silent);
  EXPECT_EQ(got->reply->read_from, Set({0, 1, 3, 4}));
  EXPECT_EQ(access_.fetched(), Set({0, 1, 3, 4}));
  EXPECT_EQ(got->at, absl::Milliseconds(20)) << "one way to the home and one to the nodes";
}

TEST_F(GathererTest, ANodeThatStaysSilentCostsItsPatienceOnceAndIsAvoidedThen) {
  Write("hello");
  access_.keeper(1).answers = false;
  auto got = Get();
  EXPECT_EQ(Text(*got), "hello");
  EXPECT_EQ(got->reply->read_from, Set({0, 2, 3, 4}));
  EXPECT_TRUE(got->reply->rejected.empty()) << "slow is not wrong";
  EXPECT_GT(got->at, absl::Milliseconds(100));
  EXPECT_LT(got->at, absl::Milliseconds(500));
  got = Get();
  EXPECT_EQ(Text(*got), "hello");
  EXPECT_EQ(access_.keeper(1).fetches, 2) << "forgotten a minute later";
}

TEST_F(GathererTest, WhatWasLearntOfASlowNodeHoldsForTheNextRead) {
  Write("hello");
  access_.keeper(1).answers = false;
  const auto first = Start();
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(first->ends, 1);
  const absl::Duration begin = world_.Elapsed();
  const auto second = Start();
  world_.RunFor(absl::Seconds(1));
  ASSERT_EQ(second->ends, 1);
  EXPECT_EQ(second->at - begin, absl::Milliseconds(20));
  EXPECT_EQ(access_.keeper(1).fetches, 1);
}

TEST_F(GathererTest, SilentHoldersDoNotKeepOthersFromBeingAsked) {
  Write("hello");
  access_.home->facts->held = Set({0, 1, 3, 4});  // the log lags behind
  access_.keeper(1).answers = false;
  EXPECT_EQ(Text(*Get()), "hello");
}

TEST_F(GathererTest, ALiarIsNamedToldAndReadAround) {
  SpoilFragment(1, Write("hello"));
  const auto got = Get();
  ASSERT_TRUE(got->reply.ok()) << got->reply.status();
  EXPECT_EQ(Text(*got), "hello");
  ASSERT_EQ(got->reply->rejected.size(), 1u);
  EXPECT_NE(got->reply->rejected[0].find("virginia-2"), std::string::npos)
      << got->reply->rejected[0];
  EXPECT_EQ(access_.keeper(1).doubts, 1);
  EXPECT_EQ(access_.keeper(0).doubts, 0);
  EXPECT_EQ(access_.fetched(), NodeSet::All()) << "who lies may not be alone";
}

TEST_F(GathererTest, AShareOfAnotherValueThanTheHomeRecordedIsNotLookedAt) {
  const VersionFacts other = access_.Write(kKey, AsBytes("forged"), Version(1), Set({0}));
  FakeCellAccess::Held forged = std::move(HeldBy(0, other));
  HeldBy(0, Write("hello")) = std::move(forged);
  const auto got = Get();
  EXPECT_EQ(Text(*got), "hello");
  ASSERT_EQ(got->reply->rejected.size(), 1u);
  EXPECT_EQ(
      got->reply->rejected[0],
      "share 0 of version 1 on node virginia-1: the node gave share 0 of version 1, not of the "
      "value the home recorded");
  EXPECT_FALSE(got->reply->read_from.Has(0));
}

TEST_F(GathererTest, AShareThatNoWriterOfTheCellSignedIsNotTaken) {
  const VersionFacts facts = Write("hello");
  const auto stranger = cryptoscatter::SigningKeyPair::Generate(access_.entropy());
  const auto sign = [&](int node) {
    HeldBy(node, facts).share.proof =
        cryptoscatter::SignBatch(stranger, access_.cell().id(), {&facts.commitment, 1}).front();
  };
  sign(1);
  auto got = Get();
  EXPECT_EQ(Text(*got), "hello");
  ASSERT_EQ(got->reply->rejected.size(), 1u);
  EXPECT_EQ(got->reply->rejected[0],
            "share 1 of version 1 on node virginia-2: no writer of this cell signed it");
  EXPECT_FALSE(got->reply->read_from.Has(1));
  EXPECT_EQ(access_.keeper(1).doubts, 1);
  for (int node = 0; node < kNodeCount; ++node) sign(node);
  for (const ReadMode mode : {ReadMode::kLatest, ReadMode::kSurviving}) {
    got = Get(mode);
    EXPECT_EQ(ReasonOf(got->reply.status()), reason::kSharesInsufficient) << Text(*got);
  }
}

TEST_F(GathererTest, AMissingShareIsAFaultOnlyWhereItsNodeSignedForIt) {
  const VersionFacts facts = Write("hello");
  access_.home->facts->held = Set({0, 1, 3, 4, 6, 7});
  access_.keeper(1).shares.clear();  // it signed
  access_.keeper(8).shares.clear();  // it did not
  const auto got = Get();
  EXPECT_EQ(Text(*got), "hello");
  ASSERT_EQ(got->reply->rejected.size(), 1u);
  EXPECT_EQ(got->reply->rejected[0],
            "share 1 of version 1 on node virginia-2: missing, though the node signed for it");
  EXPECT_EQ(access_.keeper(1).doubts, 1);
  EXPECT_EQ(access_.keeper(8).doubts, 0);
}

TEST_F(GathererTest, AnAnswerThatComesAfterTheEndIsHeardByNobody) {
  Write("hello");
  access_.keeper(4).takes = absl::Seconds(30);
  const auto got = Get();
  EXPECT_EQ(Text(*got), "hello");
  EXPECT_EQ(access_.unheard_count(), 1);
}

TEST_F(GathererTest, ASilentHomeIsNamedAtTheDeadlineAndSurvivingReadsWithoutIt) {
  Write("older", 1);
  Write("newer", 2);
  access_.home.reset();
  auto got = Get();
  EXPECT_EQ(got->at, kTimeout);
  EXPECT_EQ(got->reply.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(got->reply.status()), reason::kTriadUnavailable);
  EXPECT_EQ(Detail(*got, "surviving_version"), "2");
  EXPECT_NE(Detail(*got, "home"), "none");
  got = Get(ReadMode::kSurviving);
  EXPECT_EQ(Text(*got), "newer");
  EXPECT_TRUE(got->reply->home_silent);
  EXPECT_EQ(got->reply->version, Version(2));
  EXPECT_EQ(got->reply->level, arbiter::Level::kFull);
  EXPECT_FALSE(got->reply->op.IsZero()) << "it stands in the shares";
}

TEST_F(GathererTest, AHomeThatAnswersWhileEverybodyIsAskedIsBelieved) {
  Write("hello");
  access_.home_takes = absl::Milliseconds(4005);  // the others are asked after 4 s
  const auto got = Get();
  EXPECT_EQ(Text(*got), "hello");
  EXPECT_FALSE(got->reply->home_silent);
  EXPECT_EQ(access_.unheard_count(), 9) << "what they list does not count any more";
}

TEST_F(GathererTest, WhatTheHomeRefusesIsPassedOn) {
  access_.home = ReadReply{
      .id = 0,
      .status = MakeError(absl::StatusCode::kNotFound, reason::kNoSuchVersion, "no such version"),
      .facts = std::nullopt};
  const auto got = Get(ReadMode::kVersion);
  EXPECT_EQ(ReasonOf(got->reply.status()), reason::kNoSuchVersion);
  EXPECT_TRUE(access_.fetched().empty());
}

TEST_F(GathererTest, TheDeadlineSaysHowManyAnsweredAndWhatIsMissing) {
  Write("hello");
  for (const int node : {1, 2, 4, 5, 7, 8}) access_.keeper(node).answers = false;
  const auto got = Get();
  EXPECT_EQ(got->at, kTimeout);
  EXPECT_EQ(ReasonOf(got->reply.status()), reason::kSharesInsufficient);
  EXPECT_EQ(Text(*got), "version 1 was not readable in time: 3 of 9 nodes answered");
  EXPECT_EQ(Detail(*got, "have"), "3");
  EXPECT_EQ(Detail(*got, "need"), "4");
  EXPECT_EQ(Detail(*got, "missing"),
            "virginia-2,virginia-3,frankfurt-2,frankfurt-3,tokyo-2,tokyo-3");
  EXPECT_EQ(Detail(*got, "version"), "1");
}

TEST_F(GathererTest, WhenNobodyIsLeftToAskItEndsAtOnce) {
  const VersionFacts facts = Write("hello");
  for (const int node : {1, 2, 4, 5, 7, 8}) {
    access_.keeper(node).answers = false;
    access_.keeper(node).reachable = false;
  }
  SpoilFragment(0, facts);
  const auto got = Get();
  EXPECT_EQ(got->at, absl::Milliseconds(20));
  EXPECT_EQ(ReasonOf(got->reply.status()), reason::kSharesInsufficient);
  EXPECT_NE(Text(*got).find("version 1 cannot be read from the 3 nodes that answered: "),
            std::string::npos)
      << Text(*got);
  EXPECT_NE(Text(*got).find("virginia-1"), std::string::npos) << "the liar is named";
}

TEST_F(GathererTest, SurvivingFallsBackToTheNextOlderVersionThatOpens) {
  Write("oldest", 1);
  Write("older", 2);
  const VersionFacts newest = Write("newest", 3);
  for (int node = 0; node < kNodeCount; ++node) SpoilFragment(node, newest);
  const auto got = Get(ReadMode::kSurviving);
  EXPECT_EQ(Text(*got), "older");
  EXPECT_EQ(got->reply->version, Version(2));
  EXPECT_EQ(got->reply->rejected.size(), 9u) << "all that was wrong with the newest";
}

TEST_F(GathererTest, SurvivingDoesNotTakeSilenceForAbsence) {
  for (const int node : {0, 1, 3, 4}) {
    access_.keeper(node).answers = false;
    access_.keeper(node).reachable = false;
  }
  EXPECT_EQ(ReasonOf(Get(ReadMode::kSurviving)->reply.status()), reason::kSharesInsufficient);
  for (const int node : {0, 1, 3, 4}) {
    access_.keeper(node).answers = true;
    access_.keeper(node).cannot_list = absl::DataLossError("its disk");
  }
  EXPECT_EQ(ReasonOf(Get(ReadMode::kSurviving)->reply.status()), reason::kSharesInsufficient);
  for (const int node : {0, 1, 3, 4}) access_.keeper(node).cannot_list = absl::OkStatus();
  for (const int node : {0, 1, 3, 4}) access_.keeper(node).reachable = true;
  EXPECT_EQ(ReasonOf(Get(ReadMode::kSurviving)->reply.status()), reason::kNoSuchKey);
}

TEST_F(GathererTest, SurvivingWaitsAWhileForThoseWhoDoNotListAndReadsWithoutThem) {
  Write("hello");
  access_.keeper(8).answers = false;
  const auto got = Get(ReadMode::kSurviving);
  EXPECT_EQ(Text(*got), "hello");
  EXPECT_EQ(got->reply->level, arbiter::Level::kSafe) << "of those who answered";
  EXPECT_LT(got->at, absl::Seconds(1));
}

TEST_F(GathererTest, ATombstoneIsNoValue) {
  access_.Write(kKey, {}, Version(5), NodeSet::All(), cryptoscatter::ValueKind::kTombstone);
  const auto got = Get(ReadMode::kSurviving);
  EXPECT_EQ(got->reply.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(got->reply.status()), reason::kNoSuchKey);
  EXPECT_EQ(Detail(*got, "deleted_version"), "5");
}

TEST_F(GathererTest, ALargeValueIsOpenedOnThePoolAndNotWaitedForBeyondTheDeadline) {
  const std::string large(3 * kOffloadBytes, 'x');
  Write(large);
  world_.set_offload_time(absl::Seconds(1));
  auto got = Get();
  EXPECT_EQ(Text(*got), large);
  EXPECT_GT(got->at, absl::Seconds(1));
  got = Get(ReadMode::kLatest, absl::Milliseconds(500));
  EXPECT_EQ(got->at, absl::Milliseconds(500));
  EXPECT_EQ(ReasonOf(got->reply.status()), reason::kSharesInsufficient);
}

TEST_F(GathererTest, CallsHaveABoundAndBeyondItAreShedBeforeAnybodyIsAsked) {
  std::vector<std::shared_ptr<GetRecord>> under_way;
  for (std::size_t i = 0; i < Gatherer::kGetsMax; ++i) under_way.push_back(Start());
  const std::size_t asked = access_.open_count();
  auto shed = Start();
  ASSERT_EQ(shed->ends, 1);
  EXPECT_EQ(shed->reply.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(shed->reply.status()), reason::kShed);
  EXPECT_EQ(access_.open_count(), asked);
  world_.RunFor(kTimeout);  // their home is silent
  for (const auto& got : under_way) ASSERT_EQ(got->ends, 1);
  Write("hello");
  EXPECT_EQ(Text(*Get()), "hello") << "there is room again";
}

TEST_F(GathererTest, WhereThereIsNoRoomForAValueItIsShedBeforeAShareIsAsked) {
  Write(std::string(cryptoscatter::kValueBytesMax, 'x'));
  for (const ReadMode mode : {ReadMode::kLatest, ReadMode::kSurviving}) {
    const int fetched = FetchCount();
    const Crowd crowd = GetTogether(20, mode);
    EXPECT_GE(crowd.served.size(), 8u);
    ASSERT_FALSE(crowd.left_out.empty());
    EXPECT_EQ(FetchCount() - fetched, 4 * static_cast<int>(crowd.served.size()));
  }
}

TEST_F(GathererTest, AnAnswerTakesUpRoomUntilItIsLetGoOf) {
  Write(std::string(cryptoscatter::kValueBytesMax, 'x'));
  std::vector<std::shared_ptr<GetRecord>> untaken;
  while (true) {
    std::shared_ptr<GetRecord> got = Get();
    if (!got->reply.ok()) {
      EXPECT_EQ(ReasonOf(got->reply.status()), reason::kShed);
      break;
    }
    untaken.push_back(std::move(got));
    ASSERT_LE(untaken.size(), ReadBudget::kLargeBytesMax / (2 * cryptoscatter::kValueBytesMax));
  }
  EXPECT_GE(untaken.size(), 20u);
  untaken.resize(untaken.size() - 4);
  EXPECT_TRUE(Get()->reply.ok()) << "there is room again";
  untaken.clear();
  EXPECT_GE(GetTogether(20).served.size(), 8u);
}

TEST_F(GathererTest, LargeAnswersNobodyTakesLeaveRoomForSmallOnes) {
  Write(std::string(cryptoscatter::kValueBytesMax, 'x'));
  std::vector<Crowd> untaken;
  do {
    untaken.push_back(GetTogether(20));
  } while (!untaken.back().served.empty());
  Write("hello", 2);
  EXPECT_EQ(GetTogether(5000).served.size(), 5000u);
}

TEST_F(GathererTest, ManySmallAnswersNobodyTakesHaveABoundToo) {
  Write("hello");
  const Crowd untaken = GetTogether(Gatherer::kGetsMax);
  const Crowd beyond = GetTogether(Gatherer::kGetsMax);
  EXPECT_FALSE(beyond.left_out.empty());
  EXPECT_LE(untaken.served.size() + beyond.served.size(),
            ReadBudget::kSmallBytesMax / ReadBudget::kCallBytes);
}

TEST_F(GathererTest, AValueLargerThanWasToldFindsRoomByWhatItsWriterSigned) {
  Write(std::string(cryptoscatter::kValueBytesMax, 'x'));
  access_.home->facts->payload_bytes = 1;
  EXPECT_TRUE(Get()->reply.ok());
  const Crowd crowd = GetTogether(20);
  EXPECT_GE(crowd.served.size(), 8u);
  EXPECT_FALSE(crowd.left_out.empty());
  EXPECT_EQ(access_.open_count(), 0u);
}

TEST_F(GathererTest, WhenItStopsAllAreToldAndNothingIsHeardAfterwards) {
  Write("hello");
  const auto asking = Start();
  world_.RunFor(absl::Milliseconds(15));
  const auto later = Start();  // while the other one gathers
  gatherer_.StopAll(absl::UnavailableError("stopping"));
  EXPECT_EQ(access_.open_count(), 0u);
  world_.RunFor(absl::Minutes(1));
  for (const auto& got : {asking, later}) {
    EXPECT_EQ(got->ends, 1);
    EXPECT_EQ(got->reply.status().message(), "stopping");
  }
}

TEST_F(GathererTest, WhoIsAnsweredMayAskAgainAtOnce) {
  Write("hello");
  const ByteSpan name = AsBytes(kKey);
  const GetRequest request{.key = Bytes(name.begin(), name.end())};
  int answers = 0;
  gatherer_.Get(request, [&](const absl::StatusOr<GetReply>& first) {
    answers += first.ok() ? 1 : 0;
    gatherer_.Get(request,
                  [&](const absl::StatusOr<GetReply>& second) { answers += second.ok() ? 1 : 0; });
  });
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(answers, 2);
}

// The home is far away: what nodes hold is gathered while it is asked.
class SpeculationTest : public GathererTest {
 protected:
  SpeculationTest() {
    access_.farther = SpeculativeGather::kHomeTripMin;
    access_.home_takes = absl::Milliseconds(30);
  }
  // A newer version, which the home does not tell of.
  VersionFacts WriteUnseen(absl::string_view value, std::uint64_t version,
                           NodeSet holders = NodeSet::All()) {
    return access_.Write(kKey, AsBytes(value), Version(version), holders);
  }
};

TEST_F(SpeculationTest, AReadTakesTheLongerOfTwoTripsAndNotBoth) {
  Write("hello");
  auto got = Get();
  EXPECT_EQ(Text(*got), "hello");
  EXPECT_EQ(got->at, absl::Milliseconds(30));
  EXPECT_EQ(access_.fetched(), NodeSet()) << "the shares were there";
  EXPECT_EQ(access_.speculation_count(), 4);
  EXPECT_EQ(got->reply->read_from, Set({0, 1, 3, 4}));
  for (const int node : {0, 1, 3, 4}) access_.keeper(node).takes = absl::Milliseconds(50);
  got = Get();
  EXPECT_EQ(Text(*got), "hello");
  EXPECT_EQ(got->at, absl::Milliseconds(50));
  EXPECT_EQ(access_.fetched(), NodeSet());
}

TEST_F(SpeculationTest, NothingIsAnsweredBeforeTheHomeHasNamedAVersion) {
  Write("hello");
  access_.home_takes = absl::Seconds(3);
  const auto got = Start();
  world_.RunFor(absl::Milliseconds(2900));
  EXPECT_EQ(got->ends, 0) << "though all of it has been here for long";
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(Text(*got), "hello");
  access_.home.reset();
  EXPECT_EQ(ReasonOf(Get()->reply.status()), reason::kTriadUnavailable);
}

// The race: the home confirms a version that was written after the nodes had answered.
TEST_F(SpeculationTest, AnOutdatedGuessIsNeverTheAnswer) {
  Write("older", 1);
  access_.home_takes = absl::Milliseconds(30);
  const auto got = Start();
  world_.RunFor(absl::Milliseconds(20));
  ASSERT_EQ(access_.speculation_count(), 4);
  Write("newer", 2);
  world_.RunFor(absl::Seconds(1));
  ASSERT_EQ(got->ends, 1);
  EXPECT_EQ(Text(*got), "newer");
  EXPECT_EQ(got->reply->version, Version(2));
  EXPECT_EQ(got->at, absl::Milliseconds(40)) << "as long as without a guess";
  EXPECT_TRUE(got->reply->rejected.empty()) << "who held the older one did no wrong";
  for (int node = 0; node < kNodeCount; ++node) EXPECT_EQ(access_.keeper(node).doubts, 0);
}

// The other way round: nodes hold what the home does not confirm yet.
TEST_F(SpeculationTest, AGuessThatIsTooNewIsNotTheAnswerEither) {
  Write("older", 1);
  WriteUnseen("newer", 2);
  const auto got = Get();
  EXPECT_EQ(Text(*got), "older");
  EXPECT_EQ(got->reply->version, Version(1));
  EXPECT_TRUE(got->reply->rejected.empty());
}

TEST_F(SpeculationTest, WhereNodesDifferTheSharesOfTheConfirmedVersionAreUsed) {
  Write("hello", 1);
  WriteUnseen("newer", 2, Set({1, 4}));
  auto got = Get();
  EXPECT_EQ(Text(*got), "hello");
  EXPECT_EQ(got->reply->version, Version(1));
  EXPECT_EQ(access_.keeper(0).fetches, 0) << "its share was the right one";
  EXPECT_EQ(access_.keeper(3).fetches, 0);
  EXPECT_EQ(got->at, absl::Milliseconds(40));
  // And where one has not answered when the home has, and then with another version.
  access_.keeper(1).takes = absl::Milliseconds(35);
  got = Get();
  EXPECT_EQ(Text(*got), "hello");
  EXPECT_TRUE(got->reply->rejected.empty());
}

TEST_F(SpeculationTest, AGuessOfAnotherValueUnderTheSameVersionIsRejected) {
  const VersionFacts other = access_.Write(kKey, AsBytes("forged"), Version(1), Set({0}));
  FakeCellAccess::Held forged = std::move(HeldBy(0, other));
  HeldBy(0, Write("hello")) = std::move(forged);
  const auto got = Get();
  EXPECT_EQ(Text(*got), "hello");
  ASSERT_EQ(got->reply->rejected.size(), 1u);
  EXPECT_NE(got->reply->rejected[0].find("not of the value the home recorded"), std::string::npos);
  EXPECT_EQ(access_.keeper(0).doubts, 1);
}

TEST_F(SpeculationTest, ALiarAndASilentNodeAreReadAround) {
  SpoilFragment(1, Write("hello"));
  access_.keeper(3).answers = false;
  const auto got = Get();
  EXPECT_EQ(Text(*got), "hello");
  EXPECT_EQ(access_.keeper(1).doubts, 1);
  EXPECT_EQ(got->reply->rejected.size(), 1u);
}

TEST_F(SpeculationTest, ALargeValueMovesOnceWhenItIsKnownToBeWanted) {
  const std::string large(20'000, 'x');
  Write(large);
  auto got = Get();
  EXPECT_EQ(Text(*got), large);
  EXPECT_EQ(got->at, absl::Milliseconds(40));
  EXPECT_EQ(FetchCount(), 4);
  // A node that gives more than it should.
  access_.fragment_bytes_max = 1 << 20;
  got = Get();
  EXPECT_EQ(Text(*got), large);
  EXPECT_EQ(got->at, absl::Milliseconds(40));
}

TEST_F(SpeculationTest, OnlyLatestOfAFarHomeSpeculates) {
  Write("hello");
  for (const ReadMode mode : {ReadMode::kVersion, ReadMode::kSurviving}) {
    EXPECT_EQ(Text(*Get(mode)), "hello");
  }
  access_.farther = absl::ZeroDuration();
  EXPECT_EQ(Text(*Get()), "hello");
  EXPECT_EQ(access_.speculation_count(), 0);
}

TEST_F(SpeculationTest, WithoutRoomForItAReadWaitsForItsHome) {
  Write("hello");
  const Crowd crowd = GetTogether(5000);
  EXPECT_EQ(crowd.served.size(), 5000u) << "it takes no room from others";
  EXPECT_LE(static_cast<std::uint64_t>(access_.speculation_count()),
            ReadBudget::kSpeculativeBytesMax / ReadBudget::kSpeculativeShareBytes);
  EXPECT_GT(FetchCount(), 0);
  const int before = access_.speculation_count();
  Get();
  EXPECT_EQ(access_.speculation_count(), before + 4) << "there is room again";
}

TEST_F(SpeculationTest, WhenItStopsNothingIsHeardAfterwards) {
  Write("hello");
  const auto asking = Start();
  world_.RunFor(absl::Milliseconds(5));
  gatherer_.StopAll(absl::UnavailableError("stopping"));
  EXPECT_EQ(access_.open_count(), 0u);
  world_.RunFor(absl::Seconds(1));
  EXPECT_EQ(asking->ends, 1);
}

// Whatever nodes hold and however late they answer, what is read is what the home named.
TEST_F(SpeculationTest, WhatIsReadIsWhatTheHomeNamed) {
  SeededEntropy dice(11);
  const auto draw = [&dice](int below) { return dice.Draw<1>()[0] % below; };
  int read = 0;
  for (int round = 0; round < 300; ++round) {
    for (int node = 0; node < kNodeCount; ++node) {
      access_.keeper(node).shares.clear();
      access_.keeper(node).takes = absl::Milliseconds(1 + draw(60));
      access_.keeper(node).answers = draw(12) != 0;
    }
    const auto some = [&] {
      NodeSet set;
      for (int node = 0; node < kNodeCount; ++node) {
        if (draw(4) != 0) set.Add(NodeAt(node));
      }
      return set;
    };
    WriteUnseen("older", 1, some());
    Write("named", 2);
    if (draw(2) == 0) WriteUnseen("newer", 3, some());
    access_.home_takes = absl::Milliseconds(1 + draw(60));
    const auto got = Get();
    if (got->reply.ok()) {
      EXPECT_EQ(Text(*got), "named") << round;
      EXPECT_EQ(got->reply->version, Version(2));
      EXPECT_TRUE(got->reply->rejected.empty());
      ++read;
    } else {
      EXPECT_EQ(ReasonOf(got->reply.status()), reason::kSharesInsufficient);
    }
  }
  EXPECT_GT(read, 200);
}

TEST_F(GathererTest, AKeyNoKeyCanHaveIsRefused) {
  for (const std::size_t bytes : {std::size_t{0}, cryptoscatter::kKeyNameBytesMax + 1}) {
    absl::Status status;
    gatherer_.Get({.key = Bytes(bytes)},
                  [&](const absl::StatusOr<GetReply>& reply) { status = reply.status(); });
    EXPECT_EQ(ReasonOf(status), reason::kBadKey);
  }
}

}  // namespace
}  // namespace worldb::engine
