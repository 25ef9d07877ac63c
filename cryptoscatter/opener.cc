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

// Metadata as they travel; nullopt for what no encoding can say.
std::optional<Bytes> Encoded(const Share& share) {
  const CommitProof& proof = share.proof;
  if (proof.count > kBatchCountMax || proof.index >= proof.count ||
      proof.path.size() != BatchPathLength(proof.index, proof.count)) {
    return std::nullopt;
  }
  return share.EncodeMetadata();
}

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
    : expectation_(std::move(expectation)), verifier_(verifier) {
  offers_.reserve(4);  // what the shipped scripts need, but for flat
}

bool GatherDecoder::Group::IsReadable() const {
  return script->CanRead(key_share_set) && script->CanRebuild(fragment_set);
}

// What the caller knows better than the share.
ShareFault GatherDecoder::MisfitOf(const Share& share) const {
  if (expectation_.core && *expectation_.core != share.core.Id()) return ShareFault::kOtherCore;
  const bool same_place = share.version == expectation_.version.value_or(share.version) &&
                          share.slot == expectation_.slot.value_or(share.slot) &&
                          share.slot_epoch == expectation_.slot_epoch.value_or(share.slot_epoch);
  return same_place ? ShareFault::kNone : ShareFault::kOtherPlace;
}

ShareVerdict GatherDecoder::AddEncoded(ByteSpan metadata, Bytes fragment,
                                       std::optional<KeyShare> key_share, absl::string_view source,
                                       NodeIndex offered_as) {
  absl::StatusOr<Share> share = Share::DecodeMetadata(metadata);
  if (share.ok()) {
    share->fragment = std::move(fragment);
    return Add(*std::move(share), std::move(key_share), source, /*has_fragment=*/true, offered_as);
  }
  ShareVerdict verdict;
  verdict.record_fault = ShareFault::kUnreadableRecord;
  verdict.reason = absl::StrCat("share ", offered_as.value(), source.empty() ? "" : " on node ",
                                source, ": ", share.status().message());
  rejected_.push_back(verdict.reason);
  offers_.push_back({std::string(source), offered_as, verdict, {}, ToBytes(metadata), {}});
  return verdict;
}

ShareVerdict GatherDecoder::Add(Share share, std::optional<KeyShare> key_share,
                                absl::string_view source, bool has_fragment,
                                std::optional<NodeIndex> offered_as) {
  const NodeIndex wanted = offered_as.value_or(share.index);
  ShareVerdict verdict;
  if (const ShareFault misfit = MisfitOf(share); misfit != ShareFault::kNone) {
    const bool other_core = misfit == ShareFault::kOtherCore;
    const bool other_version = expectation_.version.value_or(share.version) != share.version;
    verdict.record_fault = misfit;
    verdict.reason =
        absl::StrCat("share ", share.index.value(), " of version ", share.version.value(),
                     source.empty() ? "" : " on node ", source, ": it is of another ",
                     other_core      ? absl::StrCat("core than ", expectation_.core->Hex())
                     : other_version ? absl::StrCat("version than ", expectation_.version->value())
                                     : "slot or slot epoch than the one wanted");
  } else {
    verdict = VerifyShare(share, expectation_.cell, verifier_, key_share ? &*key_share : nullptr,
                          source, has_fragment, *expectation_.scripts);
    if (verdict.proof_ok && share.index != wanted) {
      verdict.record_fault = ShareFault::kOtherIndex;
      absl::StrAppend(&verdict.reason, verdict.reason.empty() ? "" : "; ", "share ",
                      share.index.value(), " of version ", share.version.value(),
                      source.empty() ? "" : " on node ", source, ": offered as share ",
                      wanted.value());
    }
  }
  if (!verdict.reason.empty()) rejected_.push_back(verdict.reason);
  Offer& offer = offers_.emplace_back();
  offer.source = std::string(source);
  offer.index = wanted;
  offer.verdict = verdict;
  if (verdict.key_share_fault != ShareFault::kNone) {
    offer.key_share_hash = KeyShareHash(share.core.Id(), share.index, *key_share);
  }
  Bytes good_fragment;
  if (verdict.fragment_usable()) good_fragment = std::move(share.fragment);
  if (verdict.fragment_fault == ShareFault::kNone) share.fragment = {};
  offer.share = std::move(share);
  if (verdict.proof_ok) Keep(offer, std::move(good_fragment), std::move(key_share));
  return verdict;
}

