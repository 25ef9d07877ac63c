// Goal:   the directory follows the newest sequencer of each home, believes nobody about another's
//         home, and knows when a home has fallen silent.
// Method: beats as they might arrive, in virtual time.
#include "engine/context/home_directory.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/lone_node.h"

namespace worldb::engine {
namespace {

using worldb::testing::LoneNode;

constexpr DataCenterIndex kHome = DataCenterAt(1);

SequencerBeat Beat(DataCenterIndex home, std::uint64_t epoch) {
  return {home, LogEpoch(epoch), {}};
}

class HomeDirectoryTest : public ::testing::Test {
 protected:
  LoneNode node_{NodeAt(0)};
  HomeDirectory directory_{node_.self()};
};

TEST_F(HomeDirectoryTest, NobodyLeadsBeforeOneSpeaks) {
  EXPECT_EQ(directory_.SequencerOf(kHome), std::nullopt);
  EXPECT_TRUE(directory_.IsSilent(kHome));
}

TEST_F(HomeDirectoryTest, TheNewestEpochLeads) {
  EXPECT_TRUE(directory_.On(NodeAt(3), Beat(kHome, 3)));
  EXPECT_TRUE(directory_.On(NodeAt(4), Beat(kHome, 4)));
  EXPECT_FALSE(directory_.On(NodeAt(3), Beat(kHome, 3))) << "it does not know yet";
  EXPECT_EQ(directory_.SequencerOf(kHome), NodeAt(4));
  EXPECT_EQ(directory_.LeaderOf(kHome)->log_epoch, LogEpoch(4));
  EXPECT_EQ(directory_.SequencerOf(DataCenterAt(2)), std::nullopt);
}

TEST_F(HomeDirectoryTest, ANodeSpeaksForItsOwnHomeAlone) {
  EXPECT_FALSE(directory_.On(NodeAt(8), Beat(kHome, 9)));
  EXPECT_EQ(directory_.SequencerOf(kHome), std::nullopt);
}

TEST_F(HomeDirectoryTest, SilenceIsSeen) {
  directory_.On(NodeAt(3), Beat(kHome, 3));
  node_.RunFor(HomeDirectory::kSequencerSilentAfter);
  EXPECT_FALSE(directory_.IsSilent(kHome));
  node_.RunFor(absl::Milliseconds(1));
  EXPECT_TRUE(directory_.IsSilent(kHome));
  EXPECT_EQ(directory_.SequencerOf(kHome), NodeAt(3)) << "there is nobody better to ask";
  directory_.On(NodeAt(3), Beat(kHome, 3));
  EXPECT_FALSE(directory_.IsSilent(kHome));
}

}  // namespace
}  // namespace worldb::engine
