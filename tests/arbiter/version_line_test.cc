// Goal:   versions of a key are found by number, whatever has gone below the floor.
// Method: one line with nothing pruned and one whose floor is 4, asked for all around both ends.
#include "arbiter/version_line.h"

#include <gtest/gtest.h>

#include <vector>

namespace worldb::arbiter {
namespace {

ClosedVersion Closed(std::uint64_t version) {
  ClosedVersion closed;
  closed.id.version = Version(version);
  closed.payload_bytes = 100 * version;
  return closed;
}

VersionLine Line(std::uint64_t floor, std::uint64_t newest) {
  VersionLine line{Version(floor)};
  for (std::uint64_t v = floor + 1; v <= newest; ++v) line.Push(Closed(v));
  return line;
}

std::vector<std::uint64_t> VersionsOf(const VersionLine& line) {
  std::vector<std::uint64_t> versions;
  for (const ClosedVersion& closed : line.span()) versions.push_back(closed.id.version.value());
  return versions;
}

TEST(VersionLineTest, EmptyOneEndsAtItsFloor) {
  EXPECT_EQ(Line(0, 0).Newest(), Version());
  EXPECT_EQ(Line(4, 4).Newest(), Version(4));
  for (const VersionLine& line : {Line(0, 0), Line(4, 4)}) {
    EXPECT_FALSE(line.Has(line.floor()));
    EXPECT_FALSE(line.Has(line.Newest().Next()));
    EXPECT_EQ(line.FirstAbove(Version()), nullptr);
    EXPECT_TRUE(line.span().empty());
  }
}

TEST(VersionLineTest, WithoutAFloorVersionsCountFromOne) {
  const VersionLine line = Line(0, 3);
  EXPECT_EQ(line.Newest(), Version(3));
  EXPECT_EQ(VersionsOf(line), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_FALSE(line.Has(Version()));
  EXPECT_EQ(line.FirstAbove(Version()), &line.At(Version(1)));
}

TEST(VersionLineTest, AboveAFloorVersionsKeepTheirNumbers) {
  VersionLine line = Line(4, 7);
  EXPECT_EQ(line.floor(), Version(4));
  EXPECT_EQ(line.Newest(), Version(7));
  EXPECT_EQ(VersionsOf(line), (std::vector<std::uint64_t>{5, 6, 7}));
  for (std::uint64_t v = 0; v <= 9; ++v) {
    const bool kept = v >= 5 && v <= 7;
    EXPECT_EQ(line.Has(Version(v)), kept) << v;
    ASSERT_EQ(line.Find(Version(v)) != nullptr, kept) << v;
    if (kept) EXPECT_EQ(line.At(Version(v)).payload_bytes, 100 * v);
  }
  line.At(Version(6)).held = NodeSet::All();
  EXPECT_EQ(line.Find(Version(6))->held, NodeSet::All());
  EXPECT_NE(line.Find(Version(5))->held, NodeSet::All());
}

TEST(VersionLineTest, NextAboveWhatIsGoneIsTheOldestKept) {
  const VersionLine line = Line(4, 7);
  for (const std::uint64_t v : {0, 3, 4}) {
    EXPECT_EQ(line.FirstAbove(Version(v)), &line.At(Version(5))) << v;
  }
  EXPECT_EQ(line.FirstAbove(Version(6)), &line.At(Version(7)));
  EXPECT_EQ(line.FirstAbove(Version(7)), nullptr);
}

}  // namespace
}  // namespace worldb::arbiter
