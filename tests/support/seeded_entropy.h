// Entropy that follows from a seed: for tests only.
//
// A counter hashed under a key made of the seed, so runs repeat byte for byte on every machine.
// Threads: not synchronised; one owner.
#ifndef WORLDB_TESTS_SUPPORT_SEEDED_ENTROPY_H_
#define WORLDB_TESTS_SUPPORT_SEEDED_ENTROPY_H_

#include <algorithm>
#include <array>
#include <cstdint>

#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/hash.h"

namespace worldb::testing {

class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) {
    for (std::size_t i = 0; i < 8; ++i) key_[i] = static_cast<std::uint8_t>(seed >> (8 * i));
  }

  void Fill(MutableByteSpan out) override {
    for (std::uint8_t& byte : out) {
      if (used_ == block_.size()) Refill();
      byte = block_[used_++];
    }
  }

 private:
  void Refill() {
    std::array<std::uint8_t, 8> counter;
    for (std::size_t i = 0; i < 8; ++i) counter[i] = static_cast<std::uint8_t>(counter_ >> (8 * i));
    ++counter_;
    KeyedHash(HashLabel("test entropy"), key_, counter, block_);
    used_ = 0;
  }

  std::array<std::uint8_t, 16> key_{};
  std::array<std::uint8_t, 64> block_{};
  std::size_t used_ = 64;
  std::uint64_t counter_ = 0;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_SEEDED_ENTROPY_H_
