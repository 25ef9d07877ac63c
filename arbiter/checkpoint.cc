#include "arbiter/checkpoint.h"

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/key_order.h"

namespace worldb::arbiter {
namespace {
constexpr HashLabel kRowLabel{"worldb.row.1"};
}  // namespace

std::string VersionRowKey(const RoundId& id) {
  return absl::StrCat(kVersionRowPrefix, AsText(id.key_tag.span()), BigEndian(id.version.value()));
}

std::optional<RoundId> ParseVersionRowKey(absl::string_view key) {
  ByteReader r(AsBytes(key));
  const bool is_version = r.U8() == static_cast<std::uint8_t>(kVersionRowPrefix[0]);
  RoundId id;
  id.key_tag = KeyTag{r.Array<KeyTag::kBytes>()};
  const auto version = r.Array<8>();
  if (!is_version || !r.Finish("version row key").ok()) return std::nullopt;
  id.version = Version(FromBigEndian(AsText(version)));
  return id;
}

RowSum RowSum::Of(absl::string_view key, ByteSpan value) {
  ByteWriter w(4 + key.size() + value.size());
  w.Sized(AsBytes(key)).Raw(value);
  const Hash256 hash = LabelledHash(kRowLabel, w.span());
  ByteReader r(hash.span());
  RowSum sum;
  for (std::uint64_t& lane : sum.lanes_) lane = r.U64();
  return sum;
}

RowSum& RowSum::operator+=(const RowSum& other) {
  for (std::size_t i = 0; i < lanes_.size(); ++i) lanes_[i] += other.lanes_[i];
  return *this;
}

RowSum& RowSum::operator-=(const RowSum& other) {
  for (std::size_t i = 0; i < lanes_.size(); ++i) lanes_[i] -= other.lanes_[i];
  return *this;
}

Hash128 RowSum::ToHash() const {
  ByteWriter w(Hash128::kBytes);
  for (const std::uint64_t lane : lanes_) w.U64(lane);
  ByteReader r(w.span());
  return Hash128{r.Array<Hash128::kBytes>()};
}

}  // namespace worldb::arbiter
