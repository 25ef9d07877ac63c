// Goal: deletions, listings, histories and waits for a ticket's end tell what the homes know, all of it,
//       once, and names lie in clear on no disk.
// Method: nine real nodes in virtual time (tests/support/sim_cell.h), judged by what a caller sees, by the
//       bytes on the fake disks, and by a node that lies.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "engine/cell/errors.h"
#include "engine/offline/offline_reader.h"
#include "engine/rows/name_rows.h"
#include "tests/support/sim_cell.h"

namespace worldb::testing {
namespace {

using arbiter::Level;
using arbiter::OpKind;
using arbiter::OutcomeKind;
using engine::ReadMode;
using engine::ReasonOf;

std::string DetailOf(const absl::Status& status, absl::string_view name) {
  for (const auto& [key, value] : engine::DetailsOf(status)) {
    if (key == name) return value;
  }
  return "";
}

class KeysTest : public ::testing::Test {
 protected:
  void SetUp() override { cell_.world().RunFor(absl::Seconds(2)); }

  int Sequencer(int dc) {
    for (int i = 0; i < kNodesPerDataCenter; ++i) {
      const int node = dc * kNodesPerDataCenter + i;
      if (cell_.running(node) && cell_.Status(node).home.sequencer) return node;
    }
    return -1;
  }
  // Sets them at once, and runs until all are SAFE.
  void SetAll(const std::vector<std::string>& keys, int node = 1) {
    std::vector<std::shared_ptr<SetRecord>> sets;
    for (const std::string& key : keys) sets.push_back(cell_.Set(node, key, "v"));
    ASSERT_TRUE(cell_.world().RunUntil(
        [&] {
          return std::all_of(sets.begin(), sets.end(),
                             [](const auto& set) { return set->level() >= Level::kSafe; });
        },
        absl::Seconds(60)));
  }
  // Page by page.
  std::vector<std::string> ListAll(int node, absl::string_view prefix, std::size_t page_size) {
    std::vector<std::string> names;
    std::string token;
    do {
      const auto page = cell_.List(node, prefix, page_size, token);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      EXPECT_LE(page->keys.size(), page_size);
      for (const engine::ListedKey& key : page->keys) names.push_back(ToString(key.key));
      token = page->next_page_token;
    } while (!token.empty());
    return names;
  }
  std::set<std::string> NameRows(int node) {
    std::set<std::string> keys;
    for (const engine::StoreRow& row : cell_.disk(node).Rows(engine::RowFamily::kRows)) {
      if (absl::StartsWith(row.key, engine::NameRow::kFamilyPrefix)) keys.insert(row.key);
    }
    return keys;
  }

