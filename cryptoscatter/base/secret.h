// Secret bytes: move-only, wiped on destruction, never printed or converted. A SecretArray and a
// SecretSlot lie in locked memory (secret_memory.h), which moving hands over; SecretBytes, for
// plaintext of any length, on the heap.
//
// ExposeSecret() is the one way in, so every use can be found by search.
// Threads: plain values, one owner.
#ifndef WORLDB_CRYPTOSCATTER_BASE_SECRET_H_
#define WORLDB_CRYPTOSCATTER_BASE_SECRET_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/secret_memory.h"

namespace worldb {

// Overwrites memory in a way the compiler may not drop.
void WipeMemory(MutableByteSpan bytes);
// True when equal; time does not depend on where they differ. REQUIRES: same size.
bool EqualConstantTime(ByteSpan a, ByteSpan b);

template <std::size_t N>
class SecretArray {
 public:
  // All zero.
  SecretArray() : bytes_(AllocateSecret(N)) {}
  ~SecretArray() {
    if (bytes_ != nullptr) FreeSecret(bytes_, N);
  }
  // What was moved from may only be destroyed or assigned to.
  SecretArray(SecretArray&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)) {}
  SecretArray& operator=(SecretArray&& other) noexcept {
    if (this != &other) {
      if (bytes_ != nullptr) FreeSecret(bytes_, N);
      bytes_ = std::exchange(other.bytes_, nullptr);
    }
    return *this;
  }
  SecretArray(const SecretArray&) = delete;
  SecretArray& operator=(const SecretArray&) = delete;

  // A deliberate second copy, easy to search for.
  SecretArray Duplicate() const {
    SecretArray copy;
    std::copy_n(ExposeSecret().begin(), N, copy.bytes_);
    return copy;
  }
  static constexpr std::size_t size() { return N; }
  std::span<const std::uint8_t, N> ExposeSecret() const {
    WORLDB_CHECK(bytes_ != nullptr);
    return std::span<const std::uint8_t, N>(bytes_, N);
  }
  std::span<std::uint8_t, N> ExposeSecretMutable() {
    WORLDB_CHECK(bytes_ != nullptr);
    return std::span<std::uint8_t, N>(bytes_, N);
  }

 private:
  static_assert(N >= 1 && N <= kSecretSlotBytesMax);
  std::uint8_t* bytes_;
};

// The same of a size that is known at run time, 0 to kSecretSlotBytesMax. What was moved from is empty.
class SecretSlot {
 public:
  SecretSlot() = default;
  // All zero.
  explicit SecretSlot(std::size_t size)
      : bytes_(size == 0 ? nullptr : AllocateSecret(size)), size_(size) {}
  ~SecretSlot() { Free(); }
  SecretSlot(SecretSlot&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  SecretSlot& operator=(SecretSlot&& other) noexcept {
    if (this != &other) {
      Free();
      bytes_ = std::exchange(other.bytes_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  SecretSlot(const SecretSlot&) = delete;
  SecretSlot& operator=(const SecretSlot&) = delete;

  SecretSlot Duplicate() const {
    SecretSlot copy(size_);
    std::copy_n(bytes_, size_, copy.bytes_);
    return copy;
  }
  std::size_t size() const { return size_; }
  ByteSpan ExposeSecret() const { return {bytes_, size_}; }
  MutableByteSpan ExposeSecretMutable() { return {bytes_, size_}; }

 private:
  void Free() {
    if (bytes_ != nullptr) FreeSecret(bytes_, size_);
  }

  std::uint8_t* bytes_ = nullptr;
  std::size_t size_ = 0;
};

// A secret of any length, on the heap.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size) : bytes_(size) {}
  explicit SecretBytes(Bytes&& bytes) : bytes_(std::move(bytes)) {}
  ~SecretBytes() { WipeMemory(bytes_); }
  SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) {
    other.bytes_.clear();
  }
  SecretBytes& operator=(SecretBytes&& other) noexcept {
    if (this != &other) {
      WipeMemory(bytes_);
      bytes_ = std::move(other.bytes_);
      other.bytes_.clear();
    }
    return *this;
  }
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;

  std::size_t size() const { return bytes_.size(); }
  ByteSpan ExposeSecret() const { return bytes_; }
  MutableByteSpan ExposeSecretMutable() { return bytes_; }

 private:
  Bytes bytes_;
};

}  // namespace worldb

#endif  // WORLDB_CRYPTOSCATTER_BASE_SECRET_H_
