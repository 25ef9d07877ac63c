#include "cryptoscatter/file_scatter.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/merkle.h"
#include "cryptoscatter/signing.h"

namespace worldb::cryptoscatter {
namespace {

constexpr std::size_t kStripesPerWindow = kMerkleBlockBytes / kStripeUnitBytes;

ByteSpan PrefixOf(const std::array<std::uint8_t, Core::kBytes>& encoded) {
  return ByteSpan(encoded).first(Core::kPrefixBytes);
}

DataKeySpan DataKeyOf(const KeySecret& secret) {
  return secret.ExposeSecret().first<kDataKeyBytes>();
}

}  // namespace

absl::StatusOr<FileSealer> FileSealer::Create(std::shared_ptr<const Script> script, Suite suite,
                                              ByteSpan base_name, const OpId& op,
                                              Entropy& entropy) {
  if (base_name.size() > kKeyNameBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("the file's name has ", base_name.size(),
                                                   " bytes, at most ", kKeyNameBytesMax));
  }
  FileSealer sealer;
  sealer.core_.suite = suite;
  sealer.core_.kind = ValueKind::kFile;
  sealer.core_.op_id = op;
  sealer.core_.segment_bytes = script->segment_bytes();
  sealer.script_ = std::move(script);
  sealer.base_name_ = ToBytes(base_name);
  entropy.Fill(sealer.secret_.ExposeSecretMutable());
  return sealer;
}

std::size_t FileSealer::window_bytes() const { return kStripesPerWindow * core_.segment_bytes; }

Bytes FileSealer::Preamble() const {
  ByteWriter out(2 + base_name_.size());
  out.U16(static_cast<std::uint16_t>(base_name_.size())).Raw(base_name_);
  return std::move(out).Take();
}

FileSealer::Worker::Worker(const FileSealer& sealer)
    : sealer_(sealer),
      segments_(sealer.core_.suite,
                DeriveStreamKeys(DataKeyOf(sealer.secret_), PrefixOf(sealer.core_.Encode()))) {}

SealedWindow FileSealer::Worker::Seal(std::uint64_t index, bool last, ByteSpan plaintext) {
  const std::size_t segment_bytes = sealer_.core_.segment_bytes;
  WORLDB_CHECK(!plaintext.empty() && plaintext.size() <= sealer_.window_bytes());
  WORLDB_CHECK(last || plaintext.size() == sealer_.window_bytes());
  ciphertext_.resize(CiphertextBytes(plaintext.size(), sealer_.core_.segment_bytes));
  std::uint64_t segment = index * kStripesPerWindow;
  MutableByteSpan out = ciphertext_;
  while (!plaintext.empty()) {
    const std::size_t bytes = std::min(segment_bytes, plaintext.size());
    const bool ends = last && bytes == plaintext.size();
    segments_.Seal(segment++, ends, plaintext.first(bytes), out.first(bytes + kSegmentTagBytes));
    plaintext = plaintext.subspan(bytes);
    out = out.subspan(bytes + kSegmentTagBytes);
  }
  SealedWindow window;
  window.pieces = sealer_.script_->code().Encode(ciphertext_);
  for (std::size_t j = 0; j < window.tops.size(); ++j) {
    window.tops[j] = FragmentTop(sealer_.core_.suite, window.pieces[j]);
  }
  return window;
}

absl::StatusOr<std::array<ShareFileFrame, kNodeCount>> FileSealer::Finish(
    std::uint64_t plaintext_bytes, std::span<const WindowTops> tops, Entropy& entropy,
    CoreId* core_id) const {
  if (plaintext_bytes > kFilePlaintextBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("the file has more than ", kFilePlaintextBytesMax, " bytes"));
  }
  Core core = core_;
  core.plaintext_bytes = plaintext_bytes;
  core.key_commit = KeyCommitment(DataKeyOf(secret_), PrefixOf(core.Encode()));
  const CoreId id = core.Id();
  const std::uint64_t fragment_bytes = script_->code().FragmentBytes(core.CiphertextBytes());
  const KeyShares key_shares = script_->key_sharing().Split(secret_, entropy);

  std::array<ShareFile, kNodeCount> files;
  std::array<std::vector<Hash256>, kNodeCount> block_tops;
  std::array<Hash256, kNodeCount> leaves;
  for (std::size_t j = 0; j < files.size(); ++j) {
    const NodeIndex index = NodeAt(static_cast<int>(j));
    block_tops[j].reserve(tops.size());
    for (const WindowTops& window : tops) block_tops[j].push_back(window[j]);
    Share& share = files[j].share;
    share.core = core;
    share.script = script_->id();
    share.index = index;
    share.fragment_root = FragmentRootOf(core.suite, id, share.generation, index, fragment_bytes,
                                         FragmentTopOfBlocks(core.suite, block_tops[j]));
    share.key_share_hash = KeyShareHash(id, index, key_shares[j]);
    leaves[j] = ShareLeaf(id, index, share.fragment_root, share.key_share_hash);
    files[j].script_text = script_->text();
    files[j].open_key_share = key_shares[j].Duplicate();
  }
  const ShareTree tree(leaves);
  const CommitmentId commitment = CommitmentIdOf(id, script_->id(), tree.root());
  const SigningKeyPair writer = SigningKeyPair::Generate(entropy);
  const CommitProof proof = SignBatch(writer, core.cell, {&commitment, 1}).front();
  std::array<ShareFileFrame, kNodeCount> frames;
  for (std::size_t j = 0; j < files.size(); ++j) {
    files[j].share.path = tree.PathOf(files[j].share.index);
    files[j].share.proof = proof;
    frames[j] = FrameShareFile(files[j], fragment_bytes, block_tops[j]);
  }
  *core_id = id;
  return frames;
}