  SimCell cell_;
};

// ---------------------------------------------------------------- delete

TEST_F(KeysTest, ADeletedKeyIsGoneInEveryReadModeAndItsOlderVersionsStay) {
  const std::string key = cell_.KeyAt(1);
  ASSERT_GE(cell_.SetAndWait(0, key, "first")->level(), Level::kSafe);
  const auto deleted = cell_.DeleteAndWait(6, key);
  ASSERT_EQ(deleted->outcome()->kind, OutcomeKind::kWon);
  ASSERT_GE(deleted->level(), Level::kSafe);
  cell_.world().RunFor(absl::Seconds(1));

  const auto latest = cell_.Get(8, key);
  EXPECT_EQ(ReasonOf(latest.status()), "NO_SUCH_KEY") << latest.status();
  EXPECT_EQ(DetailOf(latest.status(), "deleted_version"), "2");
  const auto second = cell_.Get(8, key, ReadMode::kVersion, Version(2));
  EXPECT_EQ(ReasonOf(second.status()), "NO_SUCH_VERSION") << second.status();
  EXPECT_EQ(DetailOf(second.status(), "deleted_version"), "2");
  const auto first = cell_.Get(8, key, ReadMode::kVersion, Version(1));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(ToString(first->value.ExposeSecret()), "first");

  cell_.StopDataCenter(1);
  cell_.world().RunFor(absl::Seconds(2));
  const auto surviving = cell_.Get(8, key, ReadMode::kSurviving);
  EXPECT_EQ(ReasonOf(surviving.status()), "NO_SUCH_KEY") << surviving.status();
  EXPECT_EQ(DetailOf(surviving.status(), "deleted_version"), "2");
  cell_.StartDataCenter(1);
  cell_.world().RunFor(absl::Seconds(3));

  // A tombstone is a base like ABSENT.
  SimCell::SetOptions absent;
  absent.base.kind = arbiter::Base::Kind::kAbsent;
  const auto again = cell_.Set(0, key, "again", absent);
  cell_.world().RunUntil([&] { return again->ended() || again->level() >= Level::kSafe; },
                         absl::Seconds(30));
  EXPECT_EQ(again->outcome()->version, Version(3));
  EXPECT_EQ(ToString(cell_.Get(8, key)->value.ExposeSecret()), "again");
}

TEST_F(KeysTest, RawSharesTellADeletionFromAnEmptyValue) {
  const std::string gone = cell_.KeyAt(0, "gone");
  const std::string empty = cell_.KeyAt(0, "empty");
  ASSERT_GE(cell_.DeleteAndWait(0, gone)->level(), Level::kSafe) << "of a key that never was";
  ASSERT_GE(cell_.SetAndWait(0, empty, "")->level(), Level::kSafe);
  cell_.world().RunFor(absl::Seconds(1));
  const auto kind_of = [&](const std::string& key) {
    engine::OfflineReader reader(cell_.shared_cell(), ToBytes(AsBytes(key)));
    for (const int node : {0, 2, 4, 5}) {
      reader.AddNode(NodeAt(node), cell_.secrets(node),
                     cell_.disk(node).Rows(engine::RowFamily::kRows),
                     cell_.disk(node).Rows(engine::RowFamily::kBlobs));
    }
    return reader.Read()->kind;
  };
  EXPECT_EQ(kind_of(gone), cryptoscatter::ValueKind::kTombstone);
  EXPECT_EQ(kind_of(empty), cryptoscatter::ValueKind::kValue);
  EXPECT_EQ(cell_.Get(3, empty)->value.size(), 0u);
}

TEST_F(KeysTest, ADeleteRacesAndRetriesLikeASetAndHasNoValue) {
  const std::string key = cell_.KeyAt(0);
  SimCell::SetOptions remove;
  remove.kind = OpKind::kDelete;
  const auto far = cell_.Set(6, key, "", remove);
  cell_.world().RunFor(absl::Milliseconds(20));
  const auto near = cell_.Set(1, key, "v");
  cell_.world().RunUntil([&] { return near->ended() && far->level() >= Level::kSafe; },
                         absl::Seconds(10));
  EXPECT_EQ(far->outcome()->kind, OutcomeKind::kWon);
  EXPECT_EQ(near->outcome()->kind, OutcomeKind::kLost);
  remove.op = far->op;
  remove.attempt = 1;
  const auto retry = cell_.Set(3, key, "", remove);
  cell_.world().RunUntil([&] { return retry->level() >= Level::kSafe; }, absl::Seconds(10));
  EXPECT_EQ(*retry->outcome(), *far->outcome());

  remove = {};
  remove.kind = OpKind::kDelete;
  const auto loaded = cell_.Set(1, key, "v", remove);
  cell_.world().RunUntil([&] { return loaded->ended(); }, absl::Seconds(10));
  EXPECT_TRUE(absl::IsInvalidArgument(*loaded->failed()));
}

// A node of the cell that sends what no honest one would: writes of one key of the first home.
class LyingNode {
 public:
  explicit LyingNode(SimCell& cell) : cell_(cell), executor_(cell.world()) {
    cell_.StopNode(8);
    network_ = cell_.network().Attach(NodeAt(8), executor_);
    network_->SetHandler([this](NodeIndex, engine::PeerMessage message) {
      const auto* notices = std::get_if<engine::OpNotices>(&message);
      if (notices == nullptr) return;
      for (const engine::OpNotice& notice : notices->notices) {
        if (const auto* why = std::get_if<engine::NoticeRefused>(&notice.what)) {
          refused_[notice.op] = why->status;
        }
      }
    });
    batch_.home = DataCenterAt(0);
    batch_.stream_epoch = StreamEpoch(1000);
  }
  ~LyingNode() { executor_.Shutdown(); }

