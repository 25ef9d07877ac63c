// Bit-sliced arithmetic: plane p of a sliced secret holds bit p of each of its (up to 64) bytes,
// bit i of the plane for byte i. Adding is XOR of planes. Multiplying all bytes by x is a rotation
// of the eight planes with the top one folded into planes 2, 3 and 4 (0x11d = x^8+x^4+x^3+x^2+1),
// so multiplying by a public constant is a handful of plane XORs that never look at the data.
#include "cryptoscatter/key_sharing.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"

namespace worldb::cryptoscatter {
namespace {

constexpr std::size_t kBlockBytes = 8;
constexpr std::size_t kBlockCount = kKeyRowBytes / kBlockBytes;
static_assert(kKeyRowBytes % kBlockBytes == 0 && kKeyRowBytes <= 64);
static_assert(kKeyRowsMax * kKeyRowBytes <= kSecretSlotBytesMax);
// Of the coefficients, at a time.
constexpr std::size_t kDrawnMax = 8;

struct Planes {
  std::array<std::uint64_t, 8> plane{};

  Planes() = default;
  Planes(const Planes&) = default;
  Planes& operator=(const Planes&) = default;
  ~Planes() { WipeMemory({reinterpret_cast<std::uint8_t*>(plane.data()), sizeof(plane)}); }
};

// Bit 8r+c goes to bit 8c+r; its own inverse.
std::uint64_t Transpose8x8(std::uint64_t x) {
  std::uint64_t t = (x ^ (x >> 7)) & 0x00AA00AA00AA00AAull;
  x ^= t ^ (t << 7);
  t = (x ^ (x >> 14)) & 0x0000CCCC0000CCCCull;
  x ^= t ^ (t << 14);
  t = (x ^ (x >> 28)) & 0x00000000F0F0F0F0ull;
  return x ^ t ^ (t << 28);
}

std::uint64_t LoadLittle(const std::uint8_t* in) {
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < kBlockBytes; ++i) v |= std::uint64_t{in[i]} << (8 * i);
  return v;
}

void Slice(const std::uint8_t* bytes, Planes& out) {
  out.plane.fill(0);
  for (std::size_t block = 0; block < kBlockCount; ++block) {
    const std::uint64_t t = Transpose8x8(LoadLittle(bytes + block * kBlockBytes));
    for (std::size_t p = 0; p < 8; ++p) out.plane[p] |= ((t >> (8 * p)) & 0xff) << (8 * block);
  }
}

void Unslice(const Planes& in, std::uint8_t* bytes) {
  for (std::size_t block = 0; block < kBlockCount; ++block) {
    std::uint64_t t = 0;
    for (std::size_t p = 0; p < 8; ++p) t |= ((in.plane[p] >> (8 * block)) & 0xff) << (8 * p);
    t = Transpose8x8(t);
    for (std::size_t i = 0; i < kBlockBytes; ++i) {
      bytes[block * kBlockBytes + i] = static_cast<std::uint8_t>(t >> (8 * i));
    }
  }
}

// Times x.
void Double(Planes& term) {
  const std::uint64_t top = term.plane[7];
  for (std::size_t p = 7; p > 0; --p) term.plane[p] = term.plane[p - 1];
  term.plane[0] = top;
  term.plane[2] ^= top;
  term.plane[3] ^= top;
  term.plane[4] ^= top;
}

void Add(const Planes& term, Planes& sum) {
  for (std::size_t p = 0; p < 8; ++p) sum.plane[p] ^= term.plane[p];
}

// sums[i] += factors[i] * term. Loops and branches follow the public factors only.
void MultiplyAdd(std::span<const std::uint8_t> factors, const Planes& term,
                 std::span<Planes> sums) {
  unsigned all = 0;
  for (const std::uint8_t factor : factors) all |= factor;
  if (all == 0) return;
  Planes power = term;  // term times x^bit
  for (unsigned bit = 0;; ++bit) {
    for (std::size_t i = 0; i < factors.size(); ++i) {
      if (factors[i] >> bit & 1) Add(power, sums[i]);
    }
    if (all >> bit == 1) return;
    Double(power);
  }
}

void MultiplyAdd(std::uint8_t factor, const Planes& term, Planes& sum) {
  MultiplyAdd({&factor, 1}, term, {&sum, 1});
}

// Of each leaf, in the order of the text: its node.
void ListPlaces(const KeyPolicy& policy, std::vector<int>& nodes) {
  if (policy.IsLeaf()) {
    nodes.push_back(policy.leaf.value());
    return;
  }
  for (const KeyPolicy& child : policy.children) ListPlaces(child, nodes);
}

int PlaceCount(const KeyPolicy& policy) {
  if (policy.IsLeaf()) return 1;
  return std::accumulate(
      policy.children.begin(), policy.children.end(), 0,
      [](int count, const KeyPolicy& child) { return count + PlaceCount(child); });
}

int CoefficientCount(const KeyPolicy& policy) {
  int count = policy.IsLeaf() ? 0 : policy.threshold - 1;
  for (const KeyPolicy& child : policy.children) count += CoefficientCount(child);
  return count;
}

// The child number x = 1, 2, .. of a gate.
std::uint8_t PointOf(std::size_t child) { return static_cast<std::uint8_t>(child + 1); }

// The vectors of all places, in the order of the text. A gate shares the value of `row` by a
// polynomial of its own fresh coefficients: child x gets row + x c1 + x^2 c2 + ... Columns are
// numbered in depth-first order, a gate's own before its children's.
void ListRows(const KeyPolicy& policy, const Bytes& row, std::size_t& next_column,
              std::vector<Bytes>& rows) {
  if (policy.IsLeaf()) {
    rows.push_back(row);
    return;
  }
  const std::size_t first_column = next_column;
  next_column += static_cast<std::size_t>(policy.threshold - 1);
  for (std::size_t i = 0; i < policy.children.size(); ++i) {
    Bytes child_row = row;
    for (int power = 1; power < policy.threshold; ++power) {
      child_row[first_column + static_cast<std::size_t>(power - 1)] =
          gf256::Power(PointOf(i), power);
    }
    ListRows(policy.children[i], child_row, next_column, rows);
  }
}

// What the value at `points[at]` counts for in the value at 0 of a polynomial through all `points`.
std::uint8_t LagrangeAtZero(const std::vector<std::uint8_t>& points, std::size_t at) {
  std::uint8_t factor = 1;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (i == at) continue;
    const auto difference = static_cast<std::uint8_t>(points[i] ^ points[at]);
    factor = gf256::Multiply(factor, gf256::Multiply(points[i], gf256::Inverse(difference)));
  }
  return factor;
}

}  // namespace

