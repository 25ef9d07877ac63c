#include "cryptoscatter/erasure_code.h"

#include <isa-l/erasure_code.h>

#include <algorithm>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/base/upper_halves.h"

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
void Multiply(const Bytes& tables, std::size_t bytes, std::span<const std::uint8_t*> sources,
              std::span<std::uint8_t*> outputs) {
  if (bytes == 0 || outputs.empty()) return;
  ec_encode_data(static_cast<int>(bytes), static_cast<int>(sources.size()),
                 static_cast<int>(outputs.size()), const_cast<std::uint8_t*>(tables.data()),
                 const_cast<std::uint8_t**>(sources.data()), outputs.data());
  ClearUpperHalves();
}

void GrowTo(std::size_t bytes, Bytes& scratch) {
  if (scratch.size() < bytes) scratch.resize(bytes);
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

std::size_t ErasureCode::PieceBytes(std::size_t stripe_bytes) const {
  return CeilDivide(stripe_bytes, AsSize(data_count()));
}

std::size_t ErasureCode::FragmentBytes(int data_count, std::size_t ciphertext_bytes) {
  const std::size_t stripe_bytes = kStripeUnitBytes * AsSize(data_count);
  return ciphertext_bytes / stripe_bytes * kStripeUnitBytes +
         CeilDivide(ciphertext_bytes % stripe_bytes, AsSize(data_count));
}

FragmentSpans ErasureCode::EncodeColumns(ByteSpan stripe, std::size_t begin, std::size_t count,
                                         Bytes& scratch) const {
  const std::size_t k = AsSize(data_count());
  const std::size_t piece_bytes = PieceBytes(stripe.size());
  WORLDB_CHECK(begin + count <= piece_bytes);
  std::size_t own_count = kNodeCount - k;  // pieces that are not all in `stripe`
  for (std::size_t i = 0; i < k; ++i) {
    if (i * piece_bytes + begin + count > stripe.size()) ++own_count;
  }
  GrowTo(own_count * count, scratch);
  MutableByteSpan own = MutableByteSpan(scratch).first(own_count * count);
  FragmentSpans pieces;
  std::array<const std::uint8_t*, kNodeCount> sources;
  for (std::size_t i = 0; i < k; ++i) {
    const std::size_t at = std::min(stripe.size(), i * piece_bytes + begin);
    ByteSpan piece = stripe.subspan(at, std::min(count, stripe.size() - at));
    if (piece.size() < count) {
      const MutableByteSpan padded = own.last(count);
      own = own.first(own.size() - count);
      std::fill(std::copy(piece.begin(), piece.end(), padded.begin()), padded.end(), 0);
      piece = padded;
    }
    pieces[AsSize(data_node_[i])] = piece;
    sources[i] = piece.data();
  }
  std::array<std::uint8_t*, kNodeCount> outputs;
  for (std::size_t i = 0; i < kNodeCount - k; ++i) {
    const MutableByteSpan piece = own.subspan(i * count, count);
    pieces[AsSize(parity_node_[i])] = piece;
    outputs[i] = piece.data();
  }
  Multiply(encode_tables_, count, std::span(sources).first(k),
           std::span(outputs).first(kNodeCount - k));
  return pieces;
}

Fragments ErasureCode::Encode(ByteSpan ciphertext) const {
  Fragments fragments;
  for (Bytes& fragment : fragments) fragment.reserve(FragmentBytes(ciphertext.size()));
  Bytes scratch;
  while (!ciphertext.empty()) {
    const ByteSpan stripe = ciphertext.first(std::min(stripe_bytes(), ciphertext.size()));
    const FragmentSpans pieces = EncodeStripe(stripe, scratch);
    for (std::size_t j = 0; j < pieces.size(); ++j) {
      fragments[j].insert(fragments[j].end(), pieces[j].begin(), pieces[j].end());
    }
    ciphertext = ciphertext.subspan(stripe.size());
  }
  return fragments;
}

absl::StatusOr<ErasureCode::RebuildPlan> ErasureCode::PlanRebuild(NodeSet present) const {
  const int k = data_count();
  if (!CanRebuild(present)) {
    return absl::FailedPreconditionError(absl::StrCat("the ciphertext cannot be rebuilt from the ",
                                                      present.Count(), " fragments present"));
  }
  RebuildPlan plan;
  for (int i = 0; i < k; ++i) {
    const int node = data_node_[AsSize(i)];
    if (present.Has(node)) {
      plan.sources.push_back(node);  // first, so they are the preferred pivots
    } else {
      plan.missing.push_back(i);
    }
  }
  if (plan.missing.empty()) return plan;
  for (int i = 0; i < kNodeCount - k; ++i) {
    if (present.Has(parity_node_[AsSize(i)])) plan.sources.push_back(parity_node_[AsSize(i)]);
  }
  const gf256::Matrix rows = generator_.Rows(plan.sources);
  Bytes coefficients;
  for (int piece : plan.missing) {
    const std::optional<Bytes> row = gf256::Express(rows, UnitVector(k, piece));
    WORLDB_CHECK(row.has_value());
    coefficients.insert(coefficients.end(), row->begin(), row->end());
  }
  plan.tables = ExpandTables(coefficients, static_cast<int>(plan.sources.size()),
                             static_cast<int>(plan.missing.size()));
  return plan;
}

absl::StatusOr<ByteSpan> ErasureCode::RebuildStripe(const RebuildPlan& plan,
                                                    const FragmentSpans& pieces,
                                                    std::size_t stripe_bytes,
                                                    Bytes& scratch) const {
  const std::size_t piece_bytes = PieceBytes(stripe_bytes);
  std::array<const std::uint8_t*, kNodeCount> sources;
  for (std::size_t i = 0; i < plan.sources.size(); ++i) {
    const int node = plan.sources[i];
    const ByteSpan piece = pieces[AsSize(node)];
    if (piece.size() != piece_bytes) {
      return absl::InvalidArgumentError(absl::StrCat("fragment ", node, ": a piece of ",
                                                     piece.size(), " bytes, not ", piece_bytes));
    }
    sources[i] = piece.data();
  }
  GrowTo(AsSize(data_count()) * piece_bytes, scratch);
  std::array<std::uint8_t*, kNodeCount> outputs;
  for (std::size_t m = 0; m < plan.missing.size(); ++m) {
    outputs[m] = scratch.data() + AsSize(plan.missing[m]) * piece_bytes;
  }
  Multiply(plan.tables, piece_bytes, std::span(sources).first(plan.sources.size()),
           std::span(outputs).first(plan.missing.size()));
  for (int node : plan.sources) {
    const int column = data_column_[AsSize(node)];
    if (column < 0) continue;
    std::copy_n(pieces[AsSize(node)].begin(), piece_bytes,
                scratch.begin() + static_cast<std::ptrdiff_t>(AsSize(column) * piece_bytes));
  }
  return ByteSpan(scratch).first(stripe_bytes);
}

absl::StatusOr<Bytes> ErasureCode::Rebuild(NodeSet present, const FragmentSpans& fragments,
                                           std::size_t ciphertext_bytes) const {
  WORLDB_ASSIGN_OR_RETURN(const RebuildPlan plan, PlanRebuild(present));
  const std::size_t fragment_bytes = FragmentBytes(ciphertext_bytes);
  for (int node : plan.sources) {
    if (fragments[AsSize(node)].size() != fragment_bytes) {
      return absl::InvalidArgumentError(absl::StrCat("fragment ", node, " has ",
                                                     fragments[AsSize(node)].size(), " bytes, not ",
                                                     fragment_bytes));
    }
  }
  Bytes ciphertext;
  ciphertext.reserve(ciphertext_bytes);
  Bytes scratch;
  for (std::size_t at = 0; ciphertext.size() < ciphertext_bytes; at += kStripeUnitBytes) {
    const std::size_t bytes = std::min(stripe_bytes(), ciphertext_bytes - ciphertext.size());
    FragmentSpans pieces;
    for (int node : plan.sources) {
      pieces[AsSize(node)] = fragments[AsSize(node)].subspan(at, PieceBytes(bytes));
    }
    WORLDB_ASSIGN_OR_RETURN(const ByteSpan stripe, RebuildStripe(plan, pieces, bytes, scratch));
    ciphertext.insert(ciphertext.end(), stripe.begin(), stripe.end());
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
