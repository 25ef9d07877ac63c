#include "engine/local/log_rows.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/key_order.h"

namespace worldb::engine {
namespace {

constexpr char kEntryPrefix[] = "e";
constexpr std::uint8_t kLayout = 1;
constexpr std::size_t kEntryHeadBytes = 1 + 8 + 4;

SharedBytes Shared(ByteWriter&& out) {
  return std::make_shared<const Bytes>(std::move(out).Take());
}

}  // namespace

StoreWrite LogMeta::Put() const {
  ByteWriter out;
  out.U8(kLayout).U64(fence.value()).U64(tail.value()).U64(floor.value());
  return StoreWrite::Put(RowFamily::kRows, kKey, Shared(std::move(out)));
}

absl::StatusOr<LogMeta> LogMeta::Decode(ByteSpan row) {
  ByteReader in(row);
  if (in.U8() != kLayout) in.Fail("unknown layout");
  LogMeta meta;
  meta.fence = LogEpoch(in.U64());
  meta.tail = LogIndex(in.U64());
  meta.floor = LogIndex(in.U64());
  if (meta.floor > meta.tail) in.Fail("floor beyond the tail");
  if (absl::Status status = in.Finish("meta row"); !status.ok()) {
    return absl::DataLossError(status.message());
  }
  return meta;
}

std::string LogEntryRow::Key(LogIndex index) {
  return absl::StrCat(kEntryPrefix, BigEndian(index.value()));
}

std::string LogEntryRow::KeysEnd() { return PrefixEnd(kEntryPrefix); }

StoreWrite LogEntryRow::Put(LogIndex index, LogEpoch epoch, const Bytes& entry) {
  ByteWriter out(entry.size() + kEntryHeadBytes);
  out.U8(kLayout).U64(epoch.value()).Sized(entry);
  return StoreWrite::Put(RowFamily::kRows, Key(index), Shared(std::move(out)));
}

absl::StatusOr<SharedBytes> LogEntryRow::Decode(LogIndex index, ByteSpan row) {
  ByteReader in(row);
  if (in.U8() != kLayout) in.Fail("unknown layout");
  in.U64();  // the log epoch
  const ByteSpan entry = in.Sized(row.size());
  if (absl::Status status = in.Finish("entry"); !status.ok()) {
    return absl::DataLossError(absl::StrCat("entry ", index.value(), ": ", status.message()));
  }
  return std::make_shared<const Bytes>(ToBytes(entry));
}

}  // namespace worldb::engine