KeyShare::KeyShare(int rows) : bytes_(static_cast<std::size_t>(rows) * kKeyRowBytes) {
  WORLDB_CHECK(rows >= 0 && rows <= kKeyRowsMax);
}

KeyShare Weigh(const gf256::Matrix& factors, const KeyShare& share) {
  WORLDB_CHECK(factors.columns() == share.rows());
  KeyShare out(factors.rows());
  absl::InlinedVector<Planes, 1> terms(static_cast<std::size_t>(share.rows()));
  for (int r = 0; r < share.rows(); ++r) {
    Slice(share.ExposeRow(r).data(), terms[static_cast<std::size_t>(r)]);
  }
  for (int t = 0; t < factors.rows(); ++t) {
    Planes sum;
    for (int r = 0; r < share.rows(); ++r) {
      MultiplyAdd(factors.at(t, r), terms[static_cast<std::size_t>(r)], sum);
    }
    Unslice(sum, out.ExposeRowMutable(t).data());
  }
  return out;
}

void AddTo(KeyShare& sum, const KeyShare& term) {
  WORLDB_CHECK(sum.rows() == term.rows());
  const MutableByteSpan out = sum.ExposeSecretMutable();
  const ByteSpan in = term.ExposeSecret();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] ^= in[i];
}

KeySharing::KeySharing(const KeyPolicy& policy) : policy_(policy) {
  std::vector<int> nodes;
  ListPlaces(policy, nodes);
  for (int node = 0; node < kNodeCount; ++node) {
    const auto rows = static_cast<int>(std::count(nodes.begin(), nodes.end(), node));
    WORLDB_CHECK(rows <= kKeyRowsMax);
    const auto at = static_cast<std::size_t>(node);
    first_row_[at + 1] = first_row_[at] + rows;
  }
  std::array<int, kNodeCount> next_row;
  std::copy_n(first_row_.begin(), next_row.size(), next_row.begin());
  for (const int node : nodes) {
    row_of_place_.push_back(next_row[static_cast<std::size_t>(node)]++);
  }
  matrix_ = gf256::Matrix(static_cast<int>(nodes.size()), 1 + CoefficientCount(policy));
  Bytes secret_row(static_cast<std::size_t>(matrix_.columns()));
  secret_row[0] = 1;
  std::size_t next_column = 1;
  std::vector<Bytes> rows;
  ListRows(policy, secret_row, next_column, rows);
  for (std::size_t place = 0; place < rows.size(); ++place) {
    for (int c = 0; c < matrix_.columns(); ++c) {
      matrix_.at(row_of_place_[place], c) = rows[place][static_cast<std::size_t>(c)];
    }
  }
  for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
    can_read_[bits] = policy.Admits(NodeSet::FromBits(bits));
  }
}

