// Where secrets lie: pages that are locked into memory, left out of core dumps, and fenced by guard
// pages; cut into slots that are zero before and after use.
//
// A page of its own for each secret, as sodium_malloc() gives, costs 28 us; a slot costs some
// nanoseconds, from a small stock that each thread keeps. Slabs are not given back: there are as many
// as were needed at once.
// Units:   bytes. One slab is 64 KiB.
// Errors:  none. What the system will not lock (RLIMIT_MEMLOCK) is used all the same, wiped and left
//          out of dumps like the rest, and counted: whoever starts a program warns of it.
// Threads: from any thread; what one allocates, another may free. A child after fork() has copies,
//          and they are not locked: no program of ours forks without exec().
// Source:  docs/decisions/012-secrets-in-locked-slots.md.
#ifndef WORLDB_CRYPTOSCATTER_BASE_SECRET_MEMORY_H_
#define WORLDB_CRYPTOSCATTER_BASE_SECRET_MEMORY_H_

#include <cstddef>
#include <cstdint>

namespace worldb {

inline constexpr std::size_t kSecretSlotBytesMax = 512;

// A slot of at least `bytes`, all zero, aligned to 32. REQUIRES: 1 <= bytes <= kSecretSlotBytesMax.
std::uint8_t* AllocateSecret(std::size_t bytes);
// Wipes it and takes it back. REQUIRES: from AllocateSecret() of the same size.
void FreeSecret(std::uint8_t* slot, std::size_t bytes);

struct SecretMemoryStatus {
  std::uint64_t locked_bytes = 0;
  std::uint64_t unlocked_bytes = 0;  // may be swapped out: raise RLIMIT_MEMLOCK
};
SecretMemoryStatus GetSecretMemoryStatus();

}  // namespace worldb

#endif  // WORLDB_CRYPTOSCATTER_BASE_SECRET_MEMORY_H_
