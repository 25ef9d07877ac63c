// The contract of arbiter/accept_log.h, as tests over an AcceptLogHarness. A test file includes
// this and says INSTANTIATE_TEST_SUITE_P with the factories of the harnesses it has.
#ifndef WORLDB_TESTS_SUPPORT_ACCEPT_LOG_CONTRACT_H_
#define WORLDB_TESTS_SUPPORT_ACCEPT_LOG_CONTRACT_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "arbiter/accept_log.h"
#include "cryptoscatter/base/bytes.h"
#include "tests/support/test_world.h"

namespace worldb::testing {

inline SharedBytes EntryBytes(absl::string_view text) {
  return std::make_shared<const Bytes>(ToBytes(AsBytes(text)));
}

// A log's calls, each awaited, with plain integers for indices and epochs.
class AcceptLogDriver {
 public:
  using Kind = arbiter::AppendResult::Kind;

  AcceptLogDriver(TestWorld& world, arbiter::AcceptLog& log) : world_(world), log_(log) {}

  arbiter::AppendResult Append(std::uint64_t epoch, std::uint64_t prev, absl::string_view entry) {
    return world_.Await<arbiter::AppendResult>([&](auto done) {
      log_.Append(LogEpoch(epoch), LogIndex(prev), EntryBytes(entry), std::move(done));
    });
  }
  // "index:entry index:entry".
  absl::StatusOr<std::string> Read(std::uint64_t from, std::size_t count_max = 1000) {
    auto entries = world_.Await<absl::StatusOr<std::vector<arbiter::IndexedEntry>>>(
        [&](auto done) { log_.Read(LogIndex(from), count_max, std::move(done)); });
    if (!entries.ok()) return entries.status();
    return absl::StrJoin(*entries, " ", [](std::string* out, const arbiter::IndexedEntry& e) {
      absl::StrAppend(out, e.index.value(), ":", AsText(*e.bytes));
    });
  }
  // "fence/tail".
  absl::StatusOr<std::string> Fence(std::uint64_t epoch) {
    return Text(world_.Await<absl::StatusOr<arbiter::AcceptLog::FenceResult>>(
        [&](auto done) { log_.Fence(LogEpoch(epoch), std::move(done)); }));
  }
  absl::StatusOr<std::string> Tail() {
    return Text(world_.Await<absl::StatusOr<arbiter::AcceptLog::FenceResult>>(
        [&](auto done) { log_.Tail(std::move(done)); }));
  }
  absl::Status Trim(std::uint64_t floor) {
    return world_.Await<absl::Status>(
        [&](auto done) { log_.Trim(LogIndex(floor), std::move(done)); });
  }

 private:
  static absl::StatusOr<std::string> Text(
      const absl::StatusOr<arbiter::AcceptLog::FenceResult>& result) {
    if (!result.ok()) return result.status();
    return absl::StrCat(result->epoch.value(), "/", result->tail.value());
  }

  TestWorld& world_;
  arbiter::AcceptLog& log_;
};

class AcceptLogHarness {
 public:
  virtual ~AcceptLogHarness() = default;
  virtual TestWorld& world() = 0;
  // The handle of the triad's first, second or third node, and its executor.
  virtual arbiter::AcceptLog& log(int node) = 0;
  virtual engine::Executor& executor(int node) = 0;
  // All three nodes stop and start again; the log's storage stays.
  virtual void Restart() = 0;
};

struct AcceptLogHarnessFactory {
  std::string name;
  std::function<std::unique_ptr<AcceptLogHarness>()> make;
};

class AcceptLogContract : public ::testing::TestWithParam<AcceptLogHarnessFactory> {
 protected:
  using Kind = arbiter::AppendResult::Kind;
  AcceptLogDriver Node(int node) { return {harness_->world(), harness_->log(node)}; }

