#include "cryptoscatter/base/secret.h"

#include <sodium.h>

#include "cryptoscatter/base/check.h"

namespace worldb {

void WipeMemory(MutableByteSpan bytes) {
  if (!bytes.empty()) sodium_memzero(bytes.data(), bytes.size());
}

bool EqualConstantTime(ByteSpan a, ByteSpan b) {
  WORLDB_CHECK(a.size() == b.size());
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace worldb
