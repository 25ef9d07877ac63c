#include "cryptoscatter/base/hash.h"

#include <sodium.h>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/secret.h"

namespace worldb {
namespace {

void Blake2b(const HashLabel& label, ByteSpan key, ByteSpan data, MutableByteSpan out) {
  const int rc = crypto_generichash_blake2b_salt_personal(
      out.data(), out.size(), data.data(), data.size(), key.empty() ? nullptr : key.data(),
      key.size(), /*salt=*/nullptr, label.bytes().data());
  WORLDB_CHECK(rc == 0);
}

using State = crypto_generichash_blake2b_state;

State* StateIn(std::array<std::uint8_t, 384>& bytes) {
  static_assert(sizeof(State) <= 384 && alignof(State) <= 64);
  return reinterpret_cast<State*>(bytes.data());
}

}  // namespace

Hash256 LabelledHash(const HashLabel& label, ByteSpan data) {
  Hash256 out;
  Blake2b(label, {}, data, out.bytes);
  return out;
}

LabelledHasher::LabelledHasher(const HashLabel& label) {
  const int rc = crypto_generichash_blake2b_init_salt_personal(
      StateIn(state_), /*key=*/nullptr, 0, Hash256::kBytes, /*salt=*/nullptr, label.bytes().data());
  WORLDB_CHECK(rc == 0);
}

LabelledHasher::~LabelledHasher() { WipeMemory(state_); }

void LabelledHasher::Update(ByteSpan data) {
  WORLDB_CHECK(crypto_generichash_blake2b_update(StateIn(state_), data.data(), data.size()) == 0);
}

Hash256 LabelledHasher::Finish() {
  Hash256 out;
  const int rc =
      crypto_generichash_blake2b_final(StateIn(state_), out.bytes.data(), out.bytes.size());
  WORLDB_CHECK(rc == 0);
  return out;
}

void KeyedHash(const HashLabel& label, ByteSpan key, ByteSpan data, MutableByteSpan out) {
  WORLDB_CHECK(key.size() >= 16 && key.size() <= 64);
  WORLDB_CHECK(out.size() >= 16 && out.size() <= 64);
  Blake2b(label, key, data, out);
}

}  // namespace worldb
