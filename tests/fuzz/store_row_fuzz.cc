// Rows of a raw store as offline recovery reads them. The first byte says how many bytes of the rest are
// a row's key; the others are its value. What decodes as a row is the one encoding of what it says.
#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/match.h"
#include "cryptoscatter/base/check.h"
#include "engine/offline/offline_reader.h"
#include "engine/offline/offline_rows.h"
#include "engine/rows/share_rows.h"
#include "engine/rows/staged_rows.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace worldb;          // NOLINT: nothing else lives here
  using namespace worldb::engine;  // NOLINT
  if (size == 0) return 0;
  const ByteSpan bytes(data + 1, size - 1);
  StoreRow row;
  const std::size_t key_bytes = std::min<std::size_t>(data[0], bytes.size());
  row.key = ToString(bytes.first(key_bytes));
  row.value = ToBytes(bytes.subspan(key_bytes));
  const auto version = ShareRow::ParseKey(row.key);
  if (version.has_value()) WORLDB_CHECK(ShareRow::Key(*version) == row.key);

  const auto share = ShareRow::Decode(row.key, row.value);
  if (share.ok()) {
    WORLDB_CHECK(version.has_value());
    WORLDB_CHECK(HexEncode(share->Encode()) == HexEncode(row.value));
    std::string other = row.key;
    other.back() = static_cast<char>(other.back() ^ 1);
    WORLDB_CHECK(!ShareRow::Decode(other, row.value).ok());
  }
  const auto batch = BatchRow::Decode(row.key, row.value);
  if (batch.ok()) {
    WORLDB_CHECK(BatchRow::Key(batch->ref()) == row.key);
    WORLDB_CHECK(HexEncode(BatchRow::Encode(*batch)) == HexEncode(row.value));
  }
  // In a store where each row is what this one says it is.
  OfflineRows rows([&row](const std::string&) { return row.value; },
                   std::make_shared<OfflineBatches>());
  const auto found = rows.DecodeShare(row, *cryptoscatter::ScriptBook::Shipped());
  if (found.ok()) WORLDB_CHECK(share.ok() && found->found.script != nullptr);

  const auto staged = DecodeStaged(row.key, row.value);
  if (staged.ok() && absl::StartsWith(row.key, StagedBatchRow::kFamilyPrefix)) {
    std::vector<SharedBytes> encoded;
    std::vector<CommitmentId> commitments;
    for (const StagedPayload& one : *staged) {
      commitments.push_back(one.commitment);
      encoded.push_back(std::make_shared<const Bytes>(one.sealed.Encode()));
    }
    WORLDB_CHECK(StagedBatchRow::Key(commitments) == row.key);
    WORLDB_CHECK(StagedBatchRow::Encode(encoded) == row.value);
    WORLDB_CHECK(DecodeOneStaged(row.key, row.value, staged->size() - 1).ok());
  }
  WORLDB_CHECK(!StagedRow::Decode(StagedRow::kFamilyPrefix, row.value).ok());
  return 0;
}
