#include "cryptoscatter/base/bytes.h"

#include "absl/strings/str_cat.h"

namespace worldb {

std::string HexEncode(ByteSpan bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (std::uint8_t b : bytes) {
    out.push_back(kDigits[b >> 4]);
    out.push_back(kDigits[b & 15]);
  }
  return out;
}

ByteSpan ByteReader::View(std::size_t count) {
  if (!ok_) return {};
  if (count > remaining()) {
    Fail(absl::StrCat("needs ", count, " bytes, ", remaining(), " left"));
    return {};
  }
  ByteSpan out = in_.subspan(at_, count);
  at_ += count;
  return out;
}

ByteSpan ByteReader::Sized(std::size_t max_bytes) {
  const std::uint32_t bytes = U32();
  if (ok_ && bytes > max_bytes) {
    Fail(absl::StrCat("length ", bytes, " above the limit ", max_bytes));
    return {};
  }
  return View(bytes);
}

std::uint32_t ByteReader::Count(std::uint32_t max_count, std::size_t item_bytes_min) {
  const std::uint32_t count = U32();
  if (!ok_) return 0;
  if (count > max_count || count * item_bytes_min > remaining()) {
    Fail(absl::StrCat("count ", count, " is more than the limit ", max_count,
                      " or the input holds"));
    return 0;
  }
  return count;
}

void ByteReader::Fail(absl::string_view why) {
  if (!ok_) return;
  ok_ = false;
  bad_at_ = at_;
  why_ = std::string(why);
}

absl::Status ByteReader::Finish(absl::string_view what) const {
  if (!ok_) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": at byte ", bad_at_, " of ", in_.size(), ": ", why_));
  }
  if (remaining() != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": ", remaining(), " bytes follow the end at byte ", at_));
  }
  return absl::OkStatus();
}

std::uint64_t ByteReader::Little(int count) {
  ByteSpan view = View(static_cast<std::size_t>(count));
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < view.size(); ++i) v |= std::uint64_t{view[i]} << (8 * i);
  return v;
}

}  // namespace worldb
