// The only source of randomness. Cores take one by reference and never reach around it.
#ifndef WORLDB_CRYPTOSCATTER_BASE_ENTROPY_H_
#define WORLDB_CRYPTOSCATTER_BASE_ENTROPY_H_

#include <array>

#include "cryptoscatter/base/bytes.h"

namespace worldb {

class Entropy {
 public:
  virtual ~Entropy() = default;
  // Fills `out` with bytes an attacker cannot predict. Cannot fail; returns at once.
  // Threads: may be called from any thread.
  virtual void Fill(MutableByteSpan out) = 0;

  template <std::size_t N>
  std::array<std::uint8_t, N> Draw() {
    std::array<std::uint8_t, N> out;
    Fill(out);
    return out;
  }
};

// The operating system's generator, through libsodium. Lives as long as the process.
Entropy& SystemEntropy();

}  // namespace worldb

#endif  // WORLDB_CRYPTOSCATTER_BASE_ENTROPY_H_
