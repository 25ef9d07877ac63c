#include "cryptoscatter/script.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/labels.h"
#include "cryptoscatter/stripe_aead.h"

namespace worldb::cryptoscatter {
namespace {

constexpr int kGateDepthMax = 3;
constexpr int kLocalDataCount = 4;

// The maximally recoverable local code: two data pieces and their XOR in the first two data
// centers, two global rows and their XOR in the third.
constexpr std::uint8_t kLocalGenerator[kNodeCount][kLocalDataCount] = {
    {1, 0, 0, 0},        {0, 1, 0, 0},      {1, 1, 0, 0},
    {0, 0, 1, 0},        {0, 0, 0, 1},      {0, 0, 1, 1},
    {35, 146, 217, 206}, {196, 17, 66, 31}, {35 ^ 196, 146 ^ 17, 217 ^ 66, 206 ^ 31},
};

bool IsLeaf(const KeyPolicy& policy) { return policy.threshold == 0; }

// Leaves `first` .. `first + count - 1` in order.
bool AreLeaves(const std::vector<KeyPolicy>& children, int first, int count) {
  if (static_cast<int>(children.size()) != count) return false;
  for (int i = 0; i < count; ++i) {
    const KeyPolicy& child = children[static_cast<std::size_t>(i)];
    if (!IsLeaf(child) || child.leaf.value() != first + i) return false;
  }
  return true;
}

std::string TextOf(const KeyPolicy& policy) {
  if (IsLeaf(policy)) return absl::StrCat("node[", policy.leaf.value(), "]");
  const std::string head = absl::StrCat(policy.threshold, " of ");
  if (AreLeaves(policy.children, 0, kNodeCount)) return head + "all";
  for (int dc = 0; dc < kDataCenterCount; ++dc) {
    if (AreLeaves(policy.children, dc * kNodesPerDataCenter, kNodesPerDataCenter)) {
      return absl::StrCat(head, "dc[", dc, "]");
    }
  }
  return absl::StrCat(
      head, "(",
      absl::StrJoin(policy.children, ", ",
                    [](std::string* out, const KeyPolicy& child) { out->append(TextOf(child)); }),
      ")");
}

std::string TextOf(const CodeClause& code) {
  if (code.kind == CodeClause::Kind::kLocal) return "lrc local 2+1 global 2";
  return absl::StrCat("mds k=", code.data_count);
}

// Well-formed gates, not too deep, and each leaf once; collects the leaves.
absl::Status CheckTree(const KeyPolicy& policy, int gate_depth, NodeSet& leaves) {
  if (IsLeaf(policy)) {
    if (!policy.children.empty() || policy.leaf.value() >= kNodeCount) {
      return absl::InvalidArgumentError("key clause: a leaf must name one of nodes 0 to 8");
    }
    if (leaves.Has(policy.leaf)) {
      return absl::InvalidArgumentError(
          absl::StrCat("key clause: node[", policy.leaf.value(), "] stands in it twice"));
    }
    leaves.Add(policy.leaf);
    return absl::OkStatus();
  }
  if (gate_depth >= kGateDepthMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("key clause: gates nest deeper than ", kGateDepthMax));
  }
  if (policy.threshold < 1 || policy.threshold > static_cast<int>(policy.children.size())) {
    return absl::InvalidArgumentError(absl::StrCat("key clause: threshold ", policy.threshold,
                                                   " of a gate with ", policy.children.size(),
                                                   " members"));
  }
  for (const KeyPolicy& child : policy.children) {
    WORLDB_RETURN_IF_ERROR(CheckTree(child, gate_depth + 1, leaves));
  }
  return absl::OkStatus();
}

int CoefficientCount(const KeyPolicy& policy) {
  int count = IsLeaf(policy) ? 0 : policy.threshold - 1;
  for (const KeyPolicy& child : policy.children) count += CoefficientCount(child);
  return count;
}

// A gate shares the value of `row` by a polynomial of its own fresh coefficients: child x = 1, 2,
// .. gets row + x c1 + x^2 c2 + ... Columns are numbered in depth-first order.
void FillRows(const KeyPolicy& policy, const Bytes& row, int& next_column, gf256::Matrix& matrix) {
  if (IsLeaf(policy)) {
    for (int c = 0; c < matrix.columns(); ++c) {
      matrix.at(policy.leaf.value(), c) = row[static_cast<std::size_t>(c)];
    }
    return;
  }
  const int first_column = next_column;
  next_column += policy.threshold - 1;
  for (std::size_t i = 0; i < policy.children.size(); ++i) {
    Bytes child_row = row;
    const auto x = static_cast<std::uint8_t>(i + 1);
    for (int power = 1; power < policy.threshold; ++power) {
      child_row[static_cast<std::size_t>(first_column + power - 1)] = gf256::Power(x, power);
    }
    FillRows(policy.children[i], child_row, next_column, matrix);
  }
}

gf256::Matrix KeyMatrix(const KeyPolicy& policy) {
  gf256::Matrix matrix(kNodeCount, 1 + CoefficientCount(policy));
  Bytes row(static_cast<std::size_t>(matrix.columns()));
  row[0] = 1;
  int next_column = 1;
  FillRows(policy, row, next_column, matrix);
  return matrix;
}

gf256::Matrix Generator(const CodeClause& code) {
  gf256::Matrix matrix(kNodeCount, code.data_count);
  for (int r = 0; r < kNodeCount; ++r) {
    for (int c = 0; c < code.data_count; ++c) {
      if (code.kind == CodeClause::Kind::kLocal) {
        matrix.at(r, c) = kLocalGenerator[r][c];
      } else if (r < code.data_count) {
        matrix.at(r, c) = r == c ? 1 : 0;
      } else {
        matrix.at(r, c) = gf256::Inverse(static_cast<std::uint8_t>(r ^ c));  // Cauchy
      }
    }
  }
  return matrix;
}

std::string Name(NodeSet set) {
  std::vector<int> nodes;
  for (int node = 0; node < kNodeCount; ++node) {
    if (set.Has(node)) nodes.push_back(node);
  }
  return absl::StrCat("{", absl::StrJoin(nodes, ", "), "}");
}

std::shared_ptr<const Script> MustCreate(const KeyPolicy& key, const CodeClause& code) {
  absl::StatusOr<std::shared_ptr<const Script>> script = Script::Create(key, code);
  WORLDB_CHECK(script.ok());
  return *std::move(script);
}

}  // namespace

