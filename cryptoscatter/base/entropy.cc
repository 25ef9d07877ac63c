#include "cryptoscatter/base/entropy.h"

#include <sodium.h>

#include "cryptoscatter/base/check.h"

namespace worldb {
namespace {

class SodiumEntropy final : public Entropy {
 public:
  SodiumEntropy() { WORLDB_CHECK(sodium_init() >= 0); }
  void Fill(MutableByteSpan out) override { randombytes_buf(out.data(), out.size()); }
};

}  // namespace

Entropy& SystemEntropy() {
  static SodiumEntropy entropy;
  return entropy;
}

}  // namespace worldb
