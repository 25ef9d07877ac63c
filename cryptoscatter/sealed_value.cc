#include "cryptoscatter/sealed_value.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/labels.h"
#include "cryptoscatter/stripe.h"
#include "cryptoscatter/stripe_aead.h"

namespace worldb::cryptoscatter {
namespace {

constexpr std::size_t kSealedFixedBytes =
    Core::kBytes + 32 + 2 * 32 * kNodeCount + 32 + 32 * kNodeCount + 32 + 64 + 4 + 4 + 4;

// Serves one Seal() out of one draw: a call to the system's generator costs more than its bytes.
class DrawnEntropy final : public Entropy {
 public:
  // REQUIRES: bytes <= kSecretSlotBytesMax.
  DrawnEntropy(Entropy& source, std::size_t bytes) : source_(source), drawn_(bytes) {
    source_.Fill(drawn_.ExposeSecretMutable());
  }
  void Fill(MutableByteSpan out) override {
    if (out.size() > drawn_.size() - used_) {
      source_.Fill(out);
      return;
    }
    const auto from = drawn_.ExposeSecret().subspan(used_, out.size());
    std::copy(from.begin(), from.end(), out.begin());
    used_ += out.size();
  }

 private:
  Entropy& source_;
  SecretSlot drawn_;
  std::size_t used_ = 0;
};

constexpr std::size_t kSeedBytes = 32;
// The seed of the data key, and the coefficients of its sharing.
std::size_t BytesToDraw(const KeySharing& sharing) {
  const auto coefficients = static_cast<std::size_t>(sharing.matrix().columns() - 1);
  return std::min(kSeedBytes + coefficients * kKeyRowBytes, kSecretSlotBytesMax);
}

std::array<std::uint8_t, 49> MakeSealAad(const CoreId& core, NodeIndex index,
                                         const NodeId& receiver) {
  return FixedWriter<49>().Raw(core.bytes).U8(index.value()).Raw(receiver.bytes).array();
}

// Data key and blinding: random, hedged by the session's secret, bound to the core's prefix.
KeySecret FreshSecret(const WriterSession& session, ByteSpan core_prefix, Entropy& entropy) {
  SecretArray<kSeedBytes + Core::kPrefixBytes> input;
  const auto bytes = input.ExposeSecretMutable();
  entropy.Fill(bytes.first<kSeedBytes>());
  std::copy(core_prefix.begin(), core_prefix.end(), bytes.begin() + kSeedBytes);
  KeySecret secret;
  KeyedHash(labels::kDataKey, session.hedge().ExposeSecret(), input.ExposeSecret(),
            secret.ExposeSecretMutable());
  return secret;
}

// Seals, codes and hashes, each stripe while it is in the cache.
Bytes SealStripes(const SealRequest& request, const Core& core, StripeWriter& writer) {
  const std::size_t segment_bytes = core.segment_bytes;
  const std::size_t name_bytes = request.key_name.size();
  Bytes ciphertext;
  ciphertext.reserve(core.CiphertextBytes());
  const auto append = [&ciphertext](ByteSpan bytes) {
    ciphertext.insert(ciphertext.end(), bytes.begin(), bytes.end());
  };
  // The first segment is assembled where it is sealed: its plaintext is overwritten at once.
  const ByteSpan begin =
      request.value.first(std::min(segment_bytes - 2 - name_bytes, request.value.size()));
  ByteSpan rest = request.value.subspan(begin.size());
  append(std::array{static_cast<std::uint8_t>(name_bytes),
                    static_cast<std::uint8_t>(name_bytes >> 8)});
  append(request.key_name);
  append(begin);
  ciphertext.resize(ciphertext.size() + kSegmentTagBytes);
  writer.SealInto(ByteSpan(ciphertext).first(ciphertext.size() - kSegmentTagBytes), rest.empty(),
                  ciphertext);
  while (!rest.empty()) {
    const ByteSpan segment = rest.first(std::min(segment_bytes, rest.size()));
    rest = rest.subspan(segment.size());
    const std::size_t at = ciphertext.size();
    ciphertext.resize(at + segment.size() + kSegmentTagBytes);
    writer.SealInto(segment, rest.empty(), MutableByteSpan(ciphertext).subspan(at));
  }
  return ciphertext;
}

absl::Status CheckMatches(const Script& script, const SealedValue& sealed) {
  if (sealed.script != script.id()) {
    return absl::InvalidArgumentError(absl::StrCat("sealed value: script ", sealed.script.Hex(),
                                                   " instead of ", script.id().Hex()));
  }
  if (sealed.core.segment_bytes != script.segment_bytes()) {
    return absl::InvalidArgumentError(
        absl::StrCat("sealed value: segments of ", sealed.core.segment_bytes,
                     " bytes, the script's are ", script.segment_bytes()));
  }
  if (sealed.ciphertext.size() != sealed.core.CiphertextBytes()) {
    return absl::InvalidArgumentError(absl::StrCat("sealed value: ", sealed.ciphertext.size(),
                                                   " bytes of ciphertext, the core says ",
                                                   sealed.core.CiphertextBytes()));
  }
  for (std::size_t j = 0; j < sealed.key_shares.size(); ++j) {
    const int rows = script.key_sharing().RowCount(NodeAt(static_cast<int>(j)));
    if (sealed.key_shares[j].rows() != rows) {
      return absl::InvalidArgumentError(absl::StrCat("sealed value: key share ", j, " has ",
                                                     sealed.key_shares[j].rows(),
                                                     " rows, the script gives its node ", rows));
    }
  }
  return absl::OkStatus();
}

template <typename Visit>
void ForEachStripe(const ErasureCode& code, ByteSpan ciphertext, Visit visit) {
  while (!ciphertext.empty()) {
    const ByteSpan stripe = ciphertext.first(std::min(code.stripe_bytes(), ciphertext.size()));
    visit(stripe);
    ciphertext = ciphertext.subspan(stripe.size());
  }
}

absl::Status CheckRoots(const SealedValue& sealed, StripeCoder& coder) {
  const CoreId core_id = sealed.core.Id();
  for (std::size_t j = 0; j < sealed.fragment_roots.size(); ++j) {
    const NodeIndex index = NodeAt(static_cast<int>(j));
    if (coder.Root(core_id, /*generation=*/0, index) != sealed.fragment_roots[j]) {
      return absl::InvalidArgumentError(absl::StrCat("sealed value ", core_id.Hex(), ": fragment ",
                                                     j, " does not have the claimed root"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

SealedKeyShare SealKeyShare(const PairwiseKey& pairwise, const KeyShareRef& ref,
                            const NodeId& receiver, const KeyShare& share) {
  return KeyShareBox::Seal(pairwise.share_seal, KeyShareBox::NonceOf(ref.hash),
                           MakeSealAad(ref.core, ref.index, receiver), share);
}

absl::StatusOr<KeyShare> OpenKeyShare(const PairwiseKey& pairwise, const KeyShareRef& ref,
                                      const NodeId& receiver, const SealedKeyShare& sealed) {
  return sealed.Open(pairwise.share_seal, KeyShareBox::NonceOf(ref.hash),
                     MakeSealAad(ref.core, ref.index, receiver));
}

Hash256 DeliveredHash(const ExchangePublicKey& writer, const SealedKeyShare& sealed) {
  ByteWriter w(writer.bytes.size() + sealed.bytes());
  w.Raw(writer.bytes);
  sealed.AppendTo(w);
  return LabelledHash(labels::kDeliveredKeyShare, w.span());
}

WriterSession::WriterSession(ExchangeKeyPair pair, const std::array<SealTarget, kNodeCount>& nodes)
    : pair_(std::move(pair)), nodes_(nodes) {}

absl::StatusOr<WriterSession> WriterSession::Create(const std::array<SealTarget, kNodeCount>& nodes,
                                                    Entropy& entropy) {
  WriterSession session(ExchangeKeyPair::Generate(entropy), nodes);
  entropy.Fill(session.hedge_.ExposeSecretMutable());
  for (std::size_t j = 0; j < nodes.size(); ++j) {
    WORLDB_ASSIGN_OR_RETURN(session.pairwise_[j],
                            session.pair_.PairwiseKeyAsSealer(nodes[j].exchange_key));
  }
  return session;
}

ShareTree SealedValue::Leaves(const CoreId& core_id) const {
  std::array<Hash256, kNodeCount> leaves;
  for (std::size_t j = 0; j < leaves.size(); ++j) {
    leaves[j] =
        ShareLeaf(core_id, NodeAt(static_cast<int>(j)), fragment_roots[j], key_share_hashes[j]);
  }
  return ShareTree(leaves);
}

CommitmentId SealedValue::Commitment() const {
  const CoreId core_id = core.Id();
  return CommitmentIdOf(core_id, script, Leaves(core_id).root());
}

Bytes SealedValue::Encode() const {
  std::size_t key_share_bytes = 0;
  for (const SealedKeyShare& share : key_shares) key_share_bytes += share.bytes();
  ByteWriter out(kSealedFixedBytes + key_share_bytes + 32 * proof.path.size() + ciphertext.size());
  out.Raw(core.Encode()).Raw(script.bytes);
  for (const Hash256& root : fragment_roots) out.Raw(root.bytes);
  for (const Hash256& hash : key_share_hashes) out.Raw(hash.bytes);
  out.Raw(writer_exchange_key.bytes);
  for (const ExchangePublicKey& key : node_exchange_keys) out.Raw(key.bytes);
  for (const SealedKeyShare& share : key_shares) share.AppendTo(out);
  proof.AppendTo(out);
  out.Sized(ciphertext);
  return std::move(out).Take();
}

absl::StatusOr<SealedValue> SealedValue::Decode(ByteSpan bytes, Ciphertext rule) {
  ByteReader in(bytes);
  SealedValue sealed;
  WORLDB_ASSIGN_OR_RETURN(sealed.core, Core::Decode(in.View(Core::kBytes)));
  sealed.script.bytes = in.Array<32>();
  for (Hash256& root : sealed.fragment_roots) root.bytes = in.Array<32>();
  for (Hash256& hash : sealed.key_share_hashes) hash.bytes = in.Array<32>();
  sealed.writer_exchange_key.bytes = in.Array<32>();
  for (ExchangePublicKey& key : sealed.node_exchange_keys) key.bytes = in.Array<32>();
  for (SealedKeyShare& share : sealed.key_shares) share = SealedKeyShare::ReadFrom(in);
  sealed.proof = CommitProof::ReadFrom(in);
  const ByteSpan ciphertext = in.Sized(kCiphertextBytesMax);
  if (sealed.core.kind == ValueKind::kFile) in.Fail("a file is not kept by nodes");
  WORLDB_RETURN_IF_ERROR(in.Finish("sealed value"));
  const bool absent = ciphertext.empty() && rule == Ciphertext::kMayBeAbsent;
  if (!absent && ciphertext.size() != sealed.core.CiphertextBytes()) {
    return absl::InvalidArgumentError(absl::StrCat("sealed value: ", ciphertext.size(),
                                                   " bytes of ciphertext, the core says ",
                                                   sealed.core.CiphertextBytes()));
  }
  sealed.ciphertext = ToBytes(ciphertext);
  return sealed;
}

absl::StatusOr<SealedValue> Seal(const Script& script, const SealRequest& request,
                                 const WriterSession& session, Entropy& entropy) {
  if (request.key_name.size() > kKeyNameBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("the key's name has ", request.key_name.size(),
                                                   " bytes, at most ", kKeyNameBytesMax));
  }
  if (request.value.size() > kValueBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("the value has ", request.value.size(), " bytes, at most ", kValueBytesMax));
  }
  if (request.kind == ValueKind::kFile) {
    return absl::InvalidArgumentError("a file is split without a cell, not sealed for one");
  }
  if (request.kind == ValueKind::kTombstone && !request.value.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a tombstone has no value, not one of ", request.value.size(), " bytes"));
  }
  WORLDB_RETURN_IF_ERROR(CheckSuite(request.suite));
  DrawnEntropy drawn(entropy, BytesToDraw(script.key_sharing()));
  SealedValue sealed;
  sealed.script = script.id();
  Core& core = sealed.core;
  core.suite = request.suite;
  core.kind = request.kind;
  core.cell = request.cell;
  core.key_tag = request.key_tag;
  core.op_id = request.op_id;
  core.segment_bytes = script.segment_bytes();
  core.plaintext_bytes = 2 + request.key_name.size() + request.value.size();

  const std::array<std::uint8_t, Core::kBytes> encoded = core.Encode();
  const ByteSpan prefix = ByteSpan(encoded).first(Core::kPrefixBytes);
  const KeySecret secret = FreshSecret(session, prefix, drawn);
  const DataKeySpan data_key = secret.ExposeSecret().first<kDataKeyBytes>();
  core.key_commit = KeyCommitment(data_key, prefix);
  const CoreId core_id = core.Id();

  StripeWriter writer(script, core.suite, DeriveStreamKeys(data_key, prefix));
  sealed.ciphertext = SealStripes(request, core, writer);
  const KeyShares key_shares = script.key_sharing().Split(secret, drawn);
  sealed.writer_exchange_key = session.public_key();
  for (std::size_t j = 0; j < key_shares.size(); ++j) {
    const NodeIndex index = NodeAt(static_cast<int>(j));
    const SealTarget& node = session.nodes()[j];
    sealed.fragment_roots[j] = writer.coder().Root(core_id, /*generation=*/0, index);
    sealed.key_share_hashes[j] = KeyShareHash(core_id, index, key_shares[j]);
    sealed.node_exchange_keys[j] = node.exchange_key;
    sealed.key_shares[j] =
        SealKeyShare(session.pairwise_key(index), {core_id, index, sealed.key_share_hashes[j]},
                     node.node, key_shares[j]);
  }
  return sealed;
}

absl::Status VerifySealedValue(const Script& script, const SealedValue& sealed) {
  WORLDB_RETURN_IF_ERROR(CheckMatches(script, sealed));
  StripeCoder coder(script.code(), sealed.core.suite);
  ForEachStripe(script.code(), sealed.ciphertext,
                [&coder](ByteSpan stripe) { coder.Absorb(stripe); });
  return CheckRoots(sealed, coder);
}

absl::StatusOr<Fragments> CheckSealedValue(const Script& script, const SealedValue& sealed) {
  WORLDB_RETURN_IF_ERROR(CheckMatches(script, sealed));
  const ErasureCode& code = script.code();
  Fragments fragments;
  for (Bytes& fragment : fragments) fragment.reserve(code.FragmentBytes(sealed.ciphertext.size()));
  StripeCoder coder(code, sealed.core.suite);
  ForEachStripe(code, sealed.ciphertext, [&](ByteSpan stripe) {
    const FragmentSpans pieces = coder.Add(stripe);
    for (std::size_t j = 0; j < pieces.size(); ++j) {
      fragments[j].insert(fragments[j].end(), pieces[j].begin(), pieces[j].end());
    }
  });
  WORLDB_RETURN_IF_ERROR(CheckRoots(sealed, coder));
  return fragments;
}

}  // namespace worldb::cryptoscatter
