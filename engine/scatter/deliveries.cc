#include "engine/scatter/deliveries.h"

#include <algorithm>
#include <utility>

#include "cryptoscatter/base/status_macros.h"

namespace worldb::engine {
namespace {

// A share without its fragment, generously.
constexpr std::size_t kRecordBytes = 1024;

}  // namespace

std::size_t BytesOf(const ShareDelivery& delivery) {
  return kRecordBytes + delivery.share.fragment.size();
}

std::size_t BytesOfNine(const cryptoscatter::Script& script, std::uint64_t ciphertext_bytes) {
  // No log entry is trusted with more than there can be.
  const std::size_t bytes = static_cast<std::size_t>(
      std::min<std::uint64_t>(ciphertext_bytes, 2 * cryptoscatter::kSealedPlaintextBytesMax));
  return kNodeCount * (kRecordBytes + script.code().FragmentBytes(bytes));
}

absl::StatusOr<std::shared_ptr<const Deliveries>> MakeDeliveries(
    const cryptoscatter::Script& script, const Payload& payload, Ciphertext ciphertext, Slot slot,
    SlotEpoch slot_epoch, Version version) {
  const cryptoscatter::SealedValue& sealed = payload.sealed;
  cryptoscatter::Fragments fragments;
  if (payload.whole() && ciphertext == Ciphertext::kChecked) {
    fragments = script.code().Encode(sealed.ciphertext);
  } else if (payload.whole()) {
    WORLDB_ASSIGN_OR_RETURN(fragments, cryptoscatter::CheckSealedValue(script, sealed));
  }
  auto shares = cryptoscatter::MakeShares(sealed, std::move(fragments), slot, slot_epoch, version);
  auto deliveries = std::make_shared<Deliveries>();
  deliveries->core = sealed.core.Id();
  deliveries->owed = !payload.whole();
  for (std::size_t i = 0; i < shares.size(); ++i) {
    deliveries->shares[i] = std::make_shared<const ShareDelivery>(
        ShareDelivery{std::move(shares[i]), sealed.key_shares[i], sealed.writer_exchange_key});
    deliveries->bytes += BytesOf(*deliveries->shares[i]);
  }
  return deliveries;
}

}  // namespace worldb::engine
