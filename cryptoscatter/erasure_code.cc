#include "cryptoscatter/erasure_code.h"

#include <isa-l/erasure_code.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::cryptoscatter {
namespace {

constexpr std::size_t kTableBytesPerCoefficient = 32;  // ISA-L

std::size_t AsSize(int value) { return static_cast<std::size_t>(value); }

std::size_t CeilDivide(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

Bytes UnitVector(int columns, int one_at) {
  Bytes out(AsSize(columns));
  out[AsSize(one_at)] = 1;
  return out;
}

std::optional<int> UnitColumn(ByteSpan row) {
  const auto first = std::find_if(row.begin(), row.end(), [](std::uint8_t c) { return c != 0; });
  if (first == row.end() || *first != 1) return std::nullopt;
  if (std::any_of(first + 1, row.end(), [](std::uint8_t c) { return c != 0; })) return std::nullopt;
  return static_cast<int>(first - row.begin());
}

// Expanded tables for `rows` output rows over `sources` inputs.
Bytes ExpandTables(const Bytes& coefficients, int sources, int rows) {
  Bytes tables(kTableBytesPerCoefficient * AsSize(sources * rows));
  if (rows > 0) {
    ec_init_tables(sources, rows, const_cast<std::uint8_t*>(coefficients.data()), tables.data());
  }
  return tables;
}

// outputs = coefficient rows times sources, `bytes` each.
void Multiply(const Bytes& tables, std::size_t bytes, std::vector<const std::uint8_t*>& sources,
              std::vector<std::uint8_t*>& outputs) {
  if (bytes == 0 || outputs.empty()) return;
  ec_encode_data(static_cast<int>(bytes), static_cast<int>(sources.size()),
                 static_cast<int>(outputs.size()), const_cast<std::uint8_t*>(tables.data()),
                 const_cast<std::uint8_t**>(sources.data()), outputs.data());
}

// Calls visit(offset in fragment, offset in ciphertext, bytes) for each run of data piece `piece`.
template <typename Visit>
void ForEachRun(std::size_t ciphertext_bytes, int data_count, int piece, Visit visit) {
  const std::size_t k = AsSize(data_count);
  const std::size_t stripe_bytes = k * kStripeUnitBytes;
  std::size_t in_fragment = 0;
  for (std::size_t start = 0; start < ciphertext_bytes; start += stripe_bytes) {
    const std::size_t length = std::min(stripe_bytes, ciphertext_bytes - start);
    const std::size_t piece_bytes = CeilDivide(length, k);
    const std::size_t begin = std::min(length, AsSize(piece) * piece_bytes);
    const std::size_t end = std::min(length, begin + piece_bytes);
    if (end > begin) visit(in_fragment, start + begin, end - begin);
    in_fragment += piece_bytes;
  }
}

}  // namespace

FragmentSpans SpansOf(const Fragments& fragments) {
  FragmentSpans spans;
  for (std::size_t j = 0; j < fragments.size(); ++j) spans[j] = fragments[j];
  return spans;
}

ErasureCode::ErasureCode(gf256::Matrix generator) : generator_(std::move(generator)) {
  const int k = data_count();
  WORLDB_CHECK(generator_.rows() == kNodeCount && k >= 1 && k <= kNodeCount);
  data_column_.fill(-1);
  data_node_.fill(-1);
  parity_node_.fill(-1);
  int parity_count = 0;
  Bytes parity_rows;
  for (int node = 0; node < kNodeCount; ++node) {
    const ByteSpan row = generator_.row(node);
    const std::optional<int> column = UnitColumn(row);
    if (column.has_value() && data_node_[AsSize(*column)] < 0) {
      data_column_[AsSize(node)] = *column;
      data_node_[AsSize(*column)] = node;
    } else {
      parity_node_[AsSize(parity_count++)] = node;
      parity_rows.insert(parity_rows.end(), row.begin(), row.end());
    }
  }
  WORLDB_CHECK(parity_count == kNodeCount - k);
  encode_tables_ = ExpandTables(parity_rows, k, parity_count);

  for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
    std::vector<int> rows;
    for (int node = 0; node < kNodeCount; ++node) {
      if (NodeSet::FromBits(bits).Has(node)) rows.push_back(node);
    }
    can_rebuild_[bits] = gf256::Rank(generator_.Rows(rows)) == k;
  }
}

