#include "arbiter/op_id.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace worldb::arbiter {
namespace {
constexpr std::size_t kHyphens[] = {8, 13, 18, 23};
constexpr std::size_t kTextChars = 36;

bool IsHyphenPlace(std::size_t at) {
  return std::find(std::begin(kHyphens), std::end(kHyphens), at) != std::end(kHyphens);
}
}  // namespace

OpId MakeOpId(absl::Time now, Entropy& entropy) {
  OpId op;
  entropy.Fill(op.bytes);
  const auto millis =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, absl::ToUnixMillis(now)));
  for (int i = 0; i < 6; ++i) op.bytes[i] = static_cast<std::uint8_t>(millis >> (8 * (5 - i)));
  op.bytes[6] = static_cast<std::uint8_t>(0x70 | (op.bytes[6] & 0x0f));
  op.bytes[8] = static_cast<std::uint8_t>(0x80 | (op.bytes[8] & 0x3f));
  return op;
}

absl::Status CheckOpId(const OpId& op) {
  if ((op.bytes[6] >> 4) != 7 || (op.bytes[8] >> 6) != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("op id ", FormatOpId(op), " is not a UUID of version 7"));
  }
  return absl::OkStatus();
}

absl::Time OpIdTime(const OpId& op) {
  std::uint64_t millis = 0;
  for (int i = 0; i < 6; ++i) millis = (millis << 8) | op.bytes[i];
  return absl::FromUnixMillis(static_cast<std::int64_t>(millis));
}

std::string FormatOpId(const OpId& op) {
  std::string hex = op.Hex();
  for (std::size_t at : kHyphens) hex.insert(at, 1, '-');
  return hex;
}

absl::StatusOr<OpId> ParseOpId(absl::string_view text) {
  std::string hex;
  bool shape_ok = text.size() == kTextChars;
  for (std::size_t i = 0; shape_ok && i < text.size(); ++i) {
    if (IsHyphenPlace(i)) {
      shape_ok = text[i] == '-';
    } else if (absl::ascii_isxdigit(static_cast<unsigned char>(text[i]))) {
      hex.push_back(text[i]);
    } else {
      shape_ok = false;
    }
  }
  if (!shape_ok) {
    return absl::InvalidArgumentError(
        absl::StrCat("op id has ", text.size(),
                     " characters or a wrong one; a UUID of version 7 such as "
                     "01890a5d-ac96-774b-bcce-b302099a8057 is expected"));
  }
  const std::string raw = absl::HexStringToBytes(hex);
  OpId op;
  std::copy(raw.begin(), raw.end(), op.bytes.begin());
  if (absl::Status status = CheckOpId(op); !status.ok()) return status;
  return op;
}

}  // namespace worldb::arbiter
