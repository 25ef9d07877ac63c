#include "engine/rocks/segment_reader.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/rocks/numbered_files.h"

namespace worldb::engine {

std::string SegmentReader::PathOf(std::uint64_t segment) const {
  return absl::StrCat(dir_, "/", NumberedName(segment, kSegmentEnding));
}

absl::StatusOr<SegmentReader::FilePtr> SegmentReader::Open(std::uint64_t segment) const {
  const auto is_it = [segment](const auto& entry) { return entry.first == segment; };
  {
    MutexLock lock(mu_);
    const auto at = std::find_if(open_.begin(), open_.end(), is_it);
    if (at != open_.end()) {
      std::rotate(open_.begin(), at, at + 1);
      return open_.front().second;
    }
  }
  absl::StatusOr<SegmentFile> opened = SegmentFile::OpenToRead(PathOf(segment));
  if (absl::IsNotFound(opened.status())) {
    return absl::DataLossError(absl::StrCat("the segment is missing: ", opened.status().message()));
  }
  WORLDB_RETURN_IF_ERROR(opened.status());
  FilePtr file = std::make_shared<const SegmentFile>(*std::move(opened));
  MutexLock lock(mu_);
  if (std::none_of(open_.begin(), open_.end(), is_it)) open_.emplace_front(segment, file);
  if (open_.size() > kOpenFilesMax) open_.pop_back();
  return file;
}

void SegmentReader::Forget(std::uint64_t segment) {
  MutexLock lock(mu_);
  std::erase_if(open_, [segment](const auto& entry) { return entry.first == segment; });
}

absl::StatusOr<Bytes> SegmentReader::Read(const ValuePointer& value) const {
  WORLDB_ASSIGN_OR_RETURN(const FilePtr file, Open(value.segment));
  WORLDB_ASSIGN_OR_RETURN(Bytes bytes, file->Read(value.offset, value.bytes));
  if (ValueChecksum(bytes) != value.checksum) {
    return absl::DataLossError(absl::StrCat(file->path(), ": the value of ", value.bytes,
                                            " bytes at ", value.offset, " fails its checksum"));
  }
  return bytes;
}

absl::StatusOr<std::optional<SegmentReader::Record>> SegmentReader::RecordAt(
    std::uint64_t segment, std::uint64_t offset, std::uint64_t end) const {
  WORLDB_ASSIGN_OR_RETURN(const FilePtr file, Open(segment));
  for (std::uint64_t at = offset;; at = RoundUpToBlock(at + 1)) {
    if (at >= end) return std::nullopt;
    if (at % kSegmentBlockBytes != 0) {
      WORLDB_ASSIGN_OR_RETURN(const Bytes first, file->Read(at, 1));
      if (first[0] == 0) continue;  // the group ends here
    }
    WORLDB_ASSIGN_OR_RETURN(const Bytes bytes, file->Read(at, RecordHeader::kEncodedBytes));
    const absl::StatusOr<RecordHeader> header = RecordHeader::Decode(bytes);
    Bytes key;
    if (header.ok()) {
      WORLDB_ASSIGN_OR_RETURN(key, file->Read(at + bytes.size(), header->key_bytes));
    }
    if (!header.ok() || !RecordHeader::HoldsFor(bytes, AsText(key))) {
      return absl::DataLossError(absl::StrCat(file->path(), ": the record at ", at, " is damaged"));
    }
    Record record;
    record.key = ToString(key);
    record.end = at + header->record_bytes();
    record.value = {segment, record.end - header->value_bytes, header->value_bytes,
                    header->value_checksum};
    return record;
  }
}

}  // namespace worldb::engine
