// Evidence that decodes encodes to the same bytes, and checking it ends in a finding or a reason.
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/evidence.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace cs = worldb::cryptoscatter;
  const worldb::ByteSpan bytes(data, size);
  const auto decoded = cs::Evidence::Decode(bytes);
  if (decoded.ok()) {
    const auto again = decoded->Encode();
    WORLDB_CHECK(worldb::HexEncode(again) == worldb::HexEncode(bytes));
    const auto finding = cs::CheckEvidence(bytes, decoded->reference.core.cell);
    WORLDB_CHECK(!finding.ok() || finding->fault != cs::ShareFault::kNone);
  }
  return 0;
}
