// A compiled CryptoScript: who may read a value (key clause) and who can rebuild its ciphertext
// (code clause). One matrix cannot be both, see docs/share-format.md section 3.
//
// Every question about a set of nodes is a look-up in a 512-entry table, made when it is compiled.
// Errors:  InvalidArgument, naming the set at fault, for clauses that do not compile.
// Threads: immutable after Create(); const methods may be called from any thread.
// Source:  docs/share-format.md section 3.
#ifndef WORLDB_CRYPTOSCATTER_SCRIPT_H_
#define WORLDB_CRYPTOSCATTER_SCRIPT_H_

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/erasure_code.h"
#include "cryptoscatter/key_sharing.h"

namespace worldb::cryptoscatter {

// The key clause: a tree of threshold gates; each of the nine nodes is a leaf exactly once.
struct KeyPolicy {
  int threshold = 0;  // 0 for a leaf
  NodeIndex leaf;
  std::vector<KeyPolicy> children;

  static KeyPolicy Leaf(NodeIndex node);
  static KeyPolicy Gate(int threshold, std::vector<KeyPolicy> children);
  static KeyPolicy OfDataCenter(int threshold, DataCenterIndex dc);
  static KeyPolicy OfAll(int threshold);
  // Whether the set satisfies the tree.
  bool Admits(NodeSet set) const;
};

// The code clause.
struct CodeClause {
  enum class Kind {
    kLocal,  // k = 4: two data pieces and their XOR in each data center, the third one global
    kMds,    // any data_count of nine rebuild
  };
  Kind kind = Kind::kLocal;
  int data_count = 4;

  static CodeClause Local() { return {Kind::kLocal, 4}; }
  static CodeClause Mds(int data_count) { return {Kind::kMds, data_count}; }
};

class Script {
 public:
  // `key: 2 of (2 of dc[0], 2 of dc[1], 2 of dc[2])`, `code: lrc local 2+1 global 2`. The default.
  static std::shared_ptr<const Script> Nested();
  // `key: 5 of all`, `code: mds k=5`.
  static std::shared_ptr<const Script> Flat();
  // Fails unless every set that may read can rebuild, no single data center may read, and after the
  // loss of any single data center the rest may read.
  static absl::StatusOr<std::shared_ptr<const Script>> Create(const KeyPolicy& key,
                                                              const CodeClause& code);

  const ScriptId& id() const { return id_; }
  // Canonical: the same text gives the same matrices everywhere.
  const std::string& text() const { return text_; }
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
  Script(std::string text, ErasureCode code, KeySharing key_sharing);
  absl::Status Check(const KeyPolicy& key) const;

  std::string text_;
  ScriptId id_;
  ErasureCode code_;
  KeySharing key_sharing_;
  std::array<bool, NodeSet::kSubsetCount> readable_{};
  std::array<bool, NodeSet::kSubsetCount> survives_node_{};
  std::array<bool, NodeSet::kSubsetCount> survives_dc_{};
};

// The scripts this build knows, by id. NotFound names the id.
absl::StatusOr<std::shared_ptr<const Script>> FindScript(const ScriptId& id);

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_SCRIPT_H_
