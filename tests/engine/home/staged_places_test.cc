// Goal:   a row is named as free to go exactly when nothing lies there any more and no commit writes it.
// Method: random commits, moves and removals, checked against a model that keeps, for each payload, the row
//         whose commit ended last with it.
#include "engine/home/staged_places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace worldb::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

CommitmentId Id(int number) {
  CommitmentId id;
  id.bytes[0] = static_cast<std::uint8_t>(number);
  return id;
}

TEST(StagedPlacesTest, ARowGoesWithTheLastOfWhatLiesThere) {
  StagedPlaces places;
  places.Begin("row");
  const std::vector<CommitmentId> two = {Id(1), Id(2)};
  EXPECT_THAT(places.End("row", two, absl::ZeroDuration()), IsEmpty());
  EXPECT_EQ(*places.RowOf(Id(1)), "row");
  EXPECT_THAT(places.Remove(Id(1)), IsEmpty());
  EXPECT_EQ(places.RowOf(Id(1)), nullptr);
  EXPECT_THAT(places.Remove(Id(1)), IsEmpty()) << "it is gone already";
  EXPECT_THAT(places.Remove(Id(2)), ElementsAre("row"));
  EXPECT_EQ(places.row_count(), 0u);
}

TEST(StagedPlacesTest, ARowThatIsBeingWrittenAgainStays) {
  StagedPlaces places;
  const std::vector<CommitmentId> one = {Id(1)};
  places.Begin("row");
  EXPECT_THAT(places.End("row", one, absl::ZeroDuration()), IsEmpty());
  places.Begin("row");
  EXPECT_THAT(places.Remove(Id(1)), IsEmpty());
  EXPECT_THAT(places.End("row", one, absl::ZeroDuration()), IsEmpty());
  EXPECT_THAT(places.Remove(Id(1)), ElementsAre("row"));
}

TEST(StagedPlacesTest, WhatFailedToBeWrittenMayBeThereAllTheSame) {
  StagedPlaces places;
  places.Begin("row");
  EXPECT_THAT(places.End("row", {}, absl::ZeroDuration()), ElementsAre("row"));
}

TEST(StagedPlacesTest, NamesWhatHasLainTogetherForLong) {
  StagedPlaces places;
  const auto write = [&places](const std::string& row, std::vector<CommitmentId> payloads, int at) {
    places.Begin(row);
    places.End(row, payloads, absl::Seconds(at));
  };
  write("old pair", {Id(1), Id(2)}, 1);
  write("old one", {Id(3)}, 1);
  write("young pair", {Id(4), Id(5)}, 3);
  write("once a pair", {Id(6), Id(7)}, 1);
  places.Remove(Id(7));
  EXPECT_THAT(places.TogetherSince(absl::Seconds(3)),
              UnorderedElementsAre("old pair", "once a pair"));
}

TEST(StagedPlacesTest, NeitherLosesARowNorKeepsOne) {
  std::mt19937 random(7);
  const auto draw = [&random](int below) {
    return std::uniform_int_distribution<int>(0, below - 1)(random);
  };
  for (int round = 0; round < 200; ++round) {
    StagedPlaces places;
    std::map<int, std::string> lies;       // what the model says
    std::map<std::string, int> under_way;  // commits
    std::set<std::string> on_disk;         // rows that were written and not named since
    const auto go = [&on_disk](const std::vector<std::string>& rows) {
      for (const std::string& row : rows) EXPECT_EQ(on_disk.erase(row), 1u) << row;
    };
    for (int step = 0; step < 300; ++step) {
      const std::string row(1, static_cast<char>('a' + draw(6)));
      if (const int what = draw(4); what == 0) {
        places.Begin(row);
        ++under_way[row];
        on_disk.insert(row);
      } else if (what == 1) {
        const int payload = draw(12);
        lies.erase(payload);
        go(places.Remove(Id(payload)));
      } else if (under_way[row] > 0) {
        std::vector<CommitmentId> written;
        if (draw(4) > 0) {
          for (int payload = draw(12), left = draw(4); left > 0 && payload < 12;
               --left, ++payload) {
            written.push_back(Id(payload));
            lies[payload] = row;
          }
        }
        --under_way[row];
        go(places.End(row, written, absl::Seconds(step)));
      }
      std::set<std::string> wanted;
      for (const auto& [payload, where] : lies) {
        wanted.insert(where);
        ASSERT_EQ(*places.RowOf(Id(payload)), where);
      }
      for (const auto& [of, commits] : under_way) {
        if (commits > 0) wanted.insert(of);
      }
      ASSERT_EQ(on_disk, wanted);
      ASSERT_EQ(places.row_count(), wanted.size());
    }
  }
}

}  // namespace
}  // namespace worldb::engine
