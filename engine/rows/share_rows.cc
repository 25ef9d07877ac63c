#include "engine/rows/share_rows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/key_order.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/merkle.h"

namespace worldb::engine {
namespace {

using cryptoscatter::BatchPart;
using cryptoscatter::BatchRef;
using cryptoscatter::CommitProof;
using cryptoscatter::Share;
using cryptoscatter::StoredKeyShare;

constexpr std::uint8_t kShareRowFormat = 2;
constexpr std::uint8_t kBatchRowFormat = 1;
constexpr std::uint8_t kScriptRowFormat = 1;

// Flags of a share row.
constexpr std::uint8_t kFragmentApart = 1;
constexpr std::uint8_t kProofOfOne = 2;  // in the row; the batch has no other member
constexpr std::uint8_t kProofInRow = 4;  // whole
constexpr std::uint8_t kTombstone = 8;
constexpr std::uint8_t kFlagsKnown = 15;

// Nobody signed the version: this tells a row that lies in another version's place.
using PlaceCheck = std::array<std::uint8_t, 4>;
PlaceCheck PlaceCheckOf(absl::string_view row_key, const OpId& op) {
  static constexpr HashLabel kLabel("wdb row place 1");
  const Hash256 hash = LabelledHash(kLabel, AsBytes(absl::StrCat(row_key, AsText(op.span()))));
  PlaceCheck check;
  std::copy_n(hash.bytes.begin(), check.size(), check.begin());
  return check;
}

void AppendProof(const ShareRow& row, ByteWriter& w) {
  const CommitProof& proof = row.share.proof;
  if (row.batch.has_value()) {
    w.Raw(row.batch->bytes).U8(static_cast<std::uint8_t>(proof.index));
    return;
  }
  w.Raw(row.share.core.cell.bytes);
  if (proof.count == 1) {
    w.Raw(proof.signer.bytes).Raw(proof.signature.bytes);
  } else {
    proof.AppendTo(w);
  }
}

void ReadProof(ByteReader& r, std::uint8_t flags, ShareRow& row) {
  CommitProof& proof = row.share.proof;
  if ((flags & (kProofOfOne | kProofInRow)) == 0) {
    row.batch.emplace().bytes = r.Array<8>();
    proof.index = r.U8();
    return;
  }
  row.share.core.cell.bytes = r.Array<16>();
  if ((flags & kProofOfOne) != 0) {
    proof.signer.bytes = r.Array<32>();
    proof.signature.bytes = r.Array<64>();
    proof.count = 1;
  } else {
    proof = CommitProof::ReadFrom(r);
    if (r.ok() && proof.count == 1) r.Fail("a proof of one is written without count");
  }
}

}  // namespace

Bytes ShareRow::Encode() const {
  ByteWriter w(1024 + share.fragment.size());
  std::uint8_t flags = fragment_apart ? kFragmentApart : 0;
  if (!batch.has_value()) flags |= share.proof.count == 1 ? kProofOfOne : kProofInRow;
  WORLDB_CHECK(share.core.kind != cryptoscatter::ValueKind::kFile);
  if (share.core.kind == cryptoscatter::ValueKind::kTombstone) flags |= kTombstone;
  w.U8(kShareRowFormat).U8(flags).U8(static_cast<std::uint8_t>(share.core.suite));
  w.U8(share.index.value()).U16(share.slot.value());
  w.Raw(PlaceCheckOf(Key(share.core.key_tag, share.slot_epoch, share.version), share.core.op_id));
  w.Raw(script.bytes).Raw(share.core.op_id.bytes);
  w.U32(static_cast<std::uint32_t>(share.core.plaintext_bytes)).Raw(share.core.key_commit.bytes);
  w.Raw(share.key_share_hash.bytes);
  for (const Hash256& hash : share.path.leaves) w.Raw(hash.bytes);
  for (const Hash256& hash : share.path.data_centers) w.Raw(hash.bytes);
  if (fragment_apart) w.Raw(share.fragment_root.bytes);
  AppendProof(*this, w);
  key_share.AppendTo(w);
  if (!fragment_apart) w.Raw(share.fragment);
  return std::move(w).Take();
}

absl::StatusOr<ShareRow> ShareRow::Decode(absl::string_view row_key, ByteSpan bytes) {
  const std::optional<VersionRef> version = ParseKey(row_key);
  if (!version.has_value()) return absl::InvalidArgumentError("share row: its key is none");
  ByteReader r(bytes);
  ShareRow row;
  Share& share = row.share;
  share.core.key_tag = version->key_tag;
  share.slot_epoch = version->slot_epoch;
  share.version = version->version;
  if (r.U8() != kShareRowFormat) r.Fail("unknown format");
  const std::uint8_t flags = r.U8();
  if (flags > kFlagsKnown || (flags & kProofOfOne && flags & kProofInRow)) r.Fail("unknown flags");
  row.fragment_apart = (flags & kFragmentApart) != 0;
  share.core.suite = static_cast<cryptoscatter::Suite>(r.U8());
  if ((flags & kTombstone) != 0) share.core.kind = cryptoscatter::ValueKind::kTombstone;
  share.index = NodeIndex(r.U8());
  if (share.index.value() >= kNodeCount) r.Fail("share index above 8");
  share.slot = Slot(r.U16());
  const auto place_check = r.Array<4>();
  row.script.bytes = r.Array<4>();
  share.core.op_id.bytes = r.Array<16>();
  if (place_check != PlaceCheckOf(row_key, share.core.op_id)) {
    r.Fail("it lies in another share's place");
  }
  share.core.plaintext_bytes = r.U32();
  share.core.key_commit.bytes = r.Array<32>();
  share.key_share_hash.bytes = r.Array<32>();
  for (Hash256& hash : share.path.leaves) hash.bytes = r.Array<32>();
  for (Hash256& hash : share.path.data_centers) hash.bytes = r.Array<32>();
  if (row.fragment_apart) share.fragment_root.bytes = r.Array<32>();
  ReadProof(r, flags, row);
  row.key_share = StoredKeyShare::ReadFrom(r);
  if (r.ok() && !row.fragment_apart) {
    if (r.remaining() > kFragmentInRowBytesMax) r.Fail("a fragment that should lie apart");
    share.fragment = ToBytes(r.View(r.ok() ? r.remaining() : 0));
  }
  WORLDB_RETURN_IF_ERROR(r.Finish("share row"));
  return row;
}

absl::Status ShareRow::Complete(const CellId& cell, const cryptoscatter::Script& of) {
  WORLDB_CHECK(script == cryptoscatter::ScriptBook::PrefixOf(of.id()));
  if (!batch.has_value() && share.core.cell != cell) {
    return absl::InvalidArgumentError("share row: it is of another cell");
  }
  share.script = of.id();
  share.core.cell = cell;
  share.core.segment_bytes = static_cast<std::uint32_t>(of.segment_bytes());
  const auto core = cryptoscatter::Core::Decode(share.core.Encode());
  if (!core.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("share row: ", core.status().message()));
  }
  if (!fragment_apart) {
    share.fragment_root = cryptoscatter::FragmentRoot(
        share.core.suite, share.core.Id(), share.generation, share.index, share.fragment);
  }
  return absl::OkStatus();
}

