#include "engine/rocks/segment_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/rocks/numbered_files.h"

namespace worldb::engine {

absl::StatusOr<ValuePointer> SegmentWriter::Append(absl::string_view key, ByteSpan value) {
  WORLDB_CHECK(key.size() <= kRecordKeyBytesMax && value.size() <= kRecordValueBytesMax);
  Lane& lane = lanes_[key.empty() ? 0 : static_cast<std::uint8_t>(key[0]) % kLaneCount];
  ValuePointer pointer;
  if (absl::Status status = AppendTo(lane, key, value, pointer); !status.ok()) {
    GiveUp();
    return status;
  }
  return pointer;
}

absl::Status SegmentWriter::AppendTo(Lane& lane, absl::string_view key, ByteSpan value,
                                     ValuePointer& pointer) {
  if (lane.file.has_value() && lane.written_bytes + lane.buffered >= kSegmentBytes) {
    WORLDB_RETURN_IF_ERROR(Sync(lane));
    lane.file.reset();
  }
  if (!lane.file.has_value()) WORLDB_RETURN_IF_ERROR(Begin(lane));
  const RecordHeader header = {static_cast<std::uint16_t>(key.size()),
                               static_cast<std::uint32_t>(value.size()), ValueChecksum(value)};
  const std::uint64_t at = lane.written_bytes + lane.buffered;
  pointer = {lane.segment, at + RecordHeader::kEncodedBytes + key.size(), header.value_bytes,
             header.value_checksum};
  WORLDB_RETURN_IF_ERROR(Buffer(lane, header.Encode(key)));
  WORLDB_RETURN_IF_ERROR(Buffer(lane, AsBytes(key)));
  return Buffer(lane, value);
}

absl::Status SegmentWriter::Begin(Lane& lane) {
  if (lane.buffer == nullptr) {
    lane.buffer.reset(
        static_cast<std::uint8_t*>(std::aligned_alloc(kSegmentBlockBytes, kBufferBytes)));
    WORLDB_CHECK(lane.buffer != nullptr);
  }
  const std::uint64_t number = next_++;
  const std::string path = absl::StrCat(dir_, "/", NumberedName(number, kSegmentEnding));
  WORLDB_ASSIGN_OR_RETURN(SegmentFile file, SegmentFile::Make(path));
  lane.file.emplace(std::move(file));
  lane.segment = number;
  lane.synced_bytes = lane.written_bytes = lane.buffered = 0;
  return SyncDirectory(dir_);
}

absl::Status SegmentWriter::Buffer(Lane& lane, ByteSpan bytes) {
  while (!bytes.empty()) {
    const std::size_t count = std::min(bytes.size(), kBufferBytes - lane.buffered);
    std::memcpy(lane.buffer.get() + lane.buffered, bytes.data(), count);
    lane.buffered += count;
    bytes = bytes.subspan(count);
    if (lane.buffered == kBufferBytes) WORLDB_RETURN_IF_ERROR(Flush(lane));
  }
  return absl::OkStatus();
}

absl::Status SegmentWriter::Flush(Lane& lane) {
  WORLDB_RETURN_IF_ERROR(
      lane.file->Write(lane.written_bytes, ByteSpan(lane.buffer.get(), lane.buffered)));
  lane.written_bytes += lane.buffered;
  lane.buffered = 0;
  return absl::OkStatus();
}

absl::Status SegmentWriter::Sync(Lane& lane) {
  if (!lane.IsDirty()) return absl::OkStatus();
  const std::size_t padded = RoundUpToBlock(lane.buffered);
  std::memset(lane.buffer.get() + lane.buffered, 0, padded - lane.buffered);
  lane.buffered = padded;
  if (padded > 0) WORLDB_RETURN_IF_ERROR(Flush(lane));
  WORLDB_RETURN_IF_ERROR(lane.file->Sync());
  lane.synced_bytes = lane.written_bytes;
  grown_.push_back({lane.segment, lane.synced_bytes});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SegmentWriter::SegmentEnd>> SegmentWriter::Sync() {
  for (Lane& lane : lanes_) {
    if (absl::Status status = Sync(lane); !status.ok()) {
      GiveUp();
      return status;
    }
  }
  return std::exchange(grown_, {});
}

void SegmentWriter::GiveUp() {
  for (Lane& lane : lanes_) {
    const bool is_empty = lane.file.has_value() && lane.synced_bytes == 0;
    if (!lane.IsDirty() && !is_empty) continue;
    if (is_empty) {
      ::unlink(lane.file->path().c_str());
    } else {
      lane.file->CutOff(lane.synced_bytes);
    }
    lane.file.reset();
  }
}

void SegmentWriter::Seal(std::uint64_t segment) {
  for (Lane& lane : lanes_) {
    if (!lane.file.has_value() || lane.segment != segment) continue;
    WORLDB_CHECK(!lane.IsDirty());
    lane.file.reset();
  }
}

}  // namespace worldb::engine