// What is good of an offer goes to its group.
void GatherDecoder::Keep(const Offer& offer, Bytes fragment, std::optional<KeyShare> key_share) {
  const Share& share = offer.share;
  const ShareVerdict& verdict = offer.verdict;
  const auto [at, added] = groups_.try_emplace(verdict.commitment);
  Group& group = at->second;
  Signed& by_signer = signed_[{verdict.commitment, share.proof.signer}];
  if (verdict.fragment_ok) by_signer.fragments.Add(share.index);
  if (verdict.key_share_ok) by_signer.key_shares.Add(share.index);
  if (added) {
    group.core = share.core;
    group.script = *expectation_.scripts->Find(share.script);  // known: the proof holds
  }
  if (verdict.fragment_ok && !group.fragment_set.Has(share.index)) {
    group.fragment_set.Add(share.index);
    group.fragments[share.index.value()] = std::move(fragment);
  }
  if (verdict.key_share_ok && !group.key_share_set.Has(share.index)) {
    group.key_share_set.Add(share.index);
    group.key_shares.push_back({share.index, *std::move(key_share)});
  }
}

const GatherDecoder::Offer* GatherDecoder::Reference() const {
  const SignedKey* wanted = nullptr;
  int readable = 0;
  int expected = 0;
  for (const auto& [key, by_signer] : signed_) {
    const Script& script = *groups_.at(key.commitment).script;
    if (script.CanRead(by_signer.key_shares) && script.CanRebuild(by_signer.fragments)) {
      wanted = &key;
      ++readable;
    } else if (readable == 0 && expectation_.core) {
      wanted = &key;
      ++expected;
    }
  }
  if (readable > 1 || (readable == 0 && expected != 1)) return nullptr;
  for (const Offer& offer : offers_) {
    const SignedKey key{offer.verdict.commitment, offer.share.proof.signer};
    if (offer.verdict.proof_ok && key == *wanted) return &offer;
  }
  return nullptr;
}

std::vector<GatherDecoder::Blame> GatherDecoder::Blames() const {
  const Offer* reference = Reference();
  std::vector<Blame> blames;
  for (const Offer& offer : offers_) {
    const ShareVerdict& verdict = offer.verdict;
    Blame blame{offer.source,
                offer.index,
                verdict.record_fault,
                verdict.fragment_fault,
                verdict.key_share_fault,
                {}};
    if (reference != nullptr && verdict.proof_ok) {
      const Share& good = reference->share;
      if (offer.share.core.Id() != good.core.Id()) {
        blame.record = ShareFault::kOtherCore;
      } else if (offer.share.proof.signer != good.proof.signer) {
        blame.record = ShareFault::kOtherWriter;
      } else if (verdict.commitment != reference->verdict.commitment) {
        blame.record = ShareFault::kOtherTree;
      }
    }
    if (blame.record == ShareFault::kNone && blame.fragment == ShareFault::kNone &&
        blame.key_share == ShareFault::kNone) {
      continue;
    }
    const auto take = [&blame](absl::StatusOr<Evidence> evidence) {
      if (evidence.ok()) blame.evidence.push_back(*std::move(evidence));
    };
    const std::optional<Bytes> record = offer.undecoded ? offer.undecoded : Encoded(offer.share);
    if (blame.record != ShareFault::kNone && reference != nullptr && record) {
      take(EvidenceOfRecord(*record, offer.index, reference->share));
    }
    if (verdict.proof_ok && blame.fragment != ShareFault::kNone) {
      take(EvidenceOfFragment(offer.share));
    }
    if (verdict.proof_ok && blame.key_share != ShareFault::kNone) {
      take(EvidenceOfKeyShare(offer.share, offer.key_share_hash));
    }
    blames.push_back(std::move(blame));
  }
  return blames;
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
  if (readable > 1 && !expectation_.core) {
    return absl::FailedPreconditionError(
        absl::StrCat(readable, " different values are readable; name the core expected"));
  }
  // Somebody may have signed another tree over the core that is wanted; it does not open.
  absl::StatusOr<OpenedValue> opened = OpenFailure();
  int opened_count = 0;
  for (const auto& [commitment, group] : groups_) {
    if (!group.IsReadable()) continue;
    absl::StatusOr<OpenedValue> value =
        OpenValue(*group.script, group.core, group.fragment_set, SpansOf(group.fragments),
                  group.key_shares, expected_key_name);
    if (!value.ok() && opened_count > 0) continue;
    opened_count += value.ok() ? 1 : 0;
    opened = std::move(value);
  }
  if (opened_count > 1) {
    return absl::FailedPreconditionError(
        absl::StrCat(opened_count, " different values of the core expected open"));
  }
  return opened;
}

}  // namespace worldb::cryptoscatter
