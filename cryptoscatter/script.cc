#include "cryptoscatter/script.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/labels.h"
#include "cryptoscatter/stripe_aead.h"

namespace worldb::cryptoscatter {
namespace {

constexpr int kLocalDataCount = 4;

// The maximally recoverable local code: two data pieces and their XOR in the first two data
// centers, two global rows and their XOR in the third.
constexpr std::uint8_t kLocalGenerator[kNodeCount][kLocalDataCount] = {
    {1, 0, 0, 0},        {0, 1, 0, 0},      {1, 1, 0, 0},
    {0, 0, 1, 0},        {0, 0, 0, 1},      {0, 0, 1, 1},
    {35, 146, 217, 206}, {196, 17, 66, 31}, {35 ^ 196, 146 ^ 17, 217 ^ 66, 206 ^ 31},
};

// Well-formed gates, not too deep, and no node in too many places; counts the places.
absl::Status CheckTree(const KeyPolicy& policy, int gate_depth,
                       std::array<int, kNodeCount>& places) {
  if (policy.IsLeaf()) {
    if (!policy.children.empty() || policy.leaf.value() >= kNodeCount) {
      return absl::InvalidArgumentError("key clause: a leaf must name one of nodes 0 to 8");
    }
    if (++places[policy.leaf.value()] > kKeyRowsMax) {
      return absl::InvalidArgumentError(absl::StrCat("key clause: node[", policy.leaf.value(),
                                                     "] stands in it more than ", kKeyRowsMax,
                                                     " times"));
    }
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
    WORLDB_RETURN_IF_ERROR(CheckTree(child, gate_depth + 1, places));
  }
  return absl::OkStatus();
}

gf256::Matrix Generator(const CodeClause& code) {
  gf256::Matrix matrix(kNodeCount, code.data_count);
  for (int r = 0; r < kNodeCount; ++r) {
    for (int c = 0; c < code.data_count; ++c) {
      if (code.kind == CodeClause::Kind::kLocal) {
        matrix.at(r, c) = kLocalGenerator[r][c];
      } else if (code.kind == CodeClause::Kind::kCopy) {
        matrix.at(r, c) = 1;
      } else if (r < code.data_count) {
        matrix.at(r, c) = r == c ? 1 : 0;
      } else {
        matrix.at(r, c) = gf256::Inverse(static_cast<std::uint8_t>(r ^ c));  // Cauchy
      }
    }
  }
  return matrix;
}

absl::Status CheckCode(const CodeClause& code) {
  const bool possible = code.kind == CodeClause::Kind::kLocal ? code.data_count == kLocalDataCount
                        : code.kind == CodeClause::Kind::kCopy
                            ? code.data_count == 1
                            : code.data_count >= 1 && code.data_count <= kNodeCount;
  if (possible) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("code clause: k=", code.data_count, " is not possible"));
}

absl::Status CheckRanges(const DeclaredLosses& survives) {
  const auto within = [](int count, int most) { return count >= 0 && count <= most; };
  if (within(survives.nodes, kNodeCount - 1) &&
      within(survives.nodes_beside_dc, kNodeCount - kNodesPerDataCenter - 1) &&
      within(survives.nodes_in_each_beside, kNodesPerDataCenter - 1)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("survives clause: so many nodes there are not");
}

// Which of two sets of one size comes first: the one with the lowest node the other lacks.
bool HasLowerNodes(NodeSet a, NodeSet b) {
  const std::uint32_t differing = a.bits() ^ b.bits();
  return (a.bits() & differing & (~differing + 1)) != 0;
}

std::shared_ptr<const Script> MustCreate(const KeyPolicy& key, const CodeClause& code) {
  absl::StatusOr<std::shared_ptr<const Script>> script = Script::Create({key, code, {}});
  WORLDB_CHECK(script.ok());
  return *std::move(script);
}

}  // namespace

Script::Script(const ScriptClauses& clauses)
    : clauses_(clauses),
      text_(CanonicalText(clauses)),
      code_(Generator(clauses.code)),
      key_sharing_(clauses.key) {
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

absl::StatusOr<std::shared_ptr<const Script>> Script::Create(const ScriptClauses& clauses,
                                                             const ScriptNames& names) {
  const KeyPolicy& key = clauses.key;
  if (key.IsLeaf()) return absl::InvalidArgumentError("key clause: it must be a gate");
  std::array<int, kNodeCount> places{};
  WORLDB_RETURN_IF_ERROR(CheckTree(key, 0, places));
  WORLDB_RETURN_IF_ERROR(CheckCode(clauses.code));
  WORLDB_RETURN_IF_ERROR(CheckRanges(clauses.survives));
  std::shared_ptr<const Script> script(new Script(clauses));
  for (const NodeSet set : SetsBySize()) {
    WORLDB_CHECK(clauses.code.kind == CodeClause::Kind::kLocal ||
                 script->CanRebuild(set) == (set.Count() >= clauses.code.data_count));
  }
  WORLDB_RETURN_IF_ERROR(script->Check(names));
  return script;
}

absl::StatusOr<std::shared_ptr<const Script>> Script::Compile(absl::string_view text,
                                                              const ScriptNames& names) {
  WORLDB_ASSIGN_OR_RETURN(const ScriptClauses clauses, ParseScript(text, names));
  return Create(clauses, names);
}

absl::Status Script::Check(const ScriptNames& names) const {
  for (const NodeSet set : SetsBySize()) {
    if (!CanRead(set)) continue;
    for (int d = 0; d < kDataCenterCount; ++d) {
      if (!set.Minus(NodeSet::Of(DataCenterAt(d))).empty()) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(names.Describe(set), " could read: data center ",
                       names.data_center(DataCenterAt(d)), " alone must not be able to"));
    }
  }
  for (const NodeSet set : SetsBySize()) {
    if (CanRead(set) && !CanRebuild(set)) {
      return absl::InvalidArgumentError(
          absl::StrCat(names.Describe(set), " may read but cannot rebuild the ciphertext"));
    }
  }
  return CheckLosses(names);
}

absl::Status Script::CheckLosses(const ScriptNames& names) const {
  const auto refusal = [&](NodeSet lost) {
    const NodeSet left = NodeSet::All().Minus(lost);
    return absl::StrCat(names.Describe(left),
                        CanRead(left) ? " could not rebuild the ciphertext" : " could not read");
  };
  for (int d = 0; d < kDataCenterCount; ++d) {
    const NodeSet dc = NodeSet::Of(DataCenterAt(d));
    if (IsReadable(NodeSet::All().Minus(dc))) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "without data center ", names.data_center(DataCenterAt(d)), ", ", refusal(dc)));
  }
  const DeclaredLosses& declared = clauses_.survives;
  for (const DeclaredLosses& kind :
       {DeclaredLosses{declared.nodes, 0, 0}, DeclaredLosses{0, declared.nodes_beside_dc, 0},
        DeclaredLosses{0, 0, declared.nodes_in_each_beside}}) {
    for (const NodeSet lost : SetsLostWith(kind)) {
      if (IsReadable(NodeSet::All().Minus(lost))) continue;
      return absl::InvalidArgumentError(absl::StrCat("\"survives: ", TextsOf(kind).front(),
                                                     "\" does not hold: without ",
                                                     names.Describe(lost), ", ", refusal(lost)));
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

std::shared_ptr<const Script> Script::Copy() {
  static const std::shared_ptr<const Script> script =
      MustCreate(Nested()->clauses().key, CodeClause::Copy());
  return script;
}

const std::array<NodeSet, NodeSet::kSubsetCount>& SetsBySize() {
  static const std::array<NodeSet, NodeSet::kSubsetCount> sets = [] {
    std::array<NodeSet, NodeSet::kSubsetCount> all;
    for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
      all[bits] = NodeSet::FromBits(bits);
    }
    std::sort(all.begin(), all.end(), [](NodeSet a, NodeSet b) {
      return a.Count() != b.Count() ? a.Count() < b.Count() : HasLowerNodes(a, b);
    });
    return all;
  }();
  return sets;
}

std::vector<NodeSet> SetsLostWith(const DeclaredLosses& one_kind) {
  std::vector<NodeSet> out;
  for (const NodeSet set : SetsBySize()) {
    const std::array<int, kDataCenterCount> lost = set.PerDataCenter();
    bool within = one_kind.nodes > 0 && set.Count() <= one_kind.nodes;
    for (std::size_t gone = 0; gone < lost.size(); ++gone) {
      if (lost[gone] < kNodesPerDataCenter) continue;
      const int beside = set.Count() - kNodesPerDataCenter;
      within = within || (one_kind.nodes_beside_dc > 0 && beside <= one_kind.nodes_beside_dc);
      bool each = one_kind.nodes_in_each_beside > 0;
      for (std::size_t other = 0; other < lost.size(); ++other) {
        each = each && (other == gone || lost[other] <= one_kind.nodes_in_each_beside);
      }
      within = within || each;
    }
    if (within) out.push_back(set);
  }
  return out;
}

}  // namespace worldb::cryptoscatter
