// CryptoScript as its users write it: clauses as values, their text, and the names of nodes in it.
//
//     key:      2 of (2 of tokyo, 2 of virginia, 2 of dc[2])    # who may read
//     code:     lrc local 2+1 global 2                          # who can rebuild the ciphertext
//     survives: any 3 nodes                                     # losses that must be possible
//
// Parsing says what was written, not whether it holds: that is the compiler's part (script.h).
// Shapes:  at most kScriptTextBytesMax of text; gates at most kGateDepthMax deep; each of the nine
//          nodes in at most kKeyRowsMax places of the key clause.
// Errors:  InvalidArgument with line and column (both from 1, in bytes), what was found there and
//          what is allowed.
// Threads: plain values and pure functions.
// Source:  docs/share-format.md section 3; docs/scripts.md.
#ifndef WORLDB_CRYPTOSCATTER_SCRIPT_TEXT_H_
#define WORLDB_CRYPTOSCATTER_SCRIPT_TEXT_H_

#include <array>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"

namespace worldb::cryptoscatter {

inline constexpr std::size_t kScriptTextBytesMax = 4096;
inline constexpr int kGateDepthMax = 3;
// Places of one node in the key clause, each a row of its key share; of all nodes, which bounds members
// and thresholds of gates and the columns of the key matrix too.
inline constexpr int kKeyRowsMax = 8;
inline constexpr int kKeyPlacesMax = kKeyRowsMax * kNodeCount;

// The key clause: a tree of threshold gates over nodes. Each leaf is a place of its node.
struct KeyPolicy {
  int threshold = 0;  // 0 for a leaf
  NodeIndex leaf;
  std::vector<KeyPolicy> children;

  static KeyPolicy Leaf(NodeIndex node);
  static KeyPolicy Gate(int threshold, std::vector<KeyPolicy> children);
  static KeyPolicy OfDataCenter(int threshold, DataCenterIndex dc);
  static KeyPolicy OfAll(int threshold);
  bool IsLeaf() const { return threshold == 0; }
  // Whether the set satisfies the tree.
  bool Admits(NodeSet set) const;
  friend bool operator==(const KeyPolicy&, const KeyPolicy&) = default;
};

// The code clause.
struct CodeClause {
  enum class Kind {
    kLocal,  // k = 4: two data pieces and their XOR in each data center, the third one global
    kMds,    // any data_count of nine rebuild
    kCopy,   // k = 1: the whole ciphertext nine times
  };
  Kind kind = Kind::kLocal;
  int data_count = 4;

  static CodeClause Local() { return {Kind::kLocal, 4}; }
  static CodeClause Mds(int data_count) { return {Kind::kMds, data_count}; }
  static CodeClause Copy() { return {Kind::kCopy, 1}; }
  friend bool operator==(const CodeClause&, const CodeClause&) = default;
};

// The survives clause: for each kind of loss the largest one declared, 0 for none. The loss of any
// one data center is always demanded and never written.
struct DeclaredLosses {
  int nodes = 0;                 // any so many nodes, at most 8
  int nodes_beside_dc = 0;       // any data center, and any so many other nodes, at most 5
  int nodes_in_each_beside = 0;  // any data center, and so many nodes in each other one, at most 2

  bool empty() const { return nodes == 0 && nodes_beside_dc == 0 && nodes_in_each_beside == 0; }
  friend bool operator==(const DeclaredLosses&, const DeclaredLosses&) = default;
};

struct ScriptClauses {
  KeyPolicy key;
  CodeClause code;
  DeclaredLosses survives;
  friend bool operator==(const ScriptClauses&, const ScriptClauses&) = default;
};

// What the nodes and data centers of a cell are called. The index form, dc[0] to dc[2] and node[0]
// to node[8], is always understood beside the names.
class ScriptNames {
 public:
  using DataCenters = std::array<std::string, kDataCenterCount>;

  // No names but the index form.
  static const ScriptNames& Indices();
  // Nodes are "<data center>-1" to "-3". InvalidArgument unless each is a letter and then letters,
  // digits, '-', '_' or '.', at most 64 in all, no word of the language, and all differ.
  static absl::StatusOr<ScriptNames> Create(const DataCenters& data_centers);

  const std::string& data_center(DataCenterIndex dc) const { return data_centers_[dc.value()]; }
  const std::string& node(NodeIndex node) const { return nodes_[node.value()]; }
  // "node tokyo-1", "nodes tokyo-1, tokyo-2", "no node".
  std::string Describe(NodeSet set) const;

 private:
  ScriptNames() = default;
  DataCenters data_centers_;
  std::array<std::string, kNodeCount> nodes_;
};

absl::StatusOr<ScriptClauses> ParseScript(absl::string_view text, const ScriptNames& names);

// The one text of these clauses, in index form: what a script id is the hash of. ParseScript gives
// the same clauses back.
std::string CanonicalText(const ScriptClauses& clauses);

// "any 3 nodes", "any dc and any 1 node": the losses as the survives clause has them.
std::vector<std::string> TextsOf(const DeclaredLosses& losses);

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_SCRIPT_TEXT_H_
