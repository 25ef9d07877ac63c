// Goal:   secrets lie in pages that are locked and left out of dumps, are zero before and after use, and
//         a system that will not lock them is counted, never fatal.
// Method: /proc/self/smaps of the pages that hold a secret; slots read after they were given back (the
//         memory stays mapped); many threads; a child process with next to no RLIMIT_MEMLOCK and no
//         rights to exceed it.
#include "cryptoscatter/base/secret_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "cryptoscatter/base/secret.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WORLDB_MLOCK_DOES_NOTHING  // the sanitizers make it so
#endif
#endif

namespace worldb {
namespace {

// The line of flags of the mapping that holds `address`.
std::string FlagsOf(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  const auto at = reinterpret_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    char dash = 0;
    std::istringstream words(line);
    if (words >> std::hex >> begin >> dash >> end && dash == '-') {
      inside = begin <= at && at < end;
    } else if (inside && line.rfind("VmFlags:", 0) == 0) {
      return line + " ";
    }
  }
  return "";
}

bool AllZero(ByteSpan bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t b) { return b == 0; });
}

TEST(SecretMemory, PagesAreLockedAndLeftOutOfDumps) {
  const SecretArray<32> secret;
  const std::string flags = FlagsOf(secret.ExposeSecret().data());
  EXPECT_THAT(flags, ::testing::HasSubstr(" dd "));
#if !defined(WORLDB_MLOCK_DOES_NOTHING)
  EXPECT_THAT(flags, ::testing::HasSubstr(" lo "));
#endif
  EXPECT_GT(GetSecretMemoryStatus().locked_bytes, 0u);
}

TEST(SecretMemory, IsZeroBeforeAndAfterUse) {
  const std::uint8_t* slot = nullptr;
  {
    SecretArray<48> secret;
    slot = secret.ExposeSecret().data();
    EXPECT_TRUE(AllZero(secret.ExposeSecret()));
    std::fill_n(secret.ExposeSecretMutable().begin(), 48, 0xa5);
    SecretArray<48> moved = std::move(secret);
    EXPECT_EQ(moved.ExposeSecret().data(), slot);  // handed over, not copied
    EXPECT_EQ(moved.ExposeSecret()[47], 0xa5);
    EXPECT_EQ(moved.Duplicate().ExposeSecret()[47], 0xa5);
  }
  EXPECT_TRUE(AllZero({slot, 48}));
  SecretArray<48> kept;
  slot = kept.ExposeSecret().data();
  kept.ExposeSecretMutable()[0] = 1;
  kept = SecretArray<48>();
  EXPECT_TRUE(AllZero({slot, 48}));
}

TEST(SecretMemory, SlotsOfEverySizeAreApart) {
  std::vector<std::pair<std::uint8_t*, std::size_t>> slots;
  for (std::size_t bytes = 1; bytes <= kSecretSlotBytesMax; ++bytes) {
    slots.emplace_back(AllocateSecret(bytes), bytes);
    ASSERT_TRUE(AllZero({slots.back().first, bytes}));
    std::fill_n(slots.back().first, bytes, 0xff);
  }
  std::sort(slots.begin(), slots.end());
  for (std::size_t i = 1; i < slots.size(); ++i) {
    ASSERT_LE(slots[i - 1].first + slots[i - 1].second, slots[i].first);
  }
  for (const auto& [slot, bytes] : slots) FreeSecret(slot, bytes);
}

TEST(SecretMemory, ThreadsHandSecretsToEachOtherAndNothingIsLost) {
  std::vector<SecretArray<32>> made(8000);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 8; ++t) {
    threads.emplace_back([&made, t] {
      for (std::size_t i = t; i < made.size(); i += 8) {
        SecretArray<32> other;
        other.ExposeSecretMutable()[0] = static_cast<std::uint8_t>(t + 1);
        made[i] = std::move(other);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<const std::uint8_t*> places;
  for (std::size_t i = 0; i < made.size(); ++i) {
    ASSERT_EQ(made[i].ExposeSecret()[0], i % 8 + 1);
    places.insert(made[i].ExposeSecret().data());
  }
  EXPECT_EQ(places.size(), made.size());
  // What ended threads had in stock is used again: no new slabs for the same number.
  const auto before = GetSecretMemoryStatus();
  made.clear();
  std::thread([&made] { made.resize(8000); }).join();
  const auto after = GetSecretMemoryStatus();
  EXPECT_EQ(before.locked_bytes + before.unlocked_bytes, after.locked_bytes + after.unlocked_bytes);
}

#if !defined(WORLDB_MLOCK_DOES_NOTHING)
void UseMoreThanMayBeLocked() {
  const rlimit little{16 << 10, 16 << 10};
  const bool limited = setrlimit(RLIMIT_MEMLOCK, &little) == 0;
  const bool dropped = geteuid() != 0 || setuid(65534) == 0;  // root may lock what it likes
  if (!limited || !dropped) _exit(3);
  std::vector<SecretArray<64>> secrets(5000);
  for (SecretArray<64>& secret : secrets) secret.ExposeSecretMutable()[63] = 9;
  const std::uint8_t* last = secrets.back().ExposeSecret().data();
  const std::string flags = FlagsOf(last);
  secrets.clear();
  if (GetSecretMemoryStatus().unlocked_bytes == 0) _exit(4);
  if (flags.find(" lo ") != std::string::npos) _exit(5);
  if (!flags.empty() && flags.find(" dd ") == std::string::npos) _exit(6);
  _exit(AllZero({last, 64}) ? 0 : 7);
}
#endif

TEST(SecretMemoryDeathTest, WhatCannotBeLockedIsCountedAndStillWiped) {
#if defined(WORLDB_MLOCK_DOES_NOTHING)
  GTEST_SKIP() << "mlock() always succeeds under this sanitizer";
#else
  EXPECT_EXIT(UseMoreThanMayBeLocked(), ::testing::ExitedWithCode(0), "");
#endif
}

}  // namespace
}  // namespace worldb
