// Goal:   a version below HELD keeps two living copies, and is given up only when nobody can have one.
// Method: tables of who is named, who denies, who is up and what the held shares can do.
#include "engine/scatter/staged_copies.h"

#include <gtest/gtest.h>

namespace worldb::engine {
namespace {

// Nodes 0, 1 and 2 of a triad are bits 1, 2 and 4.
NodeSet Nodes(std::uint32_t bits) { return NodeSet::FromBits(bits); }

TEST(StagedCopies, TwoAliveAreEnough) {
  const struct {
    std::uint32_t staged, up, restage;
  } kCases[] = {
      {0b111, 0b111, 0},     {0b011, 0b111, 0},      // two named and up
      {0b011, 0b011, 0},     {0b011, 0b101, 0b100},  // one of two is gone: the third gets one
      {0b011, 0b001, 0},                             // nobody to give one to
      {0b001, 0b111, 0b110}, {0b100, 0b011, 0b011},  // the one that has it is down
      {0b000, 0b111, 0b111},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(ToRestage({Nodes(c.staged), {}}, Nodes(c.up)), Nodes(c.restage))
        << "staged " << c.staged << ", up " << c.up;
  }
}

TEST(StagedCopies, AVersionIsLostWhenAllWhoCouldHaveItDenyIt) {
  const struct {
    std::uint32_t staged, not_here, up;
    bool readable, lost;
  } kCases[] = {
      {0b111, 0b111, 0b111, false, true},
      {0b111, 0b011, 0b111, false, false},  // one has not been asked
      {0b111, 0b011, 0b011, false, false},  // it is named and may come back with its copy
      {0b011, 0b011, 0b011, false, true},   // the third is neither named nor up
      {0b011, 0b011, 0b111, false, false},  // it is up: the log may not know of its copy
      {0b011, 0b111, 0b111, false, true},
      {0b111, 0b111, 0b111, true, false},   // the held shares can read
      {0b000, 0b111, 0b111, false, false},  // the log names nobody: it says nothing of copies
      {0b111, 0b000, 0b000, false, false},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(IsLost({Nodes(c.staged), Nodes(c.not_here)}, Nodes(c.up), c.readable), c.lost)
        << "staged " << c.staged << ", denied by " << c.not_here << ", up " << c.up;
  }
}

}  // namespace
}  // namespace worldb::engine