std::size_t ErasureCode::FragmentBytes(std::size_t ciphertext_bytes) const {
  const std::size_t full = ciphertext_bytes / stripe_bytes();
  const std::size_t rest = ciphertext_bytes % stripe_bytes();
  return full * kStripeUnitBytes + CeilDivide(rest, AsSize(data_count()));
}

Fragments ErasureCode::Encode(ByteSpan ciphertext) const {
  const int k = data_count();
  const std::size_t fragment_bytes = FragmentBytes(ciphertext.size());
  Fragments fragments;
  std::vector<const std::uint8_t*> sources(AsSize(k));
  for (int i = 0; i < k; ++i) {
    Bytes& fragment = fragments[AsSize(data_node_[AsSize(i)])];
    fragment.reserve(fragment_bytes);
    ForEachRun(ciphertext.size(), k, i,
               [&](std::size_t, std::size_t in_ciphertext, std::size_t bytes) {
                 const auto begin = ciphertext.begin() + static_cast<std::ptrdiff_t>(in_ciphertext);
                 fragment.insert(fragment.end(), begin, begin + static_cast<std::ptrdiff_t>(bytes));
               });
    fragment.resize(fragment_bytes);
    sources[AsSize(i)] = fragment.data();
  }
  // A piece has the same place in every fragment, so one call codes all stripes.
  std::vector<std::uint8_t*> outputs(AsSize(kNodeCount - k));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    Bytes& fragment = fragments[AsSize(parity_node_[i])];
    fragment.resize(fragment_bytes);
    outputs[i] = fragment.data();
  }
  Multiply(encode_tables_, fragment_bytes, sources, outputs);
  return fragments;
}

absl::StatusOr<Bytes> ErasureCode::Rebuild(NodeSet present, const FragmentSpans& fragments,
                                           std::size_t ciphertext_bytes) const {
  const int k = data_count();
  if (!CanRebuild(present)) {
    return absl::FailedPreconditionError(absl::StrCat("the ciphertext cannot be rebuilt from the ",
                                                      present.Count(), " fragments present"));
  }
  const std::size_t fragment_bytes = FragmentBytes(ciphertext_bytes);
  std::vector<int> order;  // data rows first, so they are the preferred pivots
  for (int i = 0; i < k; ++i) {
    if (present.Has(data_node_[AsSize(i)])) order.push_back(data_node_[AsSize(i)]);
  }
  for (int i = 0; i < kNodeCount - k; ++i) {
    if (present.Has(parity_node_[AsSize(i)])) order.push_back(parity_node_[AsSize(i)]);
  }
  for (int node : order) {
    if (fragments[AsSize(node)].size() != fragment_bytes) {
      return absl::InvalidArgumentError(absl::StrCat("fragment ", node, " has ",
                                                     fragments[AsSize(node)].size(), " bytes, not ",
                                                     fragment_bytes));
    }
  }

  std::vector<const std::uint8_t*> pieces(AsSize(k));
  std::vector<int> missing;
  for (int i = 0; i < k; ++i) {
    const int node = data_node_[AsSize(i)];
    if (present.Has(node)) {
      pieces[AsSize(i)] = fragments[AsSize(node)].data();
    } else {
      missing.push_back(i);
    }
  }
  Bytes rebuilt(missing.size() * fragment_bytes);
  if (!missing.empty()) {
    const gf256::Matrix rows = generator_.Rows(order);
    Bytes coefficients;
    std::vector<std::uint8_t*> outputs;
    for (std::size_t m = 0; m < missing.size(); ++m) {
      const std::optional<Bytes> row = gf256::Express(rows, UnitVector(k, missing[m]));
      WORLDB_CHECK(row.has_value());
      coefficients.insert(coefficients.end(), row->begin(), row->end());
      outputs.push_back(rebuilt.data() + m * fragment_bytes);
      pieces[AsSize(missing[m])] = outputs.back();
    }
    std::vector<const std::uint8_t*> sources;
    for (int node : order) sources.push_back(fragments[AsSize(node)].data());
    Multiply(ExpandTables(coefficients, static_cast<int>(order.size()),
                          static_cast<int>(missing.size())),
             fragment_bytes, sources, outputs);
  }

  Bytes ciphertext(ciphertext_bytes);
  for (int i = 0; i < k; ++i) {
    ForEachRun(ciphertext_bytes, k, i,
               [&](std::size_t in_fragment, std::size_t in_ciphertext, std::size_t bytes) {
                 std::memcpy(ciphertext.data() + in_ciphertext, pieces[AsSize(i)] + in_fragment,
                             bytes);
               });
  }
  return ciphertext;
}

