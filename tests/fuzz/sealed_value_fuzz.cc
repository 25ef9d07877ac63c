// A sealed value that decodes encodes to the same bytes.
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/sealed_value.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const worldb::ByteSpan bytes(data, size);
  const auto decoded = worldb::cryptoscatter::SealedValue::Decode(bytes);
  if (decoded.ok()) {
    const auto again = decoded->Encode();
    WORLDB_CHECK(worldb::HexEncode(again) == worldb::HexEncode(bytes));
  }
  return 0;
}
