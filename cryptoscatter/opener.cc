#include "cryptoscatter/opener.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/stripe.h"
#include "cryptoscatter/stripe_aead.h"

namespace worldb::cryptoscatter {
namespace {

bool SameBytes(ByteSpan a, ByteSpan b) { return a.size() == b.size() && EqualConstantTime(a, b); }

// Opens stripe by stripe: the first segment tells name and value apart, the others open into their
// place in the value.
absl::StatusOr<OpenedValue> OpenStripes(const ErasureCode& code, const Core& core,
                                        const FragmentSpans& fragments, StripeReader& reader,
                                        std::optional<ByteSpan> expected_key_name) {
  const std::size_t segment_bytes = core.segment_bytes;
  const std::uint64_t count = SegmentCount(core.plaintext_bytes, core.segment_bytes);
  const auto open = [&](std::uint64_t index, MutableByteSpan segment) {
    const std::size_t piece_bytes = code.PieceBytes(segment.size() + kSegmentTagBytes);
    FragmentSpans pieces;
    for (std::size_t j = 0; j < pieces.size(); ++j) {
      if (!fragments[j].empty()) {
        pieces[j] = fragments[j].subspan(index * kStripeUnitBytes, piece_bytes);
      }
    }
    return reader.Open(index, index + 1 == count, pieces, segment);
  };
  SecretBytes first(std::min<std::uint64_t>(segment_bytes, core.plaintext_bytes));
  WORLDB_RETURN_IF_ERROR(open(0, first.ExposeSecretMutable()));
  const ByteSpan head = first.ExposeSecret();
  if (head.size() < 2) return OpenFailure();
  const std::size_t name_bytes = head[0] | (std::size_t{head[1]} << 8);
  if (name_bytes > kKeyNameBytesMax || name_bytes > head.size() - 2) return OpenFailure();
  const ByteSpan name = head.subspan(2, name_bytes);
  if (expected_key_name && !SameBytes(name, *expected_key_name)) return OpenFailure();
  const ByteSpan value_begin = head.subspan(2 + name_bytes);
  SecretBytes value(core.plaintext_bytes - 2 - name_bytes);
  MutableByteSpan rest = value.ExposeSecretMutable();
  if (core.kind == ValueKind::kTombstone && !rest.empty()) return OpenFailure();
  std::copy(value_begin.begin(), value_begin.end(), rest.begin());
  rest = rest.subspan(value_begin.size());
  for (std::uint64_t i = 1; i < count; ++i) {
    const MutableByteSpan segment = rest.first(std::min(segment_bytes, rest.size()));
    WORLDB_RETURN_IF_ERROR(open(i, segment));
    rest = rest.subspan(segment.size());
  }
  return OpenedValue{ToBytes(name), std::move(value), core.kind};
}

}  // namespace

absl::StatusOr<OpenedValue> OpenValue(const Script& script, const Core& core, NodeSet present,
                                      const FragmentSpans& fragments,
                                      std::span<const IndexedKeyShare> key_shares,
                                      std::optional<ByteSpan> expected_key_name) {
  if (core.kind == ValueKind::kFile) {
    return absl::InvalidArgumentError("it is a file, which worldb-recover join opens");
  }
  if (core.segment_bytes != script.segment_bytes()) {
    return absl::InvalidArgumentError("the core's segment size is not its script's");
  }
  WORLDB_ASSIGN_OR_RETURN(const KeySecret secret, script.key_sharing().Combine(key_shares));
  const DataKeySpan data_key = secret.ExposeSecret().first<kDataKeyBytes>();
  const std::array<std::uint8_t, Core::kBytes> encoded = core.Encode();
  const ByteSpan prefix = ByteSpan(encoded).first(Core::kPrefixBytes);
  if (!EqualConstantTime(KeyCommitment(data_key, prefix).bytes, core.key_commit.bytes)) {
    return OpenFailure();
  }
  const std::size_t fragment_bytes = script.code().FragmentBytes(core.CiphertextBytes());
  FragmentSpans whole;
  for (std::size_t j = 0; j < whole.size(); ++j) {
    if (!present.Has(static_cast<int>(j))) continue;
    if (fragments[j].size() != fragment_bytes) {
      return absl::InvalidArgumentError(absl::StrCat("fragment ", j, " has ", fragments[j].size(),
                                                     " bytes, not ", fragment_bytes));
    }
    whole[j] = fragments[j];
  }
  WORLDB_ASSIGN_OR_RETURN(
      StripeReader reader,
      StripeReader::Create(script, core.suite, DeriveStreamKeys(data_key, prefix), present));
  return OpenStripes(script.code(), core, whole, reader, expected_key_name);
}

GatherDecoder::GatherDecoder(Expectation expectation, BatchVerifier& verifier)
    : expectation_(std::move(expectation)), verifier_(verifier) {}

bool GatherDecoder::Group::IsReadable() const {
  return script->CanRead(key_share_set) && script->CanRebuild(fragment_set);
}

ShareVerdict GatherDecoder::Add(Share share, std::optional<KeyShare> key_share,
                                absl::string_view source, bool has_fragment) {
  const CoreId core_id = share.core.Id();
  const bool other_core = expectation_.core && *expectation_.core != core_id;
  const bool other_version = expectation_.version && *expectation_.version != share.version;
  if (other_core || other_version) {
    ShareVerdict verdict;
    verdict.reason = absl::StrCat(
        "share ", share.index.value(), " of version ", share.version.value(),
        source.empty() ? "" : " on node ", source, ": it is of another ",
        other_core ? "core" : "version", " than ",
        other_core ? expectation_.core->Hex() : absl::StrCat(expectation_.version->value()));
    rejected_.push_back(verdict.reason);
    return verdict;
  }
  ShareVerdict verdict =
      VerifyShare(share, expectation_.cell, verifier_, key_share ? &*key_share : nullptr, source,
                  has_fragment, *expectation_.scripts);
  if (!verdict.reason.empty()) rejected_.push_back(verdict.reason);
  if (!verdict.proof_ok) return verdict;

  const auto [at, added] = groups_.try_emplace(GroupKey{core_id, share.script, share.generation});
  Group& group = at->second;
  if (added) {
    group.core = share.core;
    group.script = *expectation_.scripts->Find(share.script);  // known: the proof holds
  }
  if (verdict.fragment_ok && !group.fragment_set.Has(share.index)) {
    group.fragment_set.Add(share.index);
    group.fragments[share.index.value()] = std::move(share.fragment);
  }
  if (verdict.key_share_ok && !group.key_share_set.Has(share.index)) {
    group.key_share_set.Add(share.index);
    group.key_shares.push_back({share.index, *std::move(key_share)});
  }
  return verdict;
}

const GatherDecoder::Group* GatherDecoder::Best() const {
  const Group* best = nullptr;
  const auto progress = [](const Group& group) {
    return (group.IsReadable() ? 100 : 0) + group.fragment_set.Count() +
           group.key_share_set.Count();
  };
  for (const auto& [key, group] : groups_) {
    if (best == nullptr || progress(group) > progress(*best)) best = &group;
  }
  return best;
}

bool GatherDecoder::IsReadable() const {
  const Group* best = Best();
  return best != nullptr && best->IsReadable();
}

NodeSet GatherDecoder::good_fragments() const {
  const Group* best = Best();
  return best == nullptr ? NodeSet() : best->fragment_set;
}

NodeSet GatherDecoder::good_key_shares() const {
  const Group* best = Best();
  return best == nullptr ? NodeSet() : best->key_share_set;
}

std::optional<Core> GatherDecoder::ReadableCore() const {
  const Group* best = Best();
  if (best == nullptr || !best->IsReadable()) return std::nullopt;
  return best->core;
}

absl::StatusOr<OpenedValue> GatherDecoder::Open(std::optional<ByteSpan> expected_key_name) const {
  const auto readable = std::count_if(groups_.begin(), groups_.end(),
                                      [](const auto& entry) { return entry.second.IsReadable(); });
  if (readable == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("not readable: ", good_fragments().Count(), " good fragments and ",
                     good_key_shares().Count(), " good key shares; rejected: ",
                     rejected_.empty() ? "none" : absl::StrJoin(rejected_, " | ")));
  }
  if (readable > 1) {
    return absl::FailedPreconditionError(
        absl::StrCat(readable, " different cores are readable; name the one expected"));
  }
  const Group& group = *Best();
  return OpenValue(*group.script, group.core, group.fragment_set, SpansOf(group.fragments),
                   group.key_shares, expected_key_name);
}

}  // namespace worldb::cryptoscatter
