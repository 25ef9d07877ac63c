// Hexadecimal text to bytes, for vectors in tests.
#ifndef WORLDB_TESTS_SUPPORT_HEX_H_
#define WORLDB_TESTS_SUPPORT_HEX_H_

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"

namespace worldb::testing {

inline Bytes FromHex(absl::string_view hex) {
  return ToBytes(AsBytes(absl::HexStringToBytes(hex)));
}

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_HEX_H_
