// The rows a node keeps shares in, to the byte.
//
// A share row leaves out what its key, its script, its batch and its own fragment say: `s/` rows are
// completed from the script row and the batch row they name, which lie in the same store.
// Errors:  InvalidArgument for bytes that do not decode, or rows that do not fit together.
// Threads: plain values.
// Source:  docs/share-format.md section 16.
#ifndef WORLDB_ENGINE_ROWS_SHARE_ROWS_H_
#define WORLDB_ENGINE_ROWS_SHARE_ROWS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/batch_part.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/share.h"
#include "engine/cell/cell_scripts.h"
#include "engine/messages/peer_message.h"

namespace worldb::engine {

// The first bytes of a script's id: how a share row names its script. A cell has no two scripts with the
// same ones.
using ScriptRef = cryptoscatter::ScriptBook::IdPrefix;

// One row of the share store; a fragment above kFragmentInRowBytesMax lies in the blob family under
// the same key.
struct ShareRow {
  static constexpr std::size_t kFragmentInRowBytesMax = 2048;
  static constexpr char kFamilyPrefix[] = "s/";

  // Decode() leaves to Complete(): cell (but where the proof lies in the row), script, segment bytes,
  // and the root of a fragment that lies in the row; and to TakeProof() all of the proof but the index,
  // where it lies in a batch row. The fragment is empty when it lies apart.
  cryptoscatter::Share share;
  cryptoscatter::StoredKeyShare key_share;
  bool fragment_apart = false;
  ScriptRef script{};
  std::optional<cryptoscatter::BatchRef> batch;  // null when the proof lies in the row

  Bytes Encode() const;
  static absl::StatusOr<ShareRow> Decode(absl::string_view row_key, ByteSpan bytes);

  // REQUIRES: `of` is the script that `script` names.
  absl::Status Complete(const CellId& cell, const cryptoscatter::Script& of);
  // Of the batch row it names.
  absl::Status TakeProof(const cryptoscatter::BatchPart& part);

  // "s/", key tag, complements of slot epoch and version, big-endian: a scan meets the newest
  // version first.
  static std::string Key(const KeyTag& key_tag, SlotEpoch slot_epoch, Version version);
  static std::string Key(const VersionRef& version) {
    return Key(version.key_tag, version.slot_epoch, version.version);
  }
  // What Key() was made of; nullopt for other keys.
  static std::optional<VersionRef> ParseKey(absl::string_view row_key);
  static std::string KeyPrefix(const KeyTag& key_tag);
};

// What a node knows of one commit batch: the proofs of the shares it holds.
struct BatchRow {
  // "b/", first bytes of what the writer signed.
  static constexpr char kFamilyPrefix[] = "b/";
  static std::string Key(const cryptoscatter::BatchRef& ref);
  static Bytes Encode(const cryptoscatter::BatchPart& part);
  // InvalidArgument unless it is of the batch that the key names.
  static absl::StatusOr<cryptoscatter::BatchPart> Decode(absl::string_view row_key, ByteSpan bytes);
};

// The canonical text of a script this node holds shares of, so that its disk can be read with nothing
// else known: written with the first share of that script, at the latest.
struct ScriptRow {
  static constexpr char kFamilyPrefix[] = "c/";
  // "c/", script id.
  static std::string Key(const ScriptId& id);
  static Bytes Encode(const cryptoscatter::Script& script);
  // InvalidArgument unless it is the canonical text that the id in the key is of.
  static absl::StatusOr<CellScripts::ScriptPtr> Decode(absl::string_view row_key, ByteSpan bytes);
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROWS_SHARE_ROWS_H_