  std::unique_ptr<AcceptLogHarness> harness_ = GetParam().make();
};

TEST_P(AcceptLogContract, ANewLogIsEmpty) {
  EXPECT_EQ(Node(0).Tail().value(), "0/0");
  EXPECT_EQ(Node(1).Read(1).value(), "");
  EXPECT_EQ(Node(2).Read(0).status().code(), absl::StatusCode::kOutOfRange);
}

TEST_P(AcceptLogContract, EntriesAreReadBackByEveryNodeInOrder) {
  EXPECT_EQ(Node(0).Fence(1).value(), "1/0");
  EXPECT_EQ(Node(0).Append(1, 0, "a").kind, Kind::kOk);
  EXPECT_EQ(Node(0).Append(1, 1, "").kind, Kind::kOk);
  EXPECT_EQ(Node(0).Append(1, 2, "c").kind, Kind::kOk);
  for (int node = 0; node < 3; ++node) {
    EXPECT_EQ(Node(node).Tail().value(), "1/3");
    EXPECT_EQ(Node(node).Read(1).value(), "1:a 2: 3:c");
    EXPECT_EQ(Node(node).Read(2, 1).value(), "2:");
    EXPECT_EQ(Node(node).Read(3, 0).value(), "");
    EXPECT_EQ(Node(node).Read(4).value(), "");
  }
}

TEST_P(AcceptLogContract, APageEndsWithTheEntryThatMakesItLong) {
  EXPECT_EQ(Node(0).Fence(1).value(), "1/0");
  const std::string half(arbiter::AcceptLog::kReadBytesMax / 2, 'x');
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Node(0).Append(1, static_cast<std::uint64_t>(i), half).kind, Kind::kOk);
  }
  EXPECT_EQ(Node(1).Read(1).value(), absl::StrCat("1:", half, " 2:", half));
  EXPECT_EQ(Node(1).Read(4).value(), absl::StrCat("4:", half, " 5:", half));
  EXPECT_EQ(Node(1).Read(5).value(), absl::StrCat("5:", half));
}

TEST_P(AcceptLogContract, AnAppendBehindTheTailIsTaken) {
  ASSERT_TRUE(Node(0).Fence(1).ok());
  ASSERT_EQ(Node(0).Append(1, 0, "a").kind, Kind::kOk);
  ASSERT_EQ(Node(0).Append(1, 1, "b").kind, Kind::kOk);
  arbiter::AppendResult result = Node(1).Append(1, 0, "other");
  EXPECT_EQ(result.kind, Kind::kTaken);
  EXPECT_EQ(result.tail, LogIndex(2));
  ASSERT_NE(result.entry, nullptr);
  EXPECT_EQ(AsText(*result.entry), "a");
  EXPECT_EQ(Node(1).Read(1).value(), "1:a 2:b");
}

TEST_P(AcceptLogContract, OfRivalsForOneIndexExactlyOneWins) {
  ASSERT_TRUE(Node(0).Fence(1).ok());
  int ok_count = 0;
  int taken_count = 0;
  Mutex mu;
  Tally done;
  for (int node = 0; node < 3; ++node) {
    harness_->log(node).Append(LogEpoch(1), LogIndex(0), EntryBytes(absl::StrCat("n", node)),
                               [&](const arbiter::AppendResult& result) {
                                 {
                                   MutexLock lock(mu);  // given back before the test may end
                                   if (result.kind == Kind::kOk) ++ok_count;
                                   if (result.kind == Kind::kTaken) ++taken_count;
                                 }
                                 done.Add();
                               });
  }
  ASSERT_TRUE(harness_->world().Await(done, 3));
  EXPECT_EQ(ok_count, 1);
  EXPECT_EQ(taken_count, 2);
  EXPECT_EQ(Node(0).Tail().value(), "1/1");
}

TEST_P(AcceptLogContract, AppendsSentWithoutWaitingLandInOrder) {
  ASSERT_TRUE(Node(0).Fence(1).ok());
  Tally done;
  for (int i = 0; i < 100; ++i) {
    harness_->log(0).Append(LogEpoch(1), LogIndex(i), EntryBytes(absl::StrCat(i)),
                            [&, i](const arbiter::AppendResult& result) {
                              EXPECT_EQ(result.kind, Kind::kOk) << result.why;
                              EXPECT_EQ(done.count(), i);
                              done.Add();
                            });
  }
  ASSERT_TRUE(harness_->world().Await(done, 100));
  EXPECT_EQ(Node(1).Read(99).value(), "99:98 100:99");
}

TEST_P(AcceptLogContract, TheSameAppendAgainIsOkAndChangesNothing) {
  ASSERT_TRUE(Node(0).Fence(1).ok());
  ASSERT_EQ(Node(0).Append(1, 0, "a").kind, Kind::kOk);
  EXPECT_EQ(Node(0).Append(1, 0, "a").kind, Kind::kOk);
  ASSERT_EQ(Node(0).Append(1, 1, "b").kind, Kind::kOk);
  EXPECT_EQ(Node(0).Append(1, 0, "a").kind, Kind::kOk);
  EXPECT_EQ(Node(0).Tail().value(), "1/2");
  ASSERT_TRUE(Node(1).Fence(2).ok());
  EXPECT_EQ(Node(0).Append(1, 1, "b").kind, Kind::kOk);
  EXPECT_EQ(Node(0).Tail().value(), "2/2");
}