KeyPolicy KeyPolicy::Leaf(NodeIndex node) {
  KeyPolicy policy;
  policy.leaf = node;
  return policy;
}

KeyPolicy KeyPolicy::Gate(int threshold, std::vector<KeyPolicy> children) {
  KeyPolicy policy;
  policy.threshold = threshold;
  policy.children = std::move(children);
  return policy;
}

KeyPolicy KeyPolicy::OfDataCenter(int threshold, DataCenterIndex dc) {
  std::vector<KeyPolicy> leaves;
  for (int i = 0; i < kNodesPerDataCenter; ++i) {
    leaves.push_back(Leaf(NodeAt(dc.value() * kNodesPerDataCenter + i)));
  }
  return Gate(threshold, std::move(leaves));
}

KeyPolicy KeyPolicy::OfAll(int threshold) {
  std::vector<KeyPolicy> leaves;
  for (int i = 0; i < kNodeCount; ++i) leaves.push_back(Leaf(NodeAt(i)));
  return Gate(threshold, std::move(leaves));
}

bool KeyPolicy::Admits(NodeSet set) const {
  if (IsLeaf(*this)) return set.Has(leaf);
  const auto admitted = std::count_if(children.begin(), children.end(),
                                      [&](const KeyPolicy& child) { return child.Admits(set); });
  return admitted >= threshold;
}

