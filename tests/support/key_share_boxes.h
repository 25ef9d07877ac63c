// Sealed and stored key shares with one bit wrong.
#ifndef WORLDB_TESTS_SUPPORT_KEY_SHARE_BOXES_H_
#define WORLDB_TESTS_SUPPORT_KEY_SHARE_BOXES_H_

#include <cstdint>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/key_share_box.h"

namespace worldb::testing {

// With `mask` in byte `at` of what follows the number of rows. REQUIRES: at + 1 < box.bytes().
inline cryptoscatter::KeyShareBox Flipped(const cryptoscatter::KeyShareBox& box, std::size_t at,
                                          std::uint8_t mask = 1) {
  ByteWriter out;
  box.AppendTo(out);
  Bytes bytes = std::move(out).Take();
  bytes.at(1 + at) ^= mask;
  ByteReader in(bytes);
  cryptoscatter::KeyShareBox changed = cryptoscatter::KeyShareBox::ReadFrom(in);
  WORLDB_CHECK(in.Finish("key share").ok());
  return changed;
}

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_KEY_SHARE_BOXES_H_