  struct Lie {
    cryptoscatter::ValueKind sealed = cryptoscatter::ValueKind::kValue;
    OpKind told = OpKind::kSet;
    Bytes key;  // beside the payload; the right one if empty
    bool key_shares_swapped = false;
  };
  OpId Add(const Lie& lie) {
    const engine::Cell& cell = cell_.cell();
    auto payload = std::make_shared<engine::Payload>();
    const OpId op = arbiter::MakeOpId(cell_.clock(0).TrueTime(), entropy_);
    payload->sealed = *cryptoscatter::Seal(
        *cryptoscatter::Script::Nested(),
        {cell.id(), cell.KeyTagOf(name_), op, name_, {}, lie.sealed}, session_, entropy_);
    if (lie.key_shares_swapped) {
      // One node's for the next one's: none of them opens.
      auto& shares = payload->sealed.key_shares;
      std::rotate(shares.begin(), shares.begin() + 1, shares.end());
    }
    payload->commitment = payload->sealed.Commitment();
    payload->sealed.proof =
        cryptoscatter::SignBatch(cell_.secrets(8).signing, cell.id(), {&payload->commitment, 1})[0];
    payload->encoded = std::make_shared<const Bytes>(payload->sealed.Encode());
    payload->key = lie.key.empty() ? name_ : lie.key;
    engine::Frame frame;
    frame.number = FrameNumber(batch_.frames.size() + 1);
    arbiter::Candidate& c = frame.candidate.emplace();
    c.op = op;
    c.key_tag = cell.KeyTagOf(name_);
    c.slot = cell.SlotOf(c.key_tag);
    c.kind = lie.told;
    c.stamp.midpoint = cell_.clock(0).TrueTime();
    c.stamp.bound = absl::Milliseconds(1);
    c.stamp.node = NodeAt(8);
    c.stamp.stream_epoch = batch_.stream_epoch;
    c.stamp.number = frame.number;
    c.commitment = payload->commitment;
    c.script = payload->sealed.script;
    c.payload_bytes = payload->sealed.ciphertext.size();
    frame.payload = std::move(payload);
    batch_.frames.push_back(std::move(frame));
    return op;
  }
  void Send() {
    for (int node = 0; node < kNodesPerDataCenter; ++node) network_->Send(NodeAt(node), batch_);
    cell_.world().RunFor(absl::Seconds(3));
  }
  const Bytes& name() const { return name_; }
  std::map<OpId, absl::Status>& refused() { return refused_; }

