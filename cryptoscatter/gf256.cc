#include "cryptoscatter/gf256.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cryptoscatter/base/check.h"

namespace worldb::cryptoscatter::gf256 {
namespace {

constexpr int kGroupOrder = 255;

struct Tables {
  std::array<std::uint8_t, 2 * kGroupOrder> exp{};  // powers of 2, twice over
  std::array<std::uint8_t, 256> log{};
};

constexpr Tables MakeTables() {
  Tables t;
  unsigned power = 1;
  for (int i = 0; i < kGroupOrder; ++i) {
    t.exp[i] = t.exp[i + kGroupOrder] = static_cast<std::uint8_t>(power);
    t.log[power] = static_cast<std::uint8_t>(i);
    power <<= 1;
    if (power & 0x100) power ^= 0x11d;
  }
  return t;
}

constexpr Tables kTables = MakeTables();

void SwapRows(Matrix& m, int a, int b) {
  for (int c = 0; c < m.columns(); ++c) std::swap(m.at(a, c), m.at(b, c));
}

// Row-reduces the first `columns` columns in place; returns the pivot column of each pivot row.
std::vector<int> Reduce(Matrix& m, int columns) {
  std::vector<int> pivots;
  for (int column = 0; column < columns; ++column) {
    const int top = static_cast<int>(pivots.size());
    int found = top;
    while (found < m.rows() && m.at(found, column) == 0) ++found;
    if (found == m.rows()) continue;
    SwapRows(m, top, found);
    const std::uint8_t scale = Inverse(m.at(top, column));
    for (int c = 0; c < m.columns(); ++c) m.at(top, c) = Multiply(m.at(top, c), scale);
    for (int r = 0; r < m.rows(); ++r) {
      const std::uint8_t factor = m.at(r, column);
      if (r == top || factor == 0) continue;
      for (int c = 0; c < m.columns(); ++c) m.at(r, c) ^= Multiply(factor, m.at(top, c));
    }
    pivots.push_back(column);
  }
  return pivots;
}

}  // namespace

std::uint8_t Multiply(std::uint8_t a, std::uint8_t b) {
  if (a == 0 || b == 0) return 0;
  return kTables.exp[kTables.log[a] + kTables.log[b]];
}

std::uint8_t Inverse(std::uint8_t a) {
  WORLDB_CHECK(a != 0);
  return kTables.exp[kGroupOrder - kTables.log[a]];
}

std::uint8_t Power(std::uint8_t base, int exponent) {
  std::uint8_t out = 1;
  for (int i = 0; i < exponent; ++i) out = Multiply(out, base);
  return out;
}

Matrix Matrix::Rows(const std::vector<int>& indices) const {
  Matrix out(static_cast<int>(indices.size()), columns_);
  for (int r = 0; r < out.rows_; ++r) {
    for (int c = 0; c < columns_; ++c) out.at(r, c) = at(indices[static_cast<std::size_t>(r)], c);
  }
  return out;
}

Bytes RowSpace::Rest(ByteSpan row) const {
  WORLDB_CHECK(row.size() == columns_);
  Bytes rest(row.begin(), row.end());
  for (const Pivot& pivot : pivots_) {
    const std::uint8_t factor = rest[pivot.column];
    if (factor == 0) continue;
    for (std::size_t c = pivot.column; c < columns_; ++c) {
      rest[c] ^= Multiply(factor, pivot.row[c]);
    }
  }
  return rest;
}

void RowSpace::Add(ByteSpan row) {
  Bytes rest = Rest(row);
  const auto first =
      std::find_if(rest.begin(), rest.end(), [](std::uint8_t cell) { return cell != 0; });
  if (first == rest.end()) return;
  const auto column = static_cast<std::size_t>(first - rest.begin());
  const std::uint8_t scale = Inverse(*first);
  for (std::size_t c = column; c < columns_; ++c) rest[c] = Multiply(rest[c], scale);
  pivots_.push_back({column, std::move(rest)});
}

bool RowSpace::Contains(ByteSpan row) const {
  const Bytes rest = Rest(row);
  return std::all_of(rest.begin(), rest.end(), [](std::uint8_t cell) { return cell == 0; });
}

int Rank(const Matrix& m) {
  Matrix work = m;
  return static_cast<int>(Reduce(work, work.columns()).size());
}

std::optional<Bytes> Express(const Matrix& m, ByteSpan target) {
  WORLDB_CHECK(static_cast<int>(target.size()) == m.columns());
  // Solve m^T c = target; pivots are taken in row order of m, free coefficients stay zero.
  Matrix work(m.columns(), m.rows() + 1);
  for (int r = 0; r < m.rows(); ++r) {
    for (int c = 0; c < m.columns(); ++c) work.at(c, r) = m.at(r, c);
  }
  for (int c = 0; c < m.columns(); ++c) work.at(c, m.rows()) = target[static_cast<std::size_t>(c)];
  const std::vector<int> pivots = Reduce(work, m.rows());
  for (int r = static_cast<int>(pivots.size()); r < work.rows(); ++r) {
    if (work.at(r, m.rows()) != 0) return std::nullopt;
  }
  Bytes out(static_cast<std::size_t>(m.rows()));
  for (std::size_t i = 0; i < pivots.size(); ++i) {
    out[static_cast<std::size_t>(pivots[i])] = work.at(static_cast<int>(i), m.rows());
  }
  return out;
}

}  // namespace worldb::cryptoscatter::gf256