absl::StatusOr<FileOpener> FileOpener::Create(std::shared_ptr<const Script> script,
                                              const Core& core,
                                              std::span<const IndexedKeyShare> key_shares) {
  WORLDB_CHECK(core.kind == ValueKind::kFile && core.segment_bytes == script->segment_bytes());
  WORLDB_ASSIGN_OR_RETURN(const KeySecret secret, script->key_sharing().Combine(key_shares));
  const std::array<std::uint8_t, Core::kBytes> encoded = core.Encode();
  if (!EqualConstantTime(KeyCommitment(DataKeyOf(secret), PrefixOf(encoded)).bytes,
                         core.key_commit.bytes)) {
    return OpenFailure();
  }
  FileOpener opener;
  opener.script_ = std::move(script);
  opener.core_ = core;
  opener.keys_ = DeriveStreamKeys(DataKeyOf(secret), PrefixOf(encoded));
  return opener;
}

std::uint64_t FileOpener::window_count() const {
  const std::uint64_t window_bytes = kStripesPerWindow * core_.segment_bytes;
  return (core_.plaintext_bytes + window_bytes - 1) / window_bytes;
}

std::uint64_t FileOpener::PlaintextAt(std::uint64_t window) const {
  return window * kStripesPerWindow * core_.segment_bytes;
}

std::size_t FileOpener::PlaintextBytes(std::uint64_t window) const {
  return static_cast<std::size_t>(std::min(core_.plaintext_bytes, PlaintextAt(window + 1)) -
                                  PlaintextAt(window));
}

FileOpener::Worker::Worker(const FileOpener& opener)
    : opener_(opener), segments_(opener.core_.suite, opener.keys_) {}

absl::Status FileOpener::Worker::Open(std::uint64_t window, NodeSet present,
                                      const FragmentSpans& blocks, MutableByteSpan out) {
  WORLDB_CHECK(window < opener_.window_count() && out.size() == opener_.PlaintextBytes(window));
  const std::size_t segment_bytes = opener_.core_.segment_bytes;
  WORLDB_ASSIGN_OR_RETURN(
      const Bytes ciphertext,
      opener_.script_->code().Rebuild(present, blocks,
                                      CiphertextBytes(out.size(), opener_.core_.segment_bytes)));
  const bool last = window + 1 == opener_.window_count();
  std::uint64_t segment = window * kStripesPerWindow;
  ByteSpan sealed = ciphertext;
  for (std::size_t at = 0; at < out.size();) {
    const std::size_t bytes = std::min(segment_bytes, out.size() - at);
    const bool ends = last && at + bytes == out.size();
    absl::Status opened = segments_.Open(segment++, ends, sealed.first(bytes + kSegmentTagBytes),
                                         out.subspan(at, bytes));
    if (!opened.ok()) {
      WipeMemory(out);
      return opened;
    }
    sealed = sealed.subspan(bytes + kSegmentTagBytes);
    at += bytes;
  }
  return absl::OkStatus();
}

absl::StatusOr<ByteSpan> BaseNameOf(ByteSpan first_window) {
  if (first_window.size() < 2) return OpenFailure();
  const std::size_t bytes = first_window[0] | (std::size_t{first_window[1]} << 8);
  if (bytes > kKeyNameBytesMax || bytes > first_window.size() - 2) return OpenFailure();
  return first_window.subspan(2, bytes);
}

}  // namespace worldb::cryptoscatter
