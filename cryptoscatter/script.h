// A compiled CryptoScript: who may read a value (key clause) and who can rebuild its ciphertext
// (code clause). One matrix cannot be both, see docs/share-format.md section 3.
//
// Every question about a set of nodes is a look-up in a 512-entry table, made when it is compiled.
// Errors:  InvalidArgument for clauses that do not compile, with the smallest set that shows why;
//          of several as small, the one with the lowest nodes.
// Threads: immutable after Create(); const methods may be called from any thread.
// Source:  docs/share-format.md section 3; docs/scripts.md.
#ifndef WORLDB_CRYPTOSCATTER_SCRIPT_H_
#define WORLDB_CRYPTOSCATTER_SCRIPT_H_

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/erasure_code.h"
#include "cryptoscatter/key_sharing.h"
#include "cryptoscatter/script_text.h"

namespace worldb::cryptoscatter {

class Script {
 public:
  // `key: 2 of (2 of dc[0], 2 of dc[1], 2 of dc[2])`, `code: lrc local 2+1 global 2`. The default.
  static std::shared_ptr<const Script> Nested();
  // `key: 5 of all`, `code: mds k=5`.
  static std::shared_ptr<const Script> Flat();
  // The key clause of Nested(), `code: copy`.
  static std::shared_ptr<const Script> Copy();
  // Fails unless every set that may read can rebuild, no single data center may read, and after the
  // loss of any single data center, and after each declared loss, the rest may read. Sets are named
  // as `names` has them; the script itself knows no names.
  static absl::StatusOr<std::shared_ptr<const Script>> Create(
      const ScriptClauses& clauses, const ScriptNames& names = ScriptNames::Indices());
  // The script that a text says.
  static absl::StatusOr<std::shared_ptr<const Script>> Compile(
      absl::string_view text, const ScriptNames& names = ScriptNames::Indices());

  const ScriptId& id() const { return id_; }
  // Canonical: the same text gives the same matrices everywhere.
  const std::string& text() const { return text_; }
  const ScriptClauses& clauses() const { return clauses_; }
  const ErasureCode& code() const { return code_; }
  const KeySharing& key_sharing() const { return key_sharing_; }
  // Plaintext bytes of one full sealed segment: a stripe less the tag.
  std::uint32_t segment_bytes() const;

  bool CanRead(NodeSet set) const { return key_sharing_.CanRead(set); }
  bool CanRebuild(NodeSet set) const { return code_.CanRebuild(set); }
  bool IsReadable(NodeSet set) const { return readable_[set.bits()]; }
  // `held` less any one node is still readable: level HELD.
  bool HeldSurvivesAnyNode(NodeSet held) const { return survives_node_[held.bits()]; }
  // `held` less any one data center is still readable: level SAFE.
  bool HeldSurvivesAnyDataCenter(NodeSet held) const { return survives_dc_[held.bits()]; }

 private:
  explicit Script(const ScriptClauses& clauses);
  absl::Status Check(const ScriptNames& names) const;
  absl::Status CheckLosses(const ScriptNames& names) const;

  ScriptClauses clauses_;
  std::string text_;
  ScriptId id_;
  ErasureCode code_;
  KeySharing key_sharing_;
  std::array<bool, NodeSet::kSubsetCount> readable_{};
  std::array<bool, NodeSet::kSubsetCount> survives_node_{};
  std::array<bool, NodeSet::kSubsetCount> survives_dc_{};
};

// All 512 sets, small ones first, among equals those with the lowest nodes first: the order in which
// sets are looked for and printed.
const std::array<NodeSet, NodeSet::kSubsetCount>& SetsBySize();

// The sets that one kind of declared loss takes away, smallest first; all of one size or smaller
// are there, so the first that hurts is the smallest that does.
std::vector<NodeSet> SetsLostWith(const DeclaredLosses& one_kind);

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_SCRIPT_H_