absl::Status ShareRow::TakeProof(const BatchPart& part) {
  WORLDB_CHECK(batch.has_value());
  const std::uint32_t index = share.proof.index;
  if (!part.Holds(index)) {
    return absl::InvalidArgumentError(
        absl::StrCat("share row: member ", index, " of its batch is not in the batch's row"));
  }
  share.proof = part.ProofOf(index);
  return absl::OkStatus();
}

std::string ShareRow::KeyPrefix(const KeyTag& key_tag) {
  return absl::StrCat(kFamilyPrefix, AsText(key_tag.span()));
}

std::string ShareRow::Key(const KeyTag& key_tag, SlotEpoch slot_epoch, Version version) {
  return absl::StrCat(KeyPrefix(key_tag), BigEndian(~slot_epoch.value(), 4),
                      BigEndian(~version.value(), 8));
}

std::optional<VersionRef> ShareRow::ParseKey(absl::string_view row_key) {
  VersionRef version;
  if (row_key.size() != 2 + version.key_tag.bytes.size() + 12) return std::nullopt;
  if (row_key.substr(0, 2) != kFamilyPrefix) return std::nullopt;
  std::copy_n(AsBytes(row_key).begin() + 2, 16, version.key_tag.bytes.begin());
  version.slot_epoch = SlotEpoch(~static_cast<std::uint32_t>(FromBigEndian(row_key.substr(18, 4))));
  version.version = Version(~FromBigEndian(row_key.substr(22, 8)));
  return version;
}

std::string BatchRow::Key(const BatchRef& ref) {
  return absl::StrCat(kFamilyPrefix, AsText(ref.span()));
}

Bytes BatchRow::Encode(const BatchPart& part) {
  ByteWriter w(256 + 33 * std::size_t{part.count()});
  part.AppendTo(w.U8(kBatchRowFormat));
  return std::move(w).Take();
}

absl::StatusOr<BatchPart> BatchRow::Decode(absl::string_view row_key, ByteSpan bytes) {
  ByteReader r(bytes);
  if (r.U8() != kBatchRowFormat) r.Fail("unknown format");
  BatchPart part = BatchPart::ReadFrom(r);
  WORLDB_RETURN_IF_ERROR(r.Finish("batch row"));
  if (Key(part.ref()) != row_key) {
    return absl::InvalidArgumentError("batch row: it is not of the batch that its key names");
  }
  return part;
}

std::string ScriptRow::Key(const ScriptId& id) {
  return absl::StrCat(kFamilyPrefix, AsText(id.span()));
}

Bytes ScriptRow::Encode(const cryptoscatter::Script& script) {
  ByteWriter w(1 + script.text().size());
  return std::move(w.U8(kScriptRowFormat).Raw(AsBytes(script.text()))).Take();
}

absl::StatusOr<CellScripts::ScriptPtr> ScriptRow::Decode(absl::string_view row_key,
                                                         ByteSpan bytes) {
  ByteReader r(bytes);
  if (r.U8() != kScriptRowFormat) r.Fail("unknown format");
  const ByteSpan text = r.ok() ? r.View(r.remaining()) : ByteSpan();
  WORLDB_RETURN_IF_ERROR(r.Finish("script row"));
  WORLDB_ASSIGN_OR_RETURN(CellScripts::ScriptPtr script,
                          cryptoscatter::Script::Compile(AsText(text)));
  if (script->text() != AsText(text) || Key(script->id()) != row_key) {
    return absl::InvalidArgumentError("script row: it is not the canonical text of its script id");
  }
  return script;
}

}  // namespace worldb::engine
