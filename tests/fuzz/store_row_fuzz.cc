// Rows of a raw store as offline recovery reads them. The first 30 bytes are the row's key if they are
// one, else the key is made to fit what the row says. What decodes belongs to that key.
#include <algorithm>

#include "cryptoscatter/base/check.h"
#include "engine/offline_reader.h"
#include "engine/share_store.h"
#include "engine/staging.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace worldb;          // NOLINT: nothing else lives here
  using namespace worldb::engine;  // NOLINT
  const ByteSpan bytes(data, size);
  StoreRow row;
  const std::size_t key_bytes = std::min<std::size_t>(size, 30);
  row.key = ToString(bytes.first(key_bytes));
  row.value = ToBytes(bytes.subspan(key_bytes));
  const auto version = ShareRow::ParseKey(row.key);
  if (version.has_value()) WORLDB_CHECK(ShareRow::Key(*version) == row.key);
  const auto listed = DecodeShareRow(row);
  if (listed.ok()) WORLDB_CHECK(version.has_value());

  row.value = ToBytes(bytes);
  const auto decoded = ShareRow::Decode(row.value);
  if (decoded.ok()) {
    const auto& share = decoded->share;
    row.key = ShareRow::Key(share.core.key_tag, share.slot_epoch, share.version);
    WORLDB_CHECK(DecodeShareRow(row).ok());
    WORLDB_CHECK(HexEncode(decoded->Encode()) == HexEncode(bytes));
    row.key.back() = static_cast<char>(row.key.back() ^ 1);
    WORLDB_CHECK(!DecodeShareRow(row).ok());
  }
  row.key = Staging::kRowPrefix;
  WORLDB_CHECK(!DecodeStagedRow(row).ok());
  return 0;
}
