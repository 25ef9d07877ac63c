// The rows a triad node keeps staged payloads in: sealed values, perhaps without their ciphertext. In the blob
// family.
//
// Errors:  InvalidArgument for bytes that do not decode, or a row that lies in another one's place.
// Threads: plain functions.
// Source:  docs/share-format.md section 16; docs/protocol.md 4.
#ifndef WORLDB_ENGINE_ROWS_STAGED_ROWS_H_
#define WORLDB_ENGINE_ROWS_STAGED_ROWS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/sealed_value.h"

namespace worldb::engine {

// Of one payload, under its commitment.
struct StagedRow {
  static constexpr char kFamilyPrefix[] = "p/";
  // "p/", commitment.
  static std::string Key(const CommitmentId& commitment);
  static Bytes Encode(const cryptoscatter::SealedValue& sealed) { return sealed.Encode(); }
  static absl::StatusOr<cryptoscatter::SealedValue> Decode(absl::string_view row_key,
                                                           ByteSpan bytes);
};

// Of payloads that were staged together. Its key follows from what lies in it, so that staging the same
// once more writes the same row.
struct StagedBatchRow {
  static constexpr char kFamilyPrefix[] = "q/";
  static constexpr std::uint32_t kPayloadsMax = 4096;

  // "q/", the first 16 bytes of a hash of the commitments in their order.
  static std::string Key(std::span<const CommitmentId> commitments);
  // Of what SealedValue::Encode() gave. REQUIRES: 1 to kPayloadsMax of them.
  static Bytes Encode(std::span<const SharedBytes> payloads);
};

// Rows of either kind.
inline constexpr std::array<const char*, 2> kStagedPrefixes = {StagedBatchRow::kFamilyPrefix,
                                                               StagedRow::kFamilyPrefix};
bool IsStagedRow(absl::string_view row_key);

struct StagedPayload {
  cryptoscatter::SealedValue sealed;
  CommitmentId commitment;
  ByteSpan encoded;  // of the row's bytes
};
// All that lies in a row, in its order.
absl::StatusOr<std::vector<StagedPayload>> DecodeStaged(absl::string_view row_key, ByteSpan bytes);
// One of them alone, by its place in that order.
absl::StatusOr<cryptoscatter::SealedValue> DecodeOneStaged(absl::string_view row_key,
                                                           ByteSpan bytes, std::size_t place);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROWS_STAGED_ROWS_H_
