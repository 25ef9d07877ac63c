// Goal:   a node takes in what it can keep and stamp, and tells everybody else why not, with
//         nothing consumed; however many threads ask at once, no bound is passed and no number is
//         skipped.
// Method: an admission on a lone node in virtual time: a table of refusals, each bound filled, and
//         threads that fill a budget together.
#include "engine/gateway/admission.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/records.h"
#include "engine/cell/errors.h"
#include "tests/support/lone_node.h"
#include "tests/support/sim_clock.h"

namespace worldb::engine {
namespace {

using testing::LoneNode;
using testing::SimClock;

constexpr int kThreads = 4;

void RunTogether(const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(body, i);
  for (std::thread& thread : threads) thread.join();
}

class AdmissionTest : public ::testing::Test {
 protected:
  SetRequest Request(std::size_t value_bytes = 0) const {
    SetRequest request;
    request.key = ToBytes(AsBytes("key"));
    request.value = SecretBytes(value_bytes);
    request.op = op_;
    return request;
  }
  absl::StatusOr<AdmittedPtr> Admit(SetRequest request) {
    return admission_.Admit(1, std::move(request), [](const SetEvent&) {});
  }
  DataCenterIndex Home() const {
    const Cell& cell = node_.cell();
    return cell.HomeOf(cell.SlotOf(cell.KeyTagOf(AsBytes("key"))));
  }
  const Budget& budget() const { return admission_.budget(Home()); }
  void ExpectShed(const absl::Status& status, absl::string_view words) {
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_EQ(ReasonOf(status), reason::kShed);
    EXPECT_EQ(status.message(), words);
  }

