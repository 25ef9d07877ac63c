#include "engine/rows/staged_rows.h"

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::engine {

using cryptoscatter::SealedValue;

std::string StagedRow::Key(const CommitmentId& commitment) {
  return absl::StrCat(kFamilyPrefix, AsText(commitment.span()));
}

absl::StatusOr<SealedValue> StagedRow::Decode(absl::string_view row_key, ByteSpan bytes) {
  WORLDB_ASSIGN_OR_RETURN(SealedValue sealed,
                          SealedValue::Decode(bytes, SealedValue::Ciphertext::kMayBeAbsent));
  if (row_key != Key(sealed.Commitment())) {
    return absl::InvalidArgumentError("in another payload's place lies one with commitment " +
                                      sealed.Commitment().Hex());
  }
  return sealed;
}

}  // namespace worldb::engine
