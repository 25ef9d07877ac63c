// Goal:   of a stored share it is said which parts are good, each for itself, and what is wrong by name.
// Method: a table of damages to the share of node 4, judged.
#include "engine/shares/held_share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "tests/support/hand_scattered.h"

namespace worldb::testing {
namespace {

using engine::HeldShare;
using engine::ShareJudge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HeldShareTest : public ::testing::Test {
 protected:
  ShareJudge Judge() {
    return {node_.self().shared_cell(),
            NodeAt(4),
            &node_.secrets(NodeAt(4)).storage_key,
            value_.version,
            /*with_fragment=*/true,
            absl::OkStatus()};
  }

  LoneNode node_{NodeAt(4)};
  HandScattered value_ = ScatterByHand(node_, "key", "a value");
  HandScattered other_ = ScatterByHand(node_, "another key", "another value");
  cryptoscatter::BatchVerifier verifier_;
};

struct Damage {
  const char* name;
  std::function<void(HeldShare& held, ShareJudge& judge)> apply;
  bool metadata, fragment, key_share, proved;
  const char* reason;
};

TEST_F(HeldShareTest, EachPartIsJudgedForItself) {
  const std::string on = "share 4 of version 1 on node frankfurt-2: ";
  const Damage damages[] = {
      {"none", [](HeldShare&, ShareJudge&) {}, true, true, true, true, ""},
      {"fragment", [](HeldShare& held, ShareJudge&) { held.share.fragment[0] ^= 1; }, true, false,
       true, true, "fragment"},
      {"no fragment", [](HeldShare& held, ShareJudge&) { held.share.fragment.clear(); }, true,
       false, true, true, "fragment"},
      {"fragment not asked for",
       [](HeldShare& held, ShareJudge& judge) {
         held.share.fragment.clear();
         judge.with_fragment = false;
       },
       true, true, true, true, ""},
      {"key share",
       [this](HeldShare& held, ShareJudge&) {
         held.stored_key_share = StoredByHand(node_, other_, 4).stored_key_share;
       },
       true, true, false, true, "its key share does not unwrap"},
      {"record", [](HeldShare& held, ShareJudge&) { held.share.fragment_root.bytes[0] ^= 1; },
       false, false, false, false, ""},
      {"batch row gone",
       [](HeldShare&, ShareJudge& judge) {
         judge.proof = absl::InvalidArgumentError("the row of its batch is gone");
       },
       false, true, true, true, "the row of its batch is gone"},
      {"another node's",
       [this](HeldShare& held, ShareJudge&) { held = StoredByHand(node_, value_, 5); }, false,
       false, false, false, "in its place lies share 5 of slot"},
      {"another key's",
       [this](HeldShare& held, ShareJudge&) { held = StoredByHand(node_, other_, 4); }, false,
       false, false, false, "in its place lies share 4 of slot"},
  };
  for (const Damage& damage : damages) {
    HeldShare held = StoredByHand(node_, value_, 4);
    ShareJudge judge = Judge();
    damage.apply(held, judge);
    judge.Judge(held, verifier_);
    EXPECT_EQ(held.metadata_ok, damage.metadata) << damage.name;
    EXPECT_EQ(held.fragment_ok, damage.fragment) << damage.name;
    EXPECT_EQ(held.key_share_ok, damage.key_share) << damage.name;
    EXPECT_EQ(held.proved.has_value(), damage.proved) << damage.name;
    EXPECT_EQ(held.reason.empty(), held.whole()) << damage.name;
    EXPECT_THAT(held.reason, HasSubstr(damage.reason)) << damage.name;
  }
}

TEST_F(HeldShareTest, OfARowThatIsGoneNothingCounts) {
  const HeldShare held = HeldShare::Unusable(node_.cell(), NodeAt(4), value_.version,
                                             absl::NotFoundError("no such row"));
  EXPECT_FALSE(held.metadata_ok || held.fragment_ok || held.key_share_ok || held.whole());
  EXPECT_TRUE(absl::IsNotFound(held.row));
  EXPECT_EQ(held.reason, "share 4 of version 1 on node frankfurt-2: missing");
}

}  // namespace
}  // namespace worldb::testing
