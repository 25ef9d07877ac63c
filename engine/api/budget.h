// How much may be under way at once: so many ops, and so many bytes of values.
//
// Who wants in is charged first and refused when that is too much, so callers on many threads
// together never pass the bound. At the bound, one that is about to be refused may cost another its
// place for that moment: nothing has been done for it yet, it tries again. What was charged is
// given back when the Charge ends, wherever the op has got to by then: no path can forget it.
// Threads: any; a Charge has one owner at a time, and may outlive its budget.
// Source:  ARCHITECTURE.md invariant 24.
#ifndef WORLDB_ENGINE_API_BUDGET_H_
#define WORLDB_ENGINE_API_BUDGET_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace worldb::engine {

class Budget {
 private:
  struct Spent {
    std::atomic<std::uint64_t> ops = 0;
    std::atomic<std::uint64_t> bytes = 0;

    void GiveBack(std::uint64_t charged_bytes) {
      ops.fetch_sub(1, std::memory_order_relaxed);
      GiveBackBytes(charged_bytes);
    }
    void GiveBackBytes(std::uint64_t charged_bytes) {
      bytes.fetch_sub(charged_bytes, std::memory_order_relaxed);
    }
  };

 public:
  // One op's part of a budget, or of none.
  class Charge {
   public:
    Charge() = default;
    Charge(Charge&& other) noexcept = default;
    Charge& operator=(Charge&& other) noexcept {
      Charge taken(std::move(other));
      std::swap(spent_, taken.spent_);
      std::swap(bytes_, taken.bytes_);
      return *this;
    }
    ~Charge() {
      if (spent_ != nullptr) spent_->GiveBack(bytes_);
    }

    std::uint64_t bytes() const { return bytes_; }
    // Gives back what is above `bytes`; nothing of a smaller charge.
    void ReduceTo(std::uint64_t bytes) {
      if (bytes >= bytes_) return;
      spent_->GiveBackBytes(bytes_ - bytes);
      bytes_ = bytes;
    }

   private:
    friend class Budget;
    Charge(std::shared_ptr<Spent> spent, std::uint64_t bytes)
        : spent_(std::move(spent)), bytes_(bytes) {}

    std::shared_ptr<Spent> spent_;
    std::uint64_t bytes_ = 0;
  };

  Budget(std::uint64_t ops_max, std::uint64_t bytes_max)
      : ops_max_(ops_max), bytes_max_(bytes_max) {}

  // Nullopt when the budget does not hold one op more of so many bytes.
  std::optional<Charge> TryCharge(std::uint64_t bytes) {
    const std::uint64_t ops = spent_->ops.fetch_add(1, std::memory_order_relaxed) + 1;
    const std::uint64_t all = spent_->bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    Charge charge(spent_, bytes);  // gives it back where it is refused
    if (ops > ops_max_ || all > bytes_max_) return std::nullopt;
    return charge;
  }

  std::uint64_t ops() const { return spent_->ops.load(std::memory_order_relaxed); }
  std::uint64_t bytes() const { return spent_->bytes.load(std::memory_order_relaxed); }

 private:
  const std::uint64_t ops_max_;
  const std::uint64_t bytes_max_;
  const std::shared_ptr<Spent> spent_ = std::make_shared<Spent>();
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_API_BUDGET_H_
