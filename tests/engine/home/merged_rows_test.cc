// Goal:   of each row what was said last is kept, and the bytes are those of what is kept.
// Method: small checkpoints added above and below each other.
#include "engine/home/merged_rows.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace worldb::engine {
namespace {

struct Said {
  std::string key;
  const char* value;  // null: gone
};
arbiter::Checkpoint Checkpoint(std::uint64_t index, std::initializer_list<Said> rows) {
  arbiter::Checkpoint checkpoint;
  checkpoint.index = LogIndex(index);
  for (const Said& row : rows) {
    checkpoint.rows.push_back({row.key, std::nullopt});
    if (row.value != nullptr) checkpoint.rows.back().value = ToBytes(AsBytes(row.value));
  }
  return checkpoint;
}
std::string Text(const MergedRows& merged) {
  std::string text = std::to_string(merged.index().value()) + ":";
  std::size_t bytes = 0;
  for (const auto& [key, value] : merged.rows()) {
    text += " " + key + (value == nullptr ? "-" : "=" + ToString(*value));
    bytes += key.size() + (value == nullptr ? 0 : value->size());
  }
  EXPECT_EQ(merged.bytes(), bytes);
  return text;
}

TEST(MergedRows, TheNewerCheckpointStands) {
  MergedRows merged;
  EXPECT_TRUE(merged.empty());
  merged.Add(Checkpoint(1, {{"a", "one"}, {"b", "two"}}));
  merged.Add(Checkpoint(2, {{"b", nullptr}, {"c", "three"}}));
  EXPECT_EQ(Text(merged), "2: a=one b- c=three");
  merged.Add(Checkpoint(3, {{"b", "4"}, {"c", "5"}}));
  EXPECT_EQ(Text(merged), "3: a=one b=4 c=5");
}

TEST(MergedRows, WhatComesBackFromAFailedCommitLiesBelow) {
  MergedRows failed;
  failed.Add(Checkpoint(1, {{"a", "old"}, {"b", "old"}}));
  MergedRows merged;
  merged.Add(Checkpoint(2, {{"b", "new"}, {"c", nullptr}}));
  merged.AddBelow(failed);
  EXPECT_EQ(Text(merged), "2: a=old b=new c-");
  MergedRows empty;
  empty.AddBelow(failed);
  EXPECT_EQ(Text(empty), "1: a=old b=old");
}

}  // namespace
}  // namespace worldb::engine
