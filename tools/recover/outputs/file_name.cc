#include "tools/recover/outputs/file_name.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cryptoscatter/base/hash.h"

namespace worldb::tools {
namespace {

constexpr HashLabel kLongNameLabel("wdb long name 1");
constexpr std::size_t kHashDigits = 32;

std::string Escaped(std::uint8_t byte, bool first) {
  const char c = static_cast<char>(byte);
  const bool plain = absl::ascii_isalnum(byte) || c == '-' || c == '_' || (c == '.' && !first);
  return plain ? std::string(1, c) : absl::StrFormat("%%%02X", byte);
}

std::string Encode(ByteSpan key) {
  if (key.empty()) return "%";
  std::string out;
  for (const std::uint8_t byte : key) out += Escaped(byte, out.empty());
  return out;
}

}  // namespace

std::string FileNameOf(ByteSpan key) {
  std::string whole = Encode(key);
  if (whole.size() <= kFileNameBytesMax) return whole;
  const std::size_t room = kFileNameBytesMax - kHashDigits - 2;
  std::string out;
  for (const std::uint8_t byte : key) {
    const std::string next = Escaped(byte, out.empty());
    if (out.size() + next.size() > room) break;
    out += next;
  }
  return absl::StrCat(out, "%%", LabelledHash(kLongNameLabel, key).Hex().substr(0, kHashDigits));
}

}  // namespace worldb::tools