std::vector<int> KeySharing::RowsOf(NodeSet set) const {
  std::vector<int> rows;
  for (int node = 0; node < kNodeCount; ++node) {
    if (!set.Has(node)) continue;
    const auto at = static_cast<std::size_t>(node);
    for (int row = first_row_[at]; row < first_row_[at + 1]; ++row) rows.push_back(row);
  }
  return rows;
}

KeyShares KeySharing::Split(const KeySecret& secret, Entropy& entropy) const {
  const auto columns = static_cast<std::size_t>(matrix_.columns());
  absl::InlinedVector<Planes, kNodeCount> sums(static_cast<std::size_t>(matrix_.rows()));
  absl::InlinedVector<std::uint8_t, kNodeCount> factors(sums.size());
  SecretArray<kDrawnMax * kKeyRowBytes> coefficients;
  Planes term;
  Slice(secret.ExposeSecret().data(), term);
  for (std::size_t c = 0; c < columns; ++c) {
    if (c > 0) {
      const std::size_t drawn = (c - 1) % kDrawnMax;
      if (drawn == 0) {
        entropy.Fill(coefficients.ExposeSecretMutable().first(std::min(kDrawnMax, columns - c) *
                                                              kKeyRowBytes));
      }
      Slice(coefficients.ExposeSecret().subspan(drawn * kKeyRowBytes).data(), term);
    }
    for (std::size_t row = 0; row < factors.size(); ++row) {
      factors[row] = matrix_.at(static_cast<int>(row), static_cast<int>(c));
    }
    MultiplyAdd(factors, term, std::span<Planes>(sums.data(), sums.size()));
  }
  KeyShares shares;
  for (std::size_t node = 0; node < shares.size(); ++node) {
    shares[node] = KeyShare(RowCount(NodeAt(static_cast<int>(node))));
    for (int r = 0; r < shares[node].rows(); ++r) {
      Unslice(sums[static_cast<std::size_t>(first_row_[node] + r)],
              shares[node].ExposeRowMutable(r).data());
    }
  }
  return shares;
}

// Interpolates, gate by gate, out of the first members that `set` satisfies.
void KeySharing::AddFactors(const KeyPolicy& policy, NodeSet set, std::uint8_t scale,
                            int first_place, Factors& factors) const {
  if (policy.IsLeaf()) {
    const int row = row_of_place_[static_cast<std::size_t>(first_place)];
    factors[static_cast<std::size_t>(row)] = scale;
    return;
  }
  std::vector<std::uint8_t> points;
  for (std::size_t i = 0; i < policy.children.size(); ++i) {
    if (static_cast<int>(points.size()) == policy.threshold) break;
    if (policy.children[i].Admits(set)) points.push_back(PointOf(i));
  }
  std::size_t used = 0;
  for (std::size_t i = 0; i < policy.children.size() && used < points.size(); ++i) {
    const KeyPolicy& child = policy.children[i];
    if (PointOf(i) == points[used]) {
      AddFactors(child, set, gf256::Multiply(scale, LagrangeAtZero(points, used)), first_place,
                 factors);
      ++used;
    }
    first_place += PlaceCount(child);
  }
}

KeySharing::Factors KeySharing::FactorsOf(NodeSet qualified) const {
  Factors factors{};
  AddFactors(policy_, qualified, /*scale=*/1, /*first_place=*/0, factors);
  return factors;
}

absl::StatusOr<KeySecret> KeySharing::Combine(std::span<const IndexedKeyShare> shares) const {
  NodeSet present;
  for (const IndexedKeyShare& indexed : shares) {
    if (indexed.index.value() >= kNodeCount || present.Has(indexed.index)) {
      return absl::InvalidArgumentError(absl::StrCat("key share index ", indexed.index.value(),
                                                     " is out of range or given twice"));
    }
    if (indexed.share.rows() != RowCount(indexed.index)) {
      return absl::InvalidArgumentError(
          absl::StrCat("key share ", indexed.index.value(), " has ", indexed.share.rows(),
                       " rows; the key clause names its node ", RowCount(indexed.index), " times"));
    }
    present.Add(indexed.index);
  }
  if (!CanRead(present)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the ", present.Count(), " key shares present are not of a reading set"));
  }
  const Factors factors = FactorsOf(present);
  Planes sum;
  for (const IndexedKeyShare& indexed : shares) {
    const auto first = static_cast<std::size_t>(first_row_[indexed.index.value()]);
    for (int r = 0; r < indexed.share.rows(); ++r) {
      const std::uint8_t factor = factors[first + static_cast<std::size_t>(r)];
      if (factor == 0) continue;
      Planes term;
      Slice(indexed.share.ExposeRow(r).data(), term);
      MultiplyAdd(factor, term, sum);
    }
  }
  KeySecret secret;
  Unslice(sum, secret.ExposeSecretMutable().data());
  return secret;
}

}  // namespace worldb::cryptoscatter