TEST_P(AcceptLogContract, AnOlderSequencerIsFencedOut) {
  ASSERT_TRUE(Node(0).Fence(1).ok());
  ASSERT_EQ(Node(0).Append(1, 0, "a").kind, Kind::kOk);
  EXPECT_EQ(Node(1).Fence(5).value(), "5/1");
  arbiter::AppendResult result = Node(0).Append(1, 1, "b");
  EXPECT_EQ(result.kind, Kind::kFenced);
  EXPECT_EQ(result.epoch, LogEpoch(5));
  EXPECT_EQ(Node(0).Append(1, 0, "other").kind, Kind::kFenced);
  EXPECT_EQ(Node(1).Append(5, 1, "c").kind, Kind::kOk);
  EXPECT_EQ(Node(0).Read(1).value(), "1:a 2:c");
}

TEST_P(AcceptLogContract, TheFenceNeverGoesBack) {
  EXPECT_EQ(Node(0).Fence(4).value(), "4/0");
  EXPECT_EQ(Node(1).Fence(3).value(), "4/0");
  EXPECT_EQ(Node(1).Fence(4).value(), "4/0");
  EXPECT_EQ(Node(2).Tail().value(), "4/0");
}

TEST_P(AcceptLogContract, AppendsTheRulesDoNotKnowAreRefused) {
  ASSERT_TRUE(Node(0).Fence(1).ok());
  for (auto [epoch, prev] : {std::pair(1, 1), std::pair(2, 0)}) {
    arbiter::AppendResult result = Node(0).Append(epoch, prev, "a");
    EXPECT_EQ(result.kind, Kind::kRefused);
    EXPECT_EQ(result.why.code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(Node(0).Tail().value(), "1/0");
}

TEST_P(AcceptLogContract, TrimmedEntriesAreGoneAndTheRestStays) {
  ASSERT_TRUE(Node(0).Fence(1).ok());
  for (int i = 0; i < 5; ++i) ASSERT_EQ(Node(0).Append(1, i, absl::StrCat(i)).kind, Kind::kOk);
  EXPECT_EQ(Node(0).Trim(6).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Node(0).Trim(3).ok());
  EXPECT_TRUE(Node(1).Trim(2).ok());
  EXPECT_EQ(Node(2).Read(3).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Node(2).Read(4).value(), "4:3 5:4");
  arbiter::AppendResult result = Node(0).Append(1, 1, "1");
  EXPECT_EQ(result.kind, Kind::kTaken);
  EXPECT_EQ(result.tail, LogIndex(5));
  EXPECT_EQ(result.entry, nullptr);
  EXPECT_TRUE(Node(0).Trim(5).ok());
  EXPECT_EQ(Node(0).Read(6).value(), "");
  EXPECT_EQ(Node(0).Append(1, 5, "f").kind, Kind::kOk);
  EXPECT_EQ(Node(0).Tail().value(), "1/6");
}

TEST_P(AcceptLogContract, ANewEntryWakesEveryNode) {
  Tally woken[3];
  for (int node = 0; node < 3; ++node) {
    harness_->log(node).SetWake([&woken, node] { woken[node].Add(); });
  }
  ASSERT_TRUE(Node(0).Fence(1).ok());
  ASSERT_EQ(Node(0).Append(1, 0, "a").kind, Kind::kOk);
  for (Tally& tally : woken) EXPECT_TRUE(harness_->world().Await(tally, 1));
  // The nodes stop before the tallies go.
  harness_->Restart();
}

TEST_P(AcceptLogContract, CallbacksComeLaterAndOnTheNodesExecutor) {
  Tally done;
  harness_->executor(0).Post([&] {
    harness_->log(0).Tail([&](const auto&) { done.Add(); });
    harness_->log(0).Read(LogIndex(1), 1, [&](const auto&) { done.Add(); });
    EXPECT_EQ(done.count(), 0);
  });
  ASSERT_TRUE(harness_->world().Await(done, 2));
}

TEST_P(AcceptLogContract, EverythingAnsweredOutlivesTheNodes) {
  ASSERT_TRUE(Node(0).Fence(3).ok());
  for (int i = 0; i < 700; ++i) ASSERT_EQ(Node(0).Append(3, i, absl::StrCat(i)).kind, Kind::kOk);
  ASSERT_TRUE(Node(0).Trim(100).ok());
  harness_->Restart();
  EXPECT_EQ(Node(1).Tail().value(), "3/700");
  EXPECT_EQ(Node(1).Read(101, 2).value(), "101:100 102:101");
  EXPECT_EQ(Node(1).Read(699).value(), "699:698 700:699");
  EXPECT_EQ(Node(1).Append(3, 699, "699").kind, Kind::kOk);
  EXPECT_EQ(Node(1).Append(3, 700, "x").kind, Kind::kOk);
}

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_ACCEPT_LOG_CONTRACT_H_
