// The row a triad node keeps a staged payload in: a sealed value, perhaps without its ciphertext, under
// its commitment. In the blob family.
//
// Errors:  InvalidArgument for bytes that do not decode, or a row that lies in another payload's place.
// Threads: plain functions.
// Source:  docs/share-format.md; docs/protocol.md 4.
#ifndef WORLDB_ENGINE_ROWS_STAGED_ROWS_H_
#define WORLDB_ENGINE_ROWS_STAGED_ROWS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/sealed_value.h"

namespace worldb::engine {

struct StagedRow {
  static constexpr char kFamilyPrefix[] = "p/";
  // "p/", commitment.
  static std::string Key(const CommitmentId& commitment);
  static Bytes Encode(const cryptoscatter::SealedValue& sealed) { return sealed.Encode(); }
  static absl::StatusOr<cryptoscatter::SealedValue> Decode(absl::string_view row_key,
                                                           ByteSpan bytes);
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROWS_STAGED_ROWS_H_