 private:
  SimCell& cell_;
  SimExecutor executor_;
  std::unique_ptr<engine::PeerNetwork> network_;
  std::map<OpId, absl::Status> refused_;
  SeededEntropy entropy_{77};
  const Bytes name_ = ToBytes(AsBytes(cell_.KeyAt(0)));
  const cryptoscatter::WriterSession session_ =
      *cryptoscatter::WriterSession::Create(cell_.cell().SealTargets(), entropy_);
  engine::FrameBatch batch_;
};

TEST_F(KeysTest, AFrameThatSaysOtherThanItsWriterSignedIsRefused) {
  using cryptoscatter::ValueKind;
  LyingNode liar(cell_);
  const OpId unlike_value = liar.Add({.sealed = ValueKind::kTombstone, .told = OpKind::kSet});
  const OpId unlike_delete = liar.Add({.sealed = ValueKind::kValue, .told = OpKind::kDelete});
  const OpId other_name = liar.Add({.key = ToBytes(AsBytes("another"))});
  const OpId honest = liar.Add({.sealed = ValueKind::kTombstone, .told = OpKind::kDelete});
  liar.Send();
  auto& refused = liar.refused();
  EXPECT_THAT(refused, ::testing::SizeIs(3));
  EXPECT_THAT(std::string(refused[unlike_value].message()), ::testing::HasSubstr("kind"));
  EXPECT_THAT(std::string(refused[unlike_delete].message()), ::testing::HasSubstr("kind"));
  EXPECT_THAT(std::string(refused[other_name].message()), ::testing::HasSubstr("name"));
  EXPECT_FALSE(refused.contains(honest));
  const auto history = cell_.History(0, AsText(liar.name()), 10);
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_EQ(history->versions.size(), 1u);
  EXPECT_EQ(history->versions[0].op, honest);
}

// No home can see into sealed key shares: it wins, and no node can ever hold it. Its key goes on.
TEST_F(KeysTest, AWinnerThatNodesRefuseEndsVoidByTheirWord) {
  LyingNode liar(cell_);
  const std::string key(AsText(liar.name()));
  ASSERT_GE(cell_.SetAndWait(0, key, "before")->level(), Level::kSafe);
  liar.Add({.key_shares_swapped = true});
  liar.Send();
  cell_.world().RunFor(
      absl::Minutes(3));  // nodes that gave no receipt rest before they are tried again
  const auto history = cell_.History(0, key, 10);
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_EQ(history->versions.size(), 2u);
  EXPECT_EQ(history->versions[0].outcome, OutcomeKind::kVoid);
  const auto latest = cell_.Get(4, key);
  ASSERT_TRUE(latest.ok()) << latest.status();
  EXPECT_EQ(ToString(latest->value.ExposeSecret()), "before");
  EXPECT_THAT(latest->void_versions, ::testing::ElementsAre(Version(2)));
  EXPECT_GE(cell_.SetAndWait(1, key, "after")->level(), Level::kSafe);
}

// ---------------------------------------------------------------- list

TEST_F(KeysTest, PagesOfAnySizeTellEveryKeyOnceInByteOrder) {
  std::set<std::string> expected;
  std::vector<std::string> all = {"lis", "lisu", "lit/1", "other"};
  for (int i = 0; i < 60; ++i) expected.insert(absl::StrCat("list/", i * 37 % 60, "-\xff"));
  expected.insert("list/");
  all.insert(all.end(), expected.begin(), expected.end());
  SetAll(all);
  for (const char* gone : {"list/7-\xff", "list/8-\xff", "list/59-\xff"}) {
    ASSERT_GE(cell_.DeleteAndWait(2, gone)->level(), Level::kSafe);
    expected.erase(gone);
  }
  std::array<int, kDataCenterCount> homes{};
  for (const std::string& name : expected) {
    ++homes[cell_.cell().HomeOf(cell_.cell().SlotOf(cell_.cell().KeyTagOf(AsBytes(name)))).value()];
  }
  EXPECT_THAT(homes, ::testing::Each(::testing::Gt(5)));
  const std::vector<std::string> sorted(expected.begin(), expected.end());
  for (const std::size_t page_size : {1u, 7u, 58u, 59u, 1000u}) {
    EXPECT_EQ(ListAll(4, "list/", page_size), sorted) << page_size;
  }
  EXPECT_EQ(ListAll(8, "", 10).size(), expected.size() + 4);
  EXPECT_EQ(cell_.List(0, "nothing/", 10)->keys.size(), 0u);
  EXPECT_EQ(cell_.List(0, "list/", 0)->keys.size(), expected.size()) << "0 means 100";

  const std::string key = cell_.KeyAt(2, "fields");
  const auto first = cell_.SetAndWait(0, key, "1");
  const auto second = cell_.SetAndWait(0, key, std::string(5000, 'x'), Level::kFull);
  const auto page = cell_.List(7, "fields", 10);
  ASSERT_EQ(page->keys.size(), 1u);
  EXPECT_EQ(page->keys[0].version, Version(2));
  EXPECT_EQ(page->keys[0].op, second->op);
  EXPECT_EQ(page->keys[0].level, Level::kFull);
  EXPECT_GT(page->keys[0].payload_bytes, 5000u);
}

TEST_F(KeysTest, KeysThatStayAreToldOnceWhileOthersComeAndGoBetweenPages) {
  std::vector<std::string> stay;
  std::vector<std::string> go;
  for (int i = 10; i < 40; ++i) (i % 3 == 0 ? go : stay).push_back(absl::StrCat("move/", i));
  SetAll(stay);
  SetAll(go);
  std::multiset<std::string> told;
  std::string token;
  int turn = 0;
  do {
    const auto page = cell_.List(3, "move/", 4, token);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const engine::ListedKey& key : page->keys) told.insert(ToString(key.key));
    token = page->next_page_token;
    if (!go.empty()) {
      ASSERT_GE(cell_.DeleteAndWait(5, go.back())->level(), Level::kSafe);
      go.pop_back();
    }
    SetAll({absl::StrCat("move/new-", turn), absl::StrCat("move/", 10 + turn, "-new")});
    ++turn;
  } while (!token.empty() && turn < 50);
  for (const std::string& key : stay) EXPECT_EQ(told.count(key), 1u) << key;
  for (const std::string& key : told) EXPECT_EQ(told.count(key), 1u) << key;
}

TEST_F(KeysTest, APageTokenIsGoodForItsPrefixAloneAndASilentHomeIsNamed) {
  SetAll({"token/1", "token/2", "token/3"});
  const auto page = cell_.List(0, "token/", 1);
  ASSERT_FALSE(page->next_page_token.empty());
  EXPECT_TRUE(cell_.List(5, "token/", 1, page->next_page_token).ok()) << "at any node";
  std::string altered = page->next_page_token;
  altered[altered.size() / 2] = altered[altered.size() / 2] == 'A' ? 'B' : 'A';
  for (const auto& [prefix, token] :
       std::vector<std::pair<std::string, std::string>>{{"token", page->next_page_token},
                                                        {"token/", altered},
                                                        {"token/", "x"},
                                                        {"token/", page->next_page_token + "="}}) {
    EXPECT_EQ(ReasonOf(cell_.List(0, prefix, 1, token).status()), "BAD_PAGE_TOKEN") << prefix;
  }
  EXPECT_EQ(ReasonOf(cell_.History(0, "token/", 1, page->next_page_token).status()),
            "BAD_PAGE_TOKEN");
  EXPECT_EQ(ReasonOf(cell_.List(0, std::string(1025, 'p'), 1).status()), "BAD_KEY");

  cell_.StopDataCenter(2);
  cell_.world().RunFor(absl::Seconds(1));
  const auto silent = cell_.List(0, "token/", 1);
  EXPECT_EQ(ReasonOf(silent.status()), "TRIAD_UNAVAILABLE") << silent.status();
  EXPECT_EQ(DetailOf(silent.status(), "home"), "tokyo");
}

// ---------------------------------------------------------------- history

TEST_F(KeysTest, HistoryTellsEveryVersionNewestFirstPageByPage) {
  const std::string key = cell_.KeyAt(2);
  std::vector<OpId> ops;
  for (int i = 1; i <= 7; ++i) {
    const auto op =
        i % 3 == 0 ? cell_.DeleteAndWait(i, key) : cell_.SetAndWait(i, key, absl::StrCat("v", i));
    ASSERT_GE(op->level(), Level::kSafe);
    ops.push_back(op->op);
  }
  std::vector<engine::VersionRecord> told;
  std::string token;
  do {
    const auto page = cell_.History(4, key, 3, token);
    ASSERT_TRUE(page.ok()) << page.status();
    told.insert(told.end(), page->versions.begin(), page->versions.end());
    token = page->next_page_token;
  } while (!token.empty());
  ASSERT_EQ(told.size(), 7u);
  for (std::size_t i = 0; i < told.size(); ++i) {
    const std::uint64_t version = 7 - i;
    EXPECT_EQ(told[i].version, Version(version));
    EXPECT_EQ(told[i].op, ops[version - 1]);
    EXPECT_EQ(told[i].kind, version % 3 == 0 ? OpKind::kDelete : OpKind::kSet);
    EXPECT_EQ(told[i].outcome, OutcomeKind::kWon);
    EXPECT_GE(told[i].level, Level::kSafe);
    EXPECT_EQ(told[i].script, cryptoscatter::Script::Nested()->id());
    EXPECT_GE(told[i].held.Count(), 6);
    if (i > 0) {
      EXPECT_LE(told[i].closed, told[i - 1].closed);
    }
  }
  EXPECT_EQ(ReasonOf(cell_.History(0, cell_.KeyAt(0, "none"), 3).status()), "NO_SUCH_KEY");
  const auto page = cell_.History(0, key, 1);
  EXPECT_EQ(ReasonOf(cell_.History(0, cell_.KeyAt(2, "x"), 1, page->next_page_token).status()),
            "BAD_PAGE_TOKEN");
  cell_.StopDataCenter(2);
  const auto silent = cell_.History(0, key, 3);
  EXPECT_EQ(ReasonOf(silent.status()), "TRIAD_UNAVAILABLE") << silent.status();
}

// ---------------------------------------------------------------- VOID

TEST_F(KeysTest, AVoidVersionIsNamedAndTheValueBeforeItAnswered) {
  const std::string key = cell_.KeyAt(0);
  ASSERT_GE(cell_.SetAndWait(0, key, "good", Level::kFull)->level(), Level::kFull);
  cell_.StopDataCenter(1);
  cell_.StopDataCenter(2);
  cell_.world().RunFor(absl::Seconds(1));
  const auto set = cell_.SetAndWait(0, key, "never readable", Level::kDecided);
  ASSERT_EQ(set->outcome()->version, Version(2));
  cell_.AppendToLog(
      0, arbiter::VersionVoid{{cell_.cell().KeyTagOf(AsBytes(key)), Version(2)}, NodeSet()});
  cell_.StartDataCenter(1);
  cell_.StartDataCenter(2);
  cell_.world().RunFor(absl::Seconds(3));
  const auto latest = cell_.Get(4, key);
  ASSERT_TRUE(latest.ok()) << latest.status();
  EXPECT_EQ(ToString(latest->value.ExposeSecret()), "good");
  EXPECT_EQ(latest->version, Version(1));
  EXPECT_THAT(latest->void_versions, ::testing::ElementsAre(Version(2)));
  const auto gone = cell_.Get(4, key, ReadMode::kVersion, Version(2));
  EXPECT_EQ(ReasonOf(gone.status()), "VERSION_NOT_READABLE") << gone.status();
  EXPECT_TRUE(absl::IsDataLoss(gone.status()));
  EXPECT_EQ(cell_.History(4, key, 10)->versions[0].outcome, OutcomeKind::kVoid);
  EXPECT_EQ(cell_.List(4, key, 10)->keys[0].version, Version(1));
  const auto ended = cell_.TicketWait(4, set->accepted()->ticket, Level::kFull);
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(ended->outcome.kind, OutcomeKind::kVoid);
}

// ---------------------------------------------------------------- ticket wait

TEST_F(KeysTest, ATicketIsWaitedForUntilItsLevelOrItsEnd) {
  const std::string key = cell_.KeyAt(1);
  const auto won = cell_.Set(0, key, "v");
  cell_.world().RunUntil([&] { return won->accepted().has_value(); }, absl::Seconds(5));
  const std::string ticket = won->accepted()->ticket;
  for (const Level until :
       {Level::kAccepted, Level::kDecided, Level::kHeld, Level::kSafe, Level::kFull}) {
    const auto status = cell_.TicketWait(8, ticket, until);
    ASSERT_TRUE(status.ok()) << status.status();
    EXPECT_TRUE(status->level >= until || status->final) << arbiter::LevelName(until);
  }
  const auto loser = cell_.Set(7, cell_.KeyAt(0), "far");
  const auto better = cell_.Set(0, cell_.KeyAt(0), "near");
  cell_.world().RunUntil([&] { return loser->accepted() && better->accepted(); }, absl::Seconds(5));
  for (const auto& set : {loser, better}) {
    const auto status = cell_.TicketWait(5, set->accepted()->ticket, Level::kFull);
    ASSERT_TRUE(status.ok());
    EXPECT_TRUE(status->final);
  }
  EXPECT_EQ(ReasonOf(cell_.TicketWait(0, "wt1_x", Level::kSafe).status()), "BAD_TICKET");
}

TEST_F(KeysTest, AWaitSurvivesItsSequencerAndEndsWithWhatIsKnown) {
  const std::string key = cell_.KeyAt(1);
  cell_.StopDataCenter(2);
  cell_.StopNode(1);
  cell_.world().RunFor(absl::Seconds(1));
  const auto set = cell_.SetAndWait(0, key, "v", Level::kDecided);
  const std::string ticket = set->accepted()->ticket;
  const auto known = cell_.TicketWait(3, ticket, Level::kFull, absl::Seconds(2));
  ASSERT_TRUE(known.ok()) << known.status();
  EXPECT_EQ(known->outcome.kind, OutcomeKind::kWon);
  EXPECT_LT(known->level, Level::kFull);

  const int sequencer = Sequencer(1);
  cell_.world().At(absl::Milliseconds(300), [&] { cell_.CrashNode(sequencer); });
  cell_.world().At(absl::Seconds(2), [&] {
    cell_.StartNode(1);
    cell_.StartNode(sequencer);
    cell_.StartDataCenter(2);
  });
  const absl::Duration asked = cell_.world().Elapsed();
  const auto full = cell_.TicketWait(0, ticket, Level::kSafe, absl::Seconds(40));
  ASSERT_TRUE(full.ok()) << full.status();
  EXPECT_GE(full->level, Level::kSafe);
  EXPECT_LT(cell_.world().Elapsed() - asked, absl::Seconds(30)) << "told, not timed out";

  cell_.StopDataCenter(1);
  EXPECT_EQ(ReasonOf(cell_.TicketWait(0, ticket, Level::kFull, absl::Seconds(2)).status()),
            "TRIAD_UNAVAILABLE");
}

// ---------------------------------------------------------------- names

TEST_F(KeysTest, ANodeThatWasDownLearnsNamesFromItsSiblingsAndAllSurviveARestart) {
  std::vector<std::string> names;
  for (int i = 0; i < 30; ++i) names.push_back(cell_.KeyAt(0, absl::StrCat("index/", 100 + i)));
  cell_.StopNode(2);
  cell_.world().RunFor(absl::Seconds(1));
  SetAll(names);
  EXPECT_EQ(NameRows(0).size(), names.size());
  EXPECT_EQ(NameRows(2).size(), 0u);
  cell_.StartNode(2);
  cell_.world().RunFor(absl::Seconds(3));
  EXPECT_EQ(NameRows(2), NameRows(0)) << "asked for";
  // Whoever leads now knows them all; so do nodes that come back.
  cell_.CrashNode(0);
  cell_.world().RunFor(absl::Seconds(3));
  EXPECT_EQ(ListAll(8, "index/", 7), names);
  for (int node = 1; node < kNodeCount; ++node) cell_.CrashNode(node);
  for (int node = 0; node < kNodeCount; ++node) cell_.StartNode(node);
  cell_.world().RunFor(absl::Seconds(3));
  EXPECT_EQ(ListAll(8, "index/", 7), names);
  for (const std::string& bytes : cell_.AllDiskBytes()) {
    ASSERT_EQ(bytes.find("index/1"), std::string::npos);
  }
}

TEST_F(KeysTest, AListingWaitsForNamesRatherThanLeavingKeysOut) {
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) names.push_back(cell_.KeyAt(0, absl::StrCat("wait/", i)));
  cell_.StopNode(2);
  cell_.world().RunFor(absl::Seconds(1));
  SetAll(names);
  // Node 2, which was down all the while, leads and cannot hear the one sibling that is up.
  cell_.StopNode(0);
  cell_.StopNode(1);
  cell_.StartNode(2);
  cell_.network().SetLinkUp(NodeAt(1), NodeAt(2), false);
  cell_.world().RunFor(absl::Seconds(2));
  cell_.StartNode(1);
  cell_.world().RunFor(absl::Seconds(2));
  ASSERT_EQ(Sequencer(0), 2);
  EXPECT_EQ(ReasonOf(cell_.List(8, "wait/", 10).status()), "TRIAD_UNAVAILABLE");
  cell_.network().SetLinkUp(NodeAt(1), NodeAt(2), true);
  cell_.world().RunFor(absl::Seconds(2));
  EXPECT_EQ(ListAll(8, "wait/", 10), names);
}

}  // namespace
}  // namespace worldb::testing
