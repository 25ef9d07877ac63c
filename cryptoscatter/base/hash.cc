#include "cryptoscatter/base/hash.h"

#include <sodium.h>

#include "cryptoscatter/base/check.h"

namespace worldb {
namespace {

void Blake2b(const HashLabel& label, ByteSpan key, ByteSpan data, MutableByteSpan out) {
  const int rc = crypto_generichash_blake2b_salt_personal(
      out.data(), out.size(), data.data(), data.size(), key.empty() ? nullptr : key.data(),
      key.size(), /*salt=*/nullptr, label.bytes().data());
  WORLDB_CHECK(rc == 0);
}

}  // namespace

Hash256 LabelledHash(const HashLabel& label, ByteSpan data) {
  Hash256 out;
  Blake2b(label, {}, data, out.bytes);
  return out;
}

void KeyedHash(const HashLabel& label, ByteSpan key, ByteSpan data, MutableByteSpan out) {
  WORLDB_CHECK(key.size() >= 16 && key.size() <= 64);
  WORLDB_CHECK(out.size() >= 16 && out.size() <= 64);
  Blake2b(label, key, data, out);
}

}  // namespace worldb
