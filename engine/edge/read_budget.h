// What the reads of one edge may hold at once, in bytes: shares that come together, the value they make, and
// the answer until its caller has taken it.
//
// Small values have room of their own: answers that nobody takes can keep large values out, but not a
// read of a few bytes.
//
// Bounds:  kLargeBytesMax, kSmallBytesMax and kSpeculativeBytesMax. A value of any size fits when no other large one is read.
// Threads: any.
// Source:  ARCHITECTURE.md invariant 24.
#ifndef WORLDB_ENGINE_EDGE_READ_BUDGET_H_
#define WORLDB_ENGINE_EDGE_READ_BUDGET_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/records.h"
#include "cryptoscatter/script.h"
#include "engine/api/budget.h"
#include "engine/messages/share_messages.h"

namespace worldb::engine {

class ReadBudget {
 public:
  static constexpr std::uint64_t kLargeBytesMax = std::uint64_t{256} << 20;
  static constexpr std::uint64_t kSmallBytesMax = std::uint64_t{64} << 20;
  static constexpr std::uint64_t kSpeculativeBytesMax = std::uint64_t{32} << 20;
  // A fragment, and what says what it is of.
  static constexpr std::uint64_t kSpeculativeShareBytes = FetchNewest::kFragmentBytesMax + 2 * 1024;
  // Of sealed ciphertext; what is above it counts as large.
  static constexpr std::uint64_t kSmallPayloadBytesMax = 16 * 1024;
  // What a read holds whatever its value: its call, its questions, names and reasons.
  static constexpr std::uint64_t kCallBytes = 4 * 1024;

  // Room for one read until its value is opened: the fragments of all nodes, for all may have to be asked,
  // the value, and its answer. Nullopt when there is none.
  std::optional<Budget::Charge> TryCharge(const cryptoscatter::Script& script,
                                          std::uint64_t payload_bytes) {
    // No share has more, whatever was told.
    const std::uint64_t payload =
        std::min<std::uint64_t>(payload_bytes, cryptoscatter::kCiphertextBytesMax);
    const std::uint64_t fragments = kNodeCount * script.code().FragmentBytes(payload);
    Budget& budget = payload > kSmallPayloadBytesMax ? large_ : small_;
    return budget.TryCharge(fragments + payload + AnswerBytes(payload));
  }
  // What is left of it then: the answer as a message, and encoded.
  static std::uint64_t AnswerBytes(std::uint64_t value_bytes) {
    return 2 * value_bytes + kCallBytes;
  }
  // Room for the small shares of so many nodes, which may turn out not to be wanted. It takes none of what
  // reads need to go on.
  std::optional<Budget::Charge> TryChargeSpeculation(int nodes) {
    return speculative_.TryCharge(static_cast<std::uint64_t>(nodes) * kSpeculativeShareBytes);
  }

 private:
  // Under a script of whole copies; a fragment may end with a part of a stripe that is filled up.
  static_assert((kNodeCount + 3) * (cryptoscatter::kCiphertextBytesMax + 64 * 1024) + kCallBytes <=
                kLargeBytesMax);
  static constexpr std::uint64_t kAnyCount = std::numeric_limits<std::uint64_t>::max();

  Budget large_{kAnyCount, kLargeBytesMax};
  Budget small_{kAnyCount, kSmallBytesMax};
  Budget speculative_{kAnyCount, kSpeculativeBytesMax};
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_EDGE_READ_BUDGET_H_
