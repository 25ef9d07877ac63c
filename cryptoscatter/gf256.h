// GF(2^8) modulo 0x11d, for PUBLIC data: the matrices of codes and of key sharing.
//
// Secrets: none may enter: products are table look-ups indexed by the operands. Key shares use the
//          bit-sliced arithmetic of key_sharing.cc.
// Threads: pure functions; Matrix is a plain value.
#ifndef WORLDB_CRYPTOSCATTER_GF256_H_
#define WORLDB_CRYPTOSCATTER_GF256_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "cryptoscatter/base/bytes.h"

namespace worldb::cryptoscatter::gf256 {

std::uint8_t Multiply(std::uint8_t a, std::uint8_t b);
// REQUIRES: a != 0.
std::uint8_t Inverse(std::uint8_t a);
std::uint8_t Power(std::uint8_t base, int exponent);

// Row-major.
class Matrix {
 public:
  Matrix() = default;
  Matrix(int rows, int columns)
      : rows_(rows), columns_(columns), cells_(static_cast<std::size_t>(rows * columns)) {}

  int rows() const { return rows_; }
  int columns() const { return columns_; }
  std::uint8_t& at(int row, int column) {
    return cells_[static_cast<std::size_t>(row * columns_ + column)];
  }
  std::uint8_t at(int row, int column) const {
    return cells_[static_cast<std::size_t>(row * columns_ + column)];
  }
  ByteSpan row(int index) const {
    return ByteSpan(cells_).subspan(static_cast<std::size_t>(index * columns_),
                                    static_cast<std::size_t>(columns_));
  }
  const Bytes& cells() const { return cells_; }
  // The rows named by `indices`, in that order.
  Matrix Rows(const std::vector<int>& indices) const;
  friend bool operator==(const Matrix&, const Matrix&) = default;

 private:
  int rows_ = 0;
  int columns_ = 0;
  Bytes cells_;
};

// The space that some rows span, growing row by row.
class RowSpace {
 public:
  explicit RowSpace(int columns) : columns_(static_cast<std::size_t>(columns)) {}

  // REQUIRES of both: a row of so many columns.
  void Add(ByteSpan row);
  bool Contains(ByteSpan row) const;

 private:
  // `row` less all that the space has of it: zero if it is in the space.
  Bytes Rest(ByteSpan row) const;

  // With a one at its first cell that is not zero, where those added later have zeros.
  struct Pivot {
    std::size_t column;
    Bytes row;
  };
  std::size_t columns_;
  std::vector<Pivot> pivots_;
};

int Rank(const Matrix& m);
// Coefficients c with sum of c[i] * row i == target; rows come first in preference order, so a
// later row has a non-zero coefficient only if the earlier ones do not span the target. nullopt
// when the target is not in the row space. REQUIRES: target.size() == m.columns().
std::optional<Bytes> Express(const Matrix& m, ByteSpan target);

}  // namespace worldb::cryptoscatter::gf256

#endif  // WORLDB_CRYPTOSCATTER_GF256_H_
