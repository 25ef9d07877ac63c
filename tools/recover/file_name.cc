#include "tools/recover/file_name.h"

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

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
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

std::optional<Bytes> KeyOfFileName(absl::string_view name) {
  Bytes key;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != '%') {
      key.push_back(static_cast<std::uint8_t>(name[i]));
      continue;
    }
    if (name == "%") break;
    if (name.size() - i < 3) return std::nullopt;
    const int high = HexDigit(name[i + 1]);
    const int low = HexDigit(name[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    key.push_back(static_cast<std::uint8_t>(high * 16 + low));
    i += 2;
  }
  if (Encode(key) != name) return std::nullopt;
  return key;
}

}  // namespace worldb::tools
