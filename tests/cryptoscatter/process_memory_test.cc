// Goal:   what a burst of large buffers leaves with the allocator is given back to the system, and a
//         little is kept.
// Method: buffers below one that stays in use; resident memory as the system tells it.
#include "cryptoscatter/base/process_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

namespace worldb {
namespace {

std::size_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t pages = 0;
  statm >> pages >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// In use for a moment; the last one of them for longer.
std::unique_ptr<char[]> UseAndFree(std::size_t bytes) {
  constexpr std::size_t kBufferBytes = std::size_t{4} << 20;
  std::vector<std::unique_ptr<char[]>> buffers;
  for (std::size_t used = 0; used <= bytes; used += kBufferBytes) {
    buffers.push_back(std::make_unique<char[]>(kBufferBytes));
    std::memset(buffers.back().get(), 1, kBufferBytes);
  }
  return std::move(buffers.back());
}

TEST(ProcessMemoryTest, WhatABurstLeavesIsGivenBackAndALittleIsKept) {
  KeepFreedBuffers();
  const auto kept = UseAndFree(kFreedBytesMax / 2);
  EXPECT_FALSE(GiveBackFreedBuffers());
  const std::size_t before = ResidentBytes();
  const auto in_use = UseAndFree(4 * kFreedBytesMax);
  const std::size_t after_burst = ResidentBytes();
  if (!GiveBackFreedBuffers()) GTEST_SKIP() << "another allocator";
  EXPECT_GT(after_burst, before + kFreedBytesMax) << "or there was nothing to give back";
  EXPECT_LT(ResidentBytes(), before + kFreedBytesMax / 4);
}

}  // namespace
}  // namespace worldb
