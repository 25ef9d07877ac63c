// What is known of a commit batch: what decodes encodes to the same bytes, and each proof it gives adds
// up to it again.
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/batch_part.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace worldb;                 // NOLINT: nothing else lives here
  using namespace worldb::cryptoscatter;  // NOLINT
  const ByteSpan bytes(data, size);
  const auto part = BatchPart::Decode(bytes);
  if (!part.ok()) return 0;
  WORLDB_CHECK(HexEncode(part->Encode()) == HexEncode(bytes));
  const std::uint32_t first = part->first_held();
  BatchPart again = BatchPart::Of(part->cell(), part->ProofOf(first), part->Member(first));
  for (std::uint32_t i = 0; i < part->count(); ++i) {
    if (!part->Holds(i)) continue;
    WORLDB_CHECK(again.Add(part->cell(), part->ProofOf(i), part->Member(i)).ok());
    WORLDB_CHECK(BatchRefOf(part->cell(), part->ProofOf(i), part->Member(i)) == part->ref());
  }
  WORLDB_CHECK(again == *part);
  return 0;
}
