// Goal:   places rise and are never given twice, whatever is let go of; positions find them.
// Method: the journal over a state fed by hand, begun before, between and after what becomes visible.
#include "engine/desks/visible_journal.h"

#include <gtest/gtest.h>

#include "tests/engine/desks/fed_home.h"

namespace worldb::testing {
namespace {

using engine::VisibleJournal;
using engine::WatchPosition;

class VisibleJournalTest : public ::testing::Test {
 protected:
  std::vector<WatchPosition> All(const VisibleJournal& journal) {
    std::vector<WatchPosition> all;
    for (auto place = journal.begin(); place < journal.end(); ++place) {
      all.push_back(journal.At(place));
    }
    return all;
  }

  LoneNode node_{NodeAt(0)};
  FedHome home_{node_};
};

TEST_F(VisibleJournalTest, FollowedEntryByEntryOrBegunLaterItIsTheSame) {
  VisibleJournal followed;
  followed.Begin(home_.state());
  home_.Listen([&](const auto& effects) { followed.Append(home_.state().applied(), effects); });
  home_.ShowAll({"c", "a", "b"});
  const auto waiting = home_.Decide("d");
  home_.ShowAll({"b", "a"});
  home_.Announce(waiting);
  VisibleJournal begun;
  begun.Begin(home_.state());
  EXPECT_EQ(All(followed).size(), 6u);
  EXPECT_EQ(All(followed), All(begun));
  EXPECT_EQ(followed.At(5).id, waiting) << "in the order of becoming visible, not of deciding";
}

TEST_F(VisibleJournalTest, APositionIsFoundWhetherOrNotAVersionLiesThere) {
  home_.ShowAll({"a", "b"});
  home_.Show("a");
  VisibleJournal journal;
  journal.Begin(home_.state());
  EXPECT_EQ(journal.FirstAfter({}), 0u);
  EXPECT_EQ(journal.FirstAfter(journal.At(0)), 1u);
  EXPECT_EQ(journal.FirstAfter({journal.At(2).index, {}}), 2u) << "before all of its entry";
  EXPECT_EQ(journal.FirstAfter(journal.At(2)), journal.end());
  EXPECT_EQ(journal.FirstAfter({home_.state().applied().Next(), {}}), journal.end());
}

TEST_F(VisibleJournalTest, APlaceIsNeverGivenTwice) {
  home_.ShowAll({"a", "b"});
  VisibleJournal journal;
  journal.Begin(home_.state());
  EXPECT_EQ(journal.end(), 2u);
  journal.Clear();
  EXPECT_EQ(journal.begin(), 2u);
  EXPECT_EQ(journal.end(), 2u);
  journal.Begin(home_.state());
  EXPECT_EQ(journal.begin(), 2u);
  EXPECT_EQ(journal.end(), 4u);
  EXPECT_EQ(journal.FirstAfter(journal.At(2)), 3u);
}

}  // namespace
}  // namespace worldb::testing