absl::StatusOr<ErasureCode::RepairPlan> ErasureCode::PlanRepair(NodeIndex target,
                                                                NodeSet present) const {
  WORLDB_CHECK(target.value() < kNodeCount);
  present.Remove(target);
  const NodeSet near = present & NodeSet::Of(DataCenterOf(target));
  for (NodeSet candidates : {near, present}) {
    std::vector<int> order;
    for (int node = 0; node < kNodeCount; ++node) {
      if (near.Has(node)) order.push_back(node);
    }
    for (int node = 0; node < kNodeCount; ++node) {
      if (candidates.Has(node) && !near.Has(node)) order.push_back(node);
    }
    const std::optional<Bytes> row =
        gf256::Express(generator_.Rows(order), generator_.row(target.value()));
    if (!row.has_value()) continue;
    RepairPlan plan;
    for (std::size_t i = 0; i < order.size(); ++i) {
      plan.coefficients[AsSize(order[i])] = (*row)[i];
      if ((*row)[i] != 0) plan.helpers.Add(NodeAt(order[i]));
    }
    return plan;
  }
  return absl::FailedPreconditionError(absl::StrCat("fragment ", target.value(),
                                                    " cannot be rebuilt from the ", present.Count(),
                                                    " other fragments present"));
}

absl::StatusOr<NodeSet> ErasureCode::HelpersFor(NodeIndex target, NodeSet present) const {
  WORLDB_ASSIGN_OR_RETURN(const RepairPlan plan, PlanRepair(target, present));
  return plan.helpers;
}

absl::StatusOr<Bytes> ErasureCode::RebuildFragment(NodeIndex target, NodeSet present,
                                                   const FragmentSpans& fragments) const {
  WORLDB_ASSIGN_OR_RETURN(const RepairPlan plan, PlanRepair(target, present));
  Bytes coefficients;
  std::vector<const std::uint8_t*> sources;
  std::optional<std::size_t> fragment_bytes;
  bool all_ones = true;
  for (int node = 0; node < kNodeCount; ++node) {
    if (!plan.helpers.Has(node)) continue;
    const ByteSpan fragment = fragments[AsSize(node)];
    if (fragment_bytes.value_or(fragment.size()) != fragment.size()) {
      return absl::InvalidArgumentError(absl::StrCat("fragment ", node, " has ", fragment.size(),
                                                     " bytes, not ", *fragment_bytes));
    }
    fragment_bytes = fragment.size();
    sources.push_back(fragment.data());
    coefficients.push_back(plan.coefficients[AsSize(node)]);
    all_ones = all_ones && coefficients.back() == 1;
  }
  Bytes out(fragment_bytes.value_or(0));
  if (all_ones) {
    for (const std::uint8_t* source : sources) {
      for (std::size_t i = 0; i < out.size(); ++i) out[i] ^= source[i];
    }
    return out;
  }
  std::vector<std::uint8_t*> outputs = {out.data()};
  Multiply(ExpandTables(coefficients, static_cast<int>(sources.size()), 1), out.size(), sources,
           outputs);
  return out;
}

}  // namespace worldb::cryptoscatter
