#include "cryptoscatter/base/secret_memory.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/mutex.h"

namespace worldb {
namespace {

constexpr std::size_t kSlabBytes = std::size_t{64} << 10;
constexpr std::size_t kSlotBytesMin = 32;
constexpr std::size_t kSizeCount = 5;  // 32, 64, 128, 256, 512
static_assert(kSlotBytesMin << (kSizeCount - 1) == kSecretSlotBytesMax);
// Slots of one size that a thread keeps at most; it fetches and returns half of that at a time.
constexpr std::size_t kStockMax = 32;

std::size_t SizeIndex(std::size_t bytes) {
  WORLDB_CHECK(bytes >= 1 && bytes <= kSecretSlotBytesMax);
  return static_cast<std::size_t>(
      std::bit_width((std::max(bytes, kSlotBytesMin) - 1) / kSlotBytesMin));
}
constexpr std::size_t SlotBytes(std::size_t size) { return kSlotBytesMin << size; }

// The slabs, and the slots that no thread has.
class Slabs {
 public:
  Slabs() { WORLDB_CHECK(sodium_init() >= 0); }

  std::uint8_t* Take(std::size_t size) {
    MutexLock lock(mu_);
    std::vector<std::uint8_t*>& free = free_[size];
    if (free.empty()) return Cut(SlotBytes(size));
    std::uint8_t* slot = free.back();
    free.pop_back();
    return slot;
  }
  void Give(std::size_t size, std::uint8_t* slot) {
    MutexLock lock(mu_);
    free_[size].push_back(slot);
  }
  SecretMemoryStatus status() {
    MutexLock lock(mu_);
    return status_;
  }

 private:
  std::uint8_t* Cut(std::size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (rest_bytes_ < bytes) AddSlab();
    std::uint8_t* slot = rest_;
    rest_ += bytes;
    rest_bytes_ -= bytes;
    return slot;
  }
  // What is left of the slab before is smaller than the slot wanted, and stays unused.
  void AddSlab() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    rest_ = static_cast<std::uint8_t*>(sodium_malloc(kSlabBytes));
    WORLDB_CHECK(rest_ != nullptr);  // no memory at all
    rest_bytes_ = kSlabBytes;
    // sodium_malloc() has tried to lock it and does not say with what success.
    const bool locked = sodium_mlock(rest_, kSlabBytes) == 0;
    (locked ? status_.locked_bytes : status_.unlocked_bytes) += kSlabBytes;
    sodium_memzero(rest_, kSlabBytes);
  }

  Mutex mu_;
  std::array<std::vector<std::uint8_t*>, kSizeCount> free_ ABSL_GUARDED_BY(mu_);
  std::uint8_t* rest_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::size_t rest_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  SecretMemoryStatus status_ ABSL_GUARDED_BY(mu_);
};

// Never destroyed: secrets of other static objects may outlive any order of destruction.
Slabs& AllSlabs() {
  static Slabs& slabs = *new Slabs();
  return slabs;
}

// Says whether this thread's stock is gone already; trivial, so it can be asked until the very end.
thread_local bool stock_is_gone = false;

class Stock {
 public:
  Stock() = default;
  Stock(const Stock&) = delete;
  Stock& operator=(const Stock&) = delete;
  ~Stock() {
    stock_is_gone = true;
    for (std::size_t size = 0; size < kSizeCount; ++size) Return(size, counts_[size]);
  }

  std::uint8_t* Take(std::size_t size) {
    std::size_t& count = counts_[size];
    if (count == 0) {
      while (count < kStockMax / 2) slots_[size][count++] = AllSlabs().Take(size);
    }
    return slots_[size][--count];
  }
  void Give(std::size_t size, std::uint8_t* slot) {
    if (counts_[size] == kStockMax) Return(size, kStockMax / 2);
    slots_[size][counts_[size]++] = slot;
  }

 private:
  void Return(std::size_t size, std::size_t how_many) {
    for (; how_many > 0; --how_many) AllSlabs().Give(size, slots_[size][--counts_[size]]);
  }

  std::array<std::size_t, kSizeCount> counts_{};
  std::array<std::array<std::uint8_t*, kStockMax>, kSizeCount> slots_{};
};

thread_local Stock stock;

}  // namespace

std::uint8_t* AllocateSecret(std::size_t bytes) {
  const std::size_t size = SizeIndex(bytes);
  return stock_is_gone ? AllSlabs().Take(size) : stock.Take(size);
}

void FreeSecret(std::uint8_t* slot, std::size_t bytes) {
  const std::size_t size = SizeIndex(bytes);
  sodium_memzero(slot, bytes);  // nobody wrote behind them
  stock_is_gone ? AllSlabs().Give(size, slot) : stock.Give(size, slot);
}

SecretMemoryStatus GetSecretMemoryStatus() { return AllSlabs().status(); }

}  // namespace worldb
