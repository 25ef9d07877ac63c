// The nine shares of one version, ready to be handed to their nodes.
//
// Threads: plain values; pure work, which may run on the pool.
// Source:  docs/share-format.md section 10.
#ifndef WORLDB_ENGINE_SCATTER_DELIVERIES_H_
#define WORLDB_ENGINE_SCATTER_DELIVERIES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/script.h"
#include "engine/messages/payload.h"
#include "engine/messages/share_messages.h"

namespace worldb::engine {

struct Deliveries {
  CoreId core;
  bool owed = false;      // made of what is left of a payload: no share has its fragment
  std::size_t bytes = 0;  // of all nine
  std::array<std::shared_ptr<const ShareDelivery>, kNodeCount> shares;
};

// What one takes of a batch and of memory, and what all nine of a payload will.
std::size_t BytesOf(const ShareDelivery& delivery);
std::size_t BytesOfNine(const cryptoscatter::Script& script, std::uint64_t ciphertext_bytes);

// Whether this node has compared the ciphertext with what the writer signed before.
enum class Ciphertext { kChecked, kToCheck };
// Codes the ciphertext and makes the nine shares; without ciphertext, the shares have no fragments.
// InvalidArgument when the ciphertext is checked and not what the writer signed.
absl::StatusOr<std::shared_ptr<const Deliveries>> MakeDeliveries(
    const cryptoscatter::Script& script, const Payload& payload, Ciphertext ciphertext, Slot slot,
    SlotEpoch slot_epoch, Version version);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SCATTER_DELIVERIES_H_
