// Bit-sliced arithmetic: plane p of a sliced secret holds bit p of each of its (up to 64) bytes,
// bit i of the plane for byte i. Adding is XOR of planes. Multiplying all bytes by x is a rotation
// of the eight planes with the top one folded into planes 2, 3 and 4 (0x11d = x^8+x^4+x^3+x^2+1),
// so multiplying by a public constant is a handful of plane XORs that never look at the data.
#include "cryptoscatter/key_sharing.h"

#include <cstring>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"

namespace worldb::cryptoscatter {
namespace {

constexpr std::size_t kBlockBytes = 8;
constexpr std::size_t kBlockCount = kKeyShareBytes / kBlockBytes;
static_assert(kKeyShareBytes % kBlockBytes == 0 && kKeyShareBytes <= 64);
constexpr int kColumnsMax = kNodeCount;

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

// sum += factor * term. The loop and the branch follow the public factor only.
void MultiplyAdd(std::uint8_t factor, const Planes& term, Planes& sum) {
  Planes power = term;  // term times x^bit
  for (unsigned rest = factor; rest != 0; rest >>= 1) {
    if (rest & 1) {
      for (std::size_t p = 0; p < 8; ++p) sum.plane[p] ^= power.plane[p];
    }
    const std::uint64_t top = power.plane[7];
    for (std::size_t p = 7; p > 0; --p) power.plane[p] = power.plane[p - 1];
    power.plane[0] = top;
    power.plane[2] ^= top;
    power.plane[3] ^= top;
    power.plane[4] ^= top;
  }
}

}  // namespace

KeyShare Scale(std::uint8_t factor, const KeyShare& share) {
  Planes term;
  Planes product;
  Slice(share.ExposeSecret().data(), term);
  MultiplyAdd(factor, term, product);
  KeyShare out;
  Unslice(product, out.ExposeSecretMutable().data());
  return out;
}

void AddTo(KeyShare& sum, const KeyShare& term) {
  const auto out = sum.ExposeSecretMutable();
  const auto in = term.ExposeSecret();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] ^= in[i];
}

KeySharing::KeySharing(gf256::Matrix matrix) : matrix_(std::move(matrix)) {
  WORLDB_CHECK(matrix_.rows() == kNodeCount);
  WORLDB_CHECK(matrix_.columns() >= 1 && matrix_.columns() <= kColumnsMax);
  Bytes secret_vector(static_cast<std::size_t>(matrix_.columns()));
  secret_vector[0] = 1;
  for (std::uint32_t bits = 1; bits < NodeSet::kSubsetCount; ++bits) {
    std::vector<int> rows;
    for (int node = 0; node < kNodeCount; ++node) {
      if (NodeSet::FromBits(bits).Has(node)) rows.push_back(node);
    }
    const std::optional<Bytes> row = gf256::Express(matrix_.Rows(rows), secret_vector);
    if (!row.has_value()) continue;
    can_read_[bits] = true;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      combine_[bits][static_cast<std::size_t>(rows[i])] = (*row)[i];
    }
  }
}

KeyShares KeySharing::Split(const KeySecret& secret, Entropy& entropy) const {
  const std::size_t columns = static_cast<std::size_t>(matrix_.columns());
  std::array<Planes, kColumnsMax> vector;
  Slice(secret.ExposeSecret().data(), vector[0]);
  SecretArray<(kColumnsMax - 1) * kKeyShareBytes> coefficients;
  const MutableByteSpan drawn =
      coefficients.ExposeSecretMutable().first((columns - 1) * kKeyShareBytes);
  if (!drawn.empty()) entropy.Fill(drawn);
  for (std::size_t c = 1; c < columns; ++c) {
    Slice(drawn.data() + (c - 1) * kKeyShareBytes, vector[c]);
  }
  KeyShares shares;
  for (int node = 0; node < kNodeCount; ++node) {
    Planes sum;
    for (std::size_t c = 0; c < columns; ++c) {
      MultiplyAdd(matrix_.at(node, static_cast<int>(c)), vector[c], sum);
    }
    Unslice(sum, shares[static_cast<std::size_t>(node)].ExposeSecretMutable().data());
  }
  return shares;
}

absl::StatusOr<KeySecret> KeySharing::Combine(std::span<const IndexedKeyShare> shares) const {
  NodeSet present;
  for (const IndexedKeyShare& indexed : shares) {
    if (indexed.index.value() >= kNodeCount || present.Has(indexed.index)) {
      return absl::InvalidArgumentError(absl::StrCat("key share index ", indexed.index.value(),
                                                     " is out of range or given twice"));
    }
    present.Add(indexed.index);
  }
  if (!CanRead(present)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the ", present.Count(), " key shares present are not of a reading set"));
  }
  Planes sum;
  for (const IndexedKeyShare& indexed : shares) {
    const std::uint8_t factor = combine_[present.bits()][indexed.index.value()];
    if (factor == 0) continue;
    Planes term;
    Slice(indexed.share.ExposeSecret().data(), term);
    MultiplyAdd(factor, term, sum);
  }
  KeySecret secret;
  Unslice(sum, secret.ExposeSecretMutable().data());
  return secret;
}

}  // namespace worldb::cryptoscatter
