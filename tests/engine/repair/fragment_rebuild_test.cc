// Goal:   each node's fragment comes out of its helpers' fragments as the writer made it, and a helper whose
//         fragment is not what was signed is named.
// Method: values scattered by hand under both scripts; every node's fragment rebuilt.
#include "engine/repair/fragment_rebuild.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/hand_scattered.h"

namespace worldb::testing {
namespace {

using cryptoscatter::Script;
using engine::FragmentRebuild;
using engine::RebuiltFragment;

class FragmentRebuildTest : public ::testing::TestWithParam<bool> {
 protected:
  FragmentRebuild RebuildOf(int target) {
    NodeSet others = NodeSet::All();
    others.Remove(NodeAt(target));
    FragmentRebuild rebuild{node_.self().shared_cell(),
                            script_,
                            NodeAt(target),
                            *script_->code().HelpersFor(NodeAt(target), others),
                            {}};
    for (int i = 0; i < kNodeCount; ++i) {
      if (!rebuild.helpers.Has(i)) continue;
      rebuild.shares[static_cast<std::size_t>(i)] =
          std::make_shared<const cryptoscatter::Share>(value_.share(i));
    }
    return rebuild;
  }

  LoneNode node_{NodeAt(4)};
  const std::shared_ptr<const Script> script_ = GetParam() ? Script::Nested() : Script::Flat();
  const HandScattered value_ = ScatterByHand(node_, "key", std::string(5000, 'v'), script_);
  cryptoscatter::BatchVerifier verifier_;
};

TEST_P(FragmentRebuildTest, GivesWhatTheWriterMade) {
  for (int target = 0; target < kNodeCount; ++target) {
    const FragmentRebuild rebuild = RebuildOf(target);
    EXPECT_EQ(rebuild.bytes(), static_cast<std::size_t>(rebuild.helpers.Count()) *
                                   value_.share(target).fragment.size());
    const RebuiltFragment rebuilt = rebuild.Run(verifier_);
    EXPECT_TRUE(rebuilt.bad.empty());
    ASSERT_TRUE(rebuilt.fragment.ok()) << rebuilt.fragment.status();
    EXPECT_EQ(*rebuilt.fragment, value_.share(target).fragment);
    EXPECT_EQ(rebuilt.root, value_.share(target).fragment_root);
  }
}

TEST_P(FragmentRebuildTest, NamesEachHelperWhoseFragmentIsBad) {
  FragmentRebuild rebuild = RebuildOf(4);
  NodeSet bad;
  for (std::size_t i = 0; i < rebuild.shares.size() && bad.Count() < 2; ++i) {
    if (rebuild.shares[i] == nullptr) continue;
    auto share = std::make_shared<cryptoscatter::Share>(*rebuild.shares[i]);
    share->fragment.back() ^= 1;
    rebuild.shares[i] = std::move(share);
    bad.Add(NodeAt(static_cast<int>(i)));
  }
  const RebuiltFragment rebuilt = rebuild.Run(verifier_);
  EXPECT_EQ(rebuilt.bad, bad);
  EXPECT_FALSE(rebuilt.fragment.ok());
}

INSTANTIATE_TEST_SUITE_P(Scripts, FragmentRebuildTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Nested" : "Flat"; });

}  // namespace
}  // namespace worldb::testing
