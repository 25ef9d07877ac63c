#include "engine/rows/staged_rows.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::engine {
namespace {

using cryptoscatter::SealedValue;

constexpr std::uint8_t kBatchRowFormat = 1;
constexpr std::size_t kKeyHashBytes = 16;

absl::StatusOr<SealedValue> DecodeSealed(ByteSpan bytes) {
  return SealedValue::Decode(bytes, SealedValue::Ciphertext::kMayBeAbsent);
}

bool IsBatchRow(absl::string_view row_key) {
  return absl::StartsWith(row_key, StagedBatchRow::kFamilyPrefix);
}

absl::Status Misplaced(const CommitmentId& commitment) {
  return absl::InvalidArgumentError("in another payload's place lies one with commitment " +
                                    commitment.Hex());
}

// What lies in a batch row, undecoded.
absl::StatusOr<std::vector<ByteSpan>> Split(ByteSpan bytes) {
  ByteReader r(bytes);
  if (r.U8() != kBatchRowFormat) r.Fail("unknown format");
  std::vector<ByteSpan> members(r.Count(StagedBatchRow::kPayloadsMax, sizeof(std::uint32_t)));
  if (r.ok() && members.empty()) r.Fail("no payload");
  for (ByteSpan& member : members) member = r.Sized(bytes.size());
  WORLDB_RETURN_IF_ERROR(r.Finish("row of staged payloads"));
  return members;
}

}  // namespace

std::string StagedRow::Key(const CommitmentId& commitment) {
  return absl::StrCat(kFamilyPrefix, AsText(commitment.span()));
}

absl::StatusOr<SealedValue> StagedRow::Decode(absl::string_view row_key, ByteSpan bytes) {
  WORLDB_ASSIGN_OR_RETURN(SealedValue sealed, DecodeSealed(bytes));
  const CommitmentId commitment = sealed.Commitment();
  if (row_key != Key(commitment)) return Misplaced(commitment);
  return sealed;
}

std::string StagedBatchRow::Key(std::span<const CommitmentId> commitments) {
  static constexpr HashLabel kLabel("wdb staged row 1");
  LabelledHasher hasher(kLabel);
  for (const CommitmentId& commitment : commitments) hasher.Update(commitment.span());
  const Hash256 hash = hasher.Finish();
  return absl::StrCat(kFamilyPrefix, AsText(hash.span()).substr(0, kKeyHashBytes));
}

Bytes StagedBatchRow::Encode(std::span<const SharedBytes> payloads) {
  WORLDB_CHECK(!payloads.empty() && payloads.size() <= kPayloadsMax);
  std::size_t bytes = 1 + sizeof(std::uint32_t);
  for (const SharedBytes& payload : payloads) bytes += sizeof(std::uint32_t) + payload->size();
  ByteWriter w(bytes);
  w.U8(kBatchRowFormat).U32(static_cast<std::uint32_t>(payloads.size()));
  for (const SharedBytes& payload : payloads) w.Sized(*payload);
  return std::move(w).Take();
}

bool IsStagedRow(absl::string_view row_key) {
  return absl::StartsWith(row_key, StagedRow::kFamilyPrefix) || IsBatchRow(row_key);
}

absl::StatusOr<std::vector<StagedPayload>> DecodeStaged(absl::string_view row_key, ByteSpan bytes) {
  std::vector<StagedPayload> payloads;
  if (!IsBatchRow(row_key)) {
    WORLDB_ASSIGN_OR_RETURN(SealedValue sealed, StagedRow::Decode(row_key, bytes));
    const CommitmentId commitment = sealed.Commitment();
    payloads.push_back({std::move(sealed), commitment, bytes});
    return payloads;
  }
  WORLDB_ASSIGN_OR_RETURN(const std::vector<ByteSpan> members, Split(bytes));
  std::vector<CommitmentId> commitments;
  payloads.reserve(members.size());
  commitments.reserve(members.size());
  for (const ByteSpan member : members) {
    WORLDB_ASSIGN_OR_RETURN(SealedValue sealed, DecodeSealed(member));
    commitments.push_back(sealed.Commitment());
    payloads.push_back({std::move(sealed), commitments.back(), member});
  }
  if (row_key != StagedBatchRow::Key(commitments)) return Misplaced(commitments.front());
  return payloads;
}

absl::StatusOr<SealedValue> DecodeOneStaged(absl::string_view row_key, ByteSpan bytes,
                                            std::size_t place) {
  if (!IsBatchRow(row_key)) return StagedRow::Decode(row_key, bytes);
  WORLDB_ASSIGN_OR_RETURN(const std::vector<ByteSpan> members, Split(bytes));
  if (place >= members.size()) return absl::InvalidArgumentError("no such payload in its row");
  return DecodeSealed(members[place]);
}

}  // namespace worldb::engine
