// An accept log entry that decodes encodes to the same bytes.
#include "arbiter/log_entry.h"
#include "cryptoscatter/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const worldb::ByteSpan bytes(data, size);
  const auto decoded = worldb::arbiter::DecodeLogEntry(bytes);
  if (decoded.ok()) {
    WORLDB_CHECK(worldb::arbiter::EncodeLogEntry(*decoded) == worldb::ToBytes(bytes));
  }
  return 0;
}
