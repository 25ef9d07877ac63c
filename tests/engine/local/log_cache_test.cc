// Goal:   the cache holds the newest entries without a gap and within its bounds, and never the wrong one.
// Method: entries that say their index, added, dropped and looked for.
#include "engine/local/log_cache.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace worldb::engine {
namespace {

constexpr std::uint64_t kLooked = 12;

SharedBytes Entry(std::uint64_t index, std::size_t bytes = 1) {
  return std::make_shared<const Bytes>(bytes, static_cast<std::uint8_t>(index));
}
void Add(LogCache& cache, std::uint64_t index) { cache.Add(LogIndex(index), Entry(index)); }
// The indices found, each of which must hold its own entry.
std::string Found(const LogCache& cache) {
  std::string found;
  for (std::uint64_t i = 0; i <= kLooked; ++i) {
    const SharedBytes entry = cache.Find(LogIndex(i));
    if (entry == nullptr) continue;
    EXPECT_EQ(entry->front(), i);
    found += std::to_string(i) + " ";
  }
  return found;
}

TEST(LogCache, HoldsTheNewestWithinItsCount) {
  LogCache cache(3, 1000);
  EXPECT_EQ(Found(cache), "");
  for (std::uint64_t i = 1; i <= 5; ++i) Add(cache, i);
  EXPECT_EQ(Found(cache), "3 4 5 ");
}

TEST(LogCache, HoldsTheNewestWithinItsBytes) {
  LogCache cache(100, 10);
  for (std::uint64_t i = 1; i <= 5; ++i) cache.Add(LogIndex(i), Entry(i, 4));
  EXPECT_EQ(Found(cache), "4 5 ");
  cache.Add(LogIndex(6), Entry(6, 11));
  EXPECT_EQ(Found(cache), "") << "one that is too large by itself";
  Add(cache, 7);
  EXPECT_EQ(Found(cache), "7 ");
}

TEST(LogCache, LetsGoOfWhatIsTrimmed) {
  LogCache cache(100, 1000);
  for (std::uint64_t i = 4; i <= 9; ++i) Add(cache, i);
  cache.DropUpTo(LogIndex(3));
  EXPECT_EQ(Found(cache), "4 5 6 7 8 9 ");
  cache.DropUpTo(LogIndex(7));
  EXPECT_EQ(Found(cache), "8 9 ");
  cache.DropUpTo(LogIndex(11));
  EXPECT_EQ(Found(cache), "");
  Add(cache, 12);
  EXPECT_EQ(Found(cache), "12 ");
}

TEST(LogCache, AnEntryBehindAGapLeavesNothingBeforeIt) {
  LogCache cache(100, 1000);
  for (std::uint64_t i = 1; i <= 3; ++i) Add(cache, i);
  Add(cache, 7);
  EXPECT_EQ(Found(cache), "7 ");
}

}  // namespace
}  // namespace worldb::engine
