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

std::uint64_t FileSealer::plaintext_bytes_max() const {
  return std::min(kFilePlaintextBytesMax,
                  kShareFileFragmentBytesMax / kMerkleBlockBytes * window_bytes());
}

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
  SealedWindow window;
  const std::size_t piece_bytes = sealer_.script_->code().FragmentBytes(
      CiphertextBytes(plaintext.size(), sealer_.core_.segment_bytes));
  for (Bytes& piece : window.pieces) piece.reserve(piece_bytes);
  StripeCoder coder(sealer_.script_->code(), sealer_.core_.suite);  // of this window alone
  std::uint64_t segment = index * kStripesPerWindow;
  while (!plaintext.empty()) {
    const std::size_t bytes = std::min(segment_bytes, plaintext.size());
    const bool ends = last && bytes == plaintext.size();
    stripe_.resize(bytes + kSegmentTagBytes);
    segments_.Seal(segment++, ends, plaintext.first(bytes), stripe_);
    const FragmentSpans pieces = coder.Add(stripe_);
    for (std::size_t j = 0; j < pieces.size(); ++j) {
      window.pieces[j].insert(window.pieces[j].end(), pieces[j].begin(), pieces[j].end());
    }
    plaintext = plaintext.subspan(bytes);
  }
  for (std::size_t j = 0; j < window.tops.size(); ++j) {
    window.tops[j] = coder.hasher(NodeAt(static_cast<int>(j))).Top();
  }
  return window;
}

absl::StatusOr<SealedFile> FileSealer::Finish(std::uint64_t plaintext_bytes,
                                              const FragmentBlockTops& tops, Entropy& entropy) && {
  if (plaintext_bytes > plaintext_bytes_max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the file has more than ", plaintext_bytes_max(), " bytes"));
  }
  const KeySecret secret = std::move(secret_);
  Core core = core_;
  core.plaintext_bytes = plaintext_bytes;
  core.key_commit = KeyCommitment(DataKeyOf(secret), PrefixOf(core.Encode()));
  SealedFile file;
  file.core = core.Id();
  file.fragment_bytes = script_->code().FragmentBytes(core.CiphertextBytes());
  KeyShares key_shares = script_->key_sharing().Split(secret, entropy);

  std::array<Hash256, kNodeCount> leaves;
  for (std::size_t j = 0; j < file.shares.size(); ++j) {
    const NodeIndex index = NodeAt(static_cast<int>(j));
    Share& share = file.shares[j].share;
    share.core = core;
    share.script = script_->id();
    share.index = index;
    share.fragment_root =
        FragmentRootOf(core.suite, file.core, share.generation, index, file.fragment_bytes,
                       FragmentTopOfBlocks(core.suite, tops[j]));
    share.key_share_hash = KeyShareHash(file.core, index, key_shares[j]);
    leaves[j] = ShareLeaf(file.core, index, share.fragment_root, share.key_share_hash);
    file.shares[j].script_text = script_->text();
    file.shares[j].open_key_share = std::move(key_shares[j]);
  }
  const ShareTree tree(leaves);
  const CommitmentId commitment = CommitmentIdOf(file.core, script_->id(), tree.root());
  const SigningKeyPair writer = SigningKeyPair::Generate(entropy);
  const CommitProof proof = SignBatch(writer, core.cell, {&commitment, 1}).front();
  for (ShareFile& share_file : file.shares) {
    share_file.share.path = tree.PathOf(share_file.share.index);
    share_file.share.proof = proof;
  }
  return file;
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

FileOpener::Worker::Worker(const FileOpener& opener) : opener_(opener) {}

absl::Status FileOpener::Worker::Open(std::uint64_t window, NodeSet present,
                                      const FragmentSpans& blocks, MutableByteSpan out) {
  WORLDB_CHECK(window < opener_.window_count() && out.size() == opener_.PlaintextBytes(window));
  const Script& script = *opener_.script_;
  if (!reader_ || present != present_) {
    WORLDB_ASSIGN_OR_RETURN(StripeReader reader, StripeReader::Create(script, opener_.core_.suite,
                                                                      opener_.keys_, present));
    reader_ = std::move(reader);
    present_ = present;
  }
  const bool last = window + 1 == opener_.window_count();
  std::uint64_t segment = window * kStripesPerWindow;
  std::size_t piece_at = 0;
  for (std::size_t at = 0; at < out.size(); piece_at += kStripeUnitBytes) {
    const std::size_t bytes = std::min<std::size_t>(opener_.core_.segment_bytes, out.size() - at);
    const std::size_t piece_bytes = script.code().PieceBytes(bytes + kSegmentTagBytes);
    FragmentSpans pieces;
    for (std::size_t j = 0; j < pieces.size(); ++j) {
      if (!present.Has(static_cast<int>(j))) continue;
      WORLDB_CHECK(blocks[j].size() >= piece_at + piece_bytes);
      pieces[j] = blocks[j].subspan(piece_at, piece_bytes);
    }
    absl::Status opened =
        reader_->Open(segment++, last && at + bytes == out.size(), pieces, out.subspan(at, bytes));
    if (!opened.ok()) {
      WipeMemory(out);
      return opened;
    }
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