  LoneNode node_{NodeAt(0)};
  SimClock clock_{node_.world()};
  Admission admission_{node_.self(), clock_, absl::Milliseconds(50)};
  const OpId op_ = arbiter::MakeOpId(SimClock::Epoch(), node_.entropy());
};

TEST_F(AdmissionTest, RefusesWhatTheRequestHasWrong) {
  admission_.Start(StreamEpoch(1));
  struct Case {
    std::function<void(SetRequest&)> spoil;
    absl::string_view reason;
    absl::string_view words;
    const char* field;
  };
  const Case cases[] = {
      {[](SetRequest& r) { r.key.clear(); }, reason::kBadKey,
       "the key has 0 bytes; 1 to 1024 are allowed", "key"},
      {[](SetRequest& r) { r.value = SecretBytes(cryptoscatter::kValueBytesMax + 1); },
       reason::kValueTooLarge, "the value has 4194305 bytes; at most 4194304 are allowed", "value"},
      {[](SetRequest& r) {
         r.kind = arbiter::OpKind::kDelete;
         r.value = SecretBytes(1);
       },
       reason::kValueTooLarge, "a Delete has no value", "value"},
      {[](SetRequest& r) { r.script = ScriptId(); }, reason::kBadScript, "", "script"},
      {[](SetRequest& r) { r.op = OpId(); }, reason::kBadOpId, "", "op_id"},
      {[](SetRequest& r) { r.base.version = Version(3); }, reason::kBadBase,
       "a base version is given without naming it as the base", "base"},
  };
  for (const Case& one : cases) {
    SetRequest request = Request();
    one.spoil(request);
    const absl::Status status = Admit(std::move(request)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_EQ(ReasonOf(status), one.reason);
    EXPECT_EQ(DetailsOf(status), (ErrorDetails{{"field", one.field}}));
    if (!one.words.empty()) EXPECT_EQ(status.message(), one.words);
  }
  EXPECT_EQ(budget().ops(), 0u);
  EXPECT_EQ((*Admit(Request()))->stamp->number, FrameNumber(1)) << "no number was given out";
}

TEST_F(AdmissionTest, ANodeThatIsStartingStampsNothing) {
  EXPECT_FALSE(admission_.may_stamp());
  const absl::Status status = Admit(Request()).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(ReasonOf(status), reason::kNoClock);
  EXPECT_EQ(status.message(), "the node is still starting; try again or ask another node");
  admission_.Start(StreamEpoch(1));
  EXPECT_TRUE(admission_.may_stamp());
  EXPECT_TRUE(Admit(Request()).ok());
}

TEST_F(AdmissionTest, WithoutItsLicenceItConsumesNothing) {
  admission_.Start(StreamEpoch(1));
  clock_.set_bound(absl::Milliseconds(51));
  EXPECT_FALSE(admission_.may_stamp());
  const absl::Status status = Admit(Request(100)).status();
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(ReasonOf(status), reason::kNoClock);
  EXPECT_EQ(budget().ops(), 0u);
  EXPECT_EQ(budget().bytes(), 0u);
  clock_.set_bound(absl::Milliseconds(50));
  EXPECT_TRUE(admission_.may_stamp());
  EXPECT_EQ((*Admit(Request()))->stamp->number, FrameNumber(1));
}

TEST_F(AdmissionTest, StampsAtOnceWhatRidesInItsFrame) {
  admission_.Start(StreamEpoch(7));
  const AdmittedPtr small = *Admit(Request(kValueInFrameBytesMax));
  ASSERT_TRUE(small->stamp.has_value());
  EXPECT_EQ(small->stamp->stream_epoch, StreamEpoch(7));
  const AdmittedPtr large = *Admit(Request(kValueInFrameBytesMax + 1));
  EXPECT_FALSE(large->stamp.has_value());
  EXPECT_EQ((*Admit(Request()))->stamp->number, FrameNumber(2));
  EXPECT_TRUE(admission_.Stamp(*large).ok());
  EXPECT_EQ(large->stamp->number, FrameNumber(3)) << "its place is that of its staging";
}

TEST_F(AdmissionTest, TheHomeBudgetOfBytesIsABound) {
  admission_.Start(StreamEpoch(1));
  std::vector<AdmittedPtr> sets;
  for (std::uint64_t bytes = 0; bytes < Admission::kPendingBytesMax;
       bytes += cryptoscatter::kValueBytesMax) {
    sets.push_back(*Admit(Request(cryptoscatter::kValueBytesMax)));
  }
  ExpectShed(Admit(Request(1)).status(),
             absl::StrCat("the node has 50000 ops or 67108864 bytes under way to ",
                          node_.cell().data_center_name(Home()),
                          "; nothing was stamped, try again later"));
  EXPECT_TRUE(Admit(Request(0)).ok()) << "it takes no room";
  sets.pop_back();
  EXPECT_EQ((*Admit(Request(1)))->stamp->number, FrameNumber(2))
      << "none was lost with the refusal";
}

TEST_F(AdmissionTest, CallsThatWaitForTheirEndAreBounded) {
  admission_.Start(StreamEpoch(1));
  std::vector<Budget::Charge> calls;
  while (calls.size() < Admission::kCallsMax) {
    // Its frame is behind the cursor, its call goes on.
    calls.push_back(std::move((*Admit(Request()))->of_calls));
  }
  EXPECT_EQ(budget().ops(), 0u);
  ExpectShed(
      Admit(Request()).status(),
      "the node has 200000 calls waiting for their end; nothing was stamped, try again later");
  EXPECT_EQ(budget().ops(), 0u);
  calls.pop_back();
  EXPECT_EQ((*Admit(Request()))->stamp->number, FrameNumber(Admission::kCallsMax + 1));
}

TEST_F(AdmissionTest, ThreadsTogetherFillTheHomeBudgetExactly) {
  admission_.Start(StreamEpoch(1));
  std::vector<std::vector<AdmittedPtr>> sets(kThreads);
  RunTogether([&](int thread) {
    while (true) {
      absl::StatusOr<AdmittedPtr> set = Admit(Request());
      if (!set.ok()) break;
      sets[static_cast<std::size_t>(thread)].push_back(*std::move(set));
    }
  });
  std::vector<std::uint64_t> numbers;
  for (const auto& of_thread : sets) {
    for (const AdmittedPtr& set : of_thread) numbers.push_back(set->stamp->number.value());
  }
  std::sort(numbers.begin(), numbers.end());
  ASSERT_EQ(numbers.size(), Admission::kPendingOpsMax);
  EXPECT_EQ(numbers.front(), 1u);
  EXPECT_EQ(numbers.back(), Admission::kPendingOpsMax) << "without gaps";
  sets.clear();
  EXPECT_EQ(budget().ops(), 0u);
}

TEST(BudgetTest, IsNeverPassedWhileThreadsComeAndGo) {
  Budget budget(5, 1000);
  std::atomic<int> ops = 0;
  std::atomic<int> bytes = 0;
  std::atomic<int> passed = 0;
  std::atomic<bool> too_much = false;
  RunTogether([&](int thread) {
    const int mine = 150 * (thread + 1);
    std::vector<Budget::Charge> held;
    for (int i = 0; i < 200'000; ++i) {
      if (auto charge = budget.TryCharge(static_cast<std::uint64_t>(mine))) {
        held.push_back(*std::move(charge));
        ++passed;
        if (++ops > 5 || (bytes += mine) > 1000) too_much = true;
      }
      if (i % 3 == 2 && !held.empty()) {
        bytes -= mine;
        --ops;
        held.pop_back();
      }
    }
    bytes -= mine * static_cast<int>(held.size());
    ops -= static_cast<int>(held.size());
  });
  EXPECT_FALSE(too_much);
  EXPECT_GT(passed, kThreads);
  EXPECT_EQ(budget.ops(), 0u);
  EXPECT_EQ(budget.bytes(), 0u);
}

TEST(BudgetTest, AChargeIsGivenBackOnceWhereverItGoes) {
  Budget budget(2, 100);
  Budget::Charge first = *budget.TryCharge(60);
  EXPECT_FALSE(budget.TryCharge(41).has_value());
  Budget::Charge moved = std::move(first);
  EXPECT_EQ(budget.ops(), 1u);
  Budget::Charge other = *budget.TryCharge(40);
  EXPECT_FALSE(budget.TryCharge(0).has_value());
  moved = std::move(other);
  EXPECT_EQ(budget.ops(), 1u);
  EXPECT_EQ(budget.bytes(), 40u);
  moved = {};
  EXPECT_EQ(budget.ops(), 0u);
  Budget::Charge left;
  left = *Budget(1, 1).TryCharge(1);  // outlives its budget
}

}  // namespace
}  // namespace worldb::engine