Script::Script(std::string text, ErasureCode code, KeySharing key_sharing)
    : text_(std::move(text)), code_(std::move(code)), key_sharing_(std::move(key_sharing)) {
  id_.bytes = LabelledHash(labels::kScriptId, AsBytes(text_)).bytes;
  for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
    const NodeSet set = NodeSet::FromBits(bits);
    readable_[bits] = CanRead(set) && CanRebuild(set);
  }
  for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
    const NodeSet held = NodeSet::FromBits(bits);
    bool node_ok = true;
    for (int n = 0; n < kNodeCount; ++n) {
      node_ok = node_ok && IsReadable(held.Minus(NodeSet::FromBits(1u << n)));
    }
    bool dc_ok = true;
    for (int d = 0; d < kDataCenterCount; ++d) {
      dc_ok = dc_ok && IsReadable(held.Minus(NodeSet::Of(DataCenterAt(d))));
    }
    survives_node_[bits] = node_ok;
    survives_dc_[bits] = dc_ok;
  }
}

absl::StatusOr<std::shared_ptr<const Script>> Script::Create(const KeyPolicy& key,
                                                             const CodeClause& code) {
  if (IsLeaf(key)) return absl::InvalidArgumentError("key clause: it must be a gate");
  NodeSet leaves;
  WORLDB_RETURN_IF_ERROR(CheckTree(key, 0, leaves));
  if (leaves != NodeSet::All()) {
    return absl::InvalidArgumentError(
        absl::StrCat("key clause: it does not name nodes ", Name(NodeSet::All().Minus(leaves))));
  }
  const bool local = code.kind == CodeClause::Kind::kLocal;
  if (local ? code.data_count != kLocalDataCount
            : code.data_count < 1 || code.data_count > kNodeCount) {
    return absl::InvalidArgumentError(
        absl::StrCat("code clause: k=", code.data_count, " is not possible"));
  }
  std::shared_ptr<const Script> script(
      new Script(absl::StrCat("key: ", TextOf(key), "\ncode: ", TextOf(code), "\n"),
                 ErasureCode(Generator(code)), KeySharing(KeyMatrix(key))));
  if (!local) {
    for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
      const NodeSet set = NodeSet::FromBits(bits);
      WORLDB_CHECK(script->CanRebuild(set) == (set.Count() >= code.data_count));
    }
  }
  WORLDB_RETURN_IF_ERROR(script->Check(key));
  return script;
}

absl::Status Script::Check(const KeyPolicy& key) const {
  for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
    const NodeSet set = NodeSet::FromBits(bits);
    WORLDB_CHECK(CanRead(set) == key.Admits(set));
    if (CanRead(set) && !CanRebuild(set)) {
      return absl::InvalidArgumentError(
          absl::StrCat("nodes ", Name(set), " may read but cannot rebuild the ciphertext"));
    }
  }
  for (int d = 0; d < kDataCenterCount; ++d) {
    const NodeSet dc = NodeSet::Of(DataCenterAt(d));
    if (CanRead(dc)) {
      return absl::InvalidArgumentError(absl::StrCat("data center ", d, " alone may read"));
    }
    if (!IsReadable(NodeSet::All().Minus(dc))) {
      return absl::InvalidArgumentError(
          absl::StrCat("without data center ", d, " nothing can be read"));
    }
  }
  return absl::OkStatus();
}

std::uint32_t Script::segment_bytes() const {
  return static_cast<std::uint32_t>(code_.stripe_bytes() - kSegmentTagBytes);
}

std::shared_ptr<const Script> Script::Nested() {
  static const std::shared_ptr<const Script> script =
      MustCreate(KeyPolicy::Gate(2, {KeyPolicy::OfDataCenter(2, DataCenterAt(0)),
                                     KeyPolicy::OfDataCenter(2, DataCenterAt(1)),
                                     KeyPolicy::OfDataCenter(2, DataCenterAt(2))}),
                 CodeClause::Local());
  return script;
}

std::shared_ptr<const Script> Script::Flat() {
  static const std::shared_ptr<const Script> script =
      MustCreate(KeyPolicy::OfAll(5), CodeClause::Mds(5));
  return script;
}

absl::StatusOr<std::shared_ptr<const Script>> FindScript(const ScriptId& id) {
  if (id == Script::Nested()->id()) return Script::Nested();
  if (id == Script::Flat()->id()) return Script::Flat();
  return absl::NotFoundError(absl::StrCat("no script with id ", id.Hex(), " in this build"));
}

}  // namespace worldb::cryptoscatter
