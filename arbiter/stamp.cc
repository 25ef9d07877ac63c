#include "arbiter/stamp.h"

#include "cryptoscatter/base/hash.h"

namespace worldb::arbiter {
namespace {
constexpr HashLabel kTieLabel("worldb.tie.1");
}  // namespace

StampOrder CompareStamps(const Stamp& a, const Stamp& b) {
  if (a.Latest() < b.Earliest()) return StampOrder::kBefore;
  if (b.Latest() < a.Earliest()) return StampOrder::kAfter;
  return StampOrder::kUncertain;
}

Rank RankOf(const Stamp& stamp, const KeyTag& key_tag, Version version, const OpId& op) {
  ByteWriter w(32);
  w.Raw(key_tag.span()).U64(version.value()).U8(stamp.node.value());
  return {stamp.midpoint, LabelledHash(kTieLabel, w.span()), op};
}

}  // namespace worldb::arbiter
