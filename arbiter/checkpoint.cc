#include "arbiter/checkpoint.h"

#include "cryptoscatter/base/hash.h"

namespace worldb::arbiter {
namespace {
constexpr HashLabel kRowLabel{"worldb.row.1"};
}  // namespace

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
