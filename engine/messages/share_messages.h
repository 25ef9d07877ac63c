// How shares are handed to nodes, listed and fetched by readers.
#ifndef WORLDB_ENGINE_MESSAGES_SHARE_MESSAGES_H_
#define WORLDB_ENGINE_MESSAGES_SHARE_MESSAGES_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "arbiter/log_entry.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/exchange.h"
#include "cryptoscatter/sealed_value.h"
#include "cryptoscatter/share.h"
#include "engine/messages/payload.h"

namespace worldb::engine {

// Names one version of one key, whatever is stored of it.
struct VersionRef {
  KeyTag key_tag;
  SlotEpoch slot_epoch;
  Version version;
  friend auto operator<=>(const VersionRef&, const VersionRef&) = default;
};

// One node's share of one version, with its key share still sealed by the writer.
struct ShareDelivery {
  cryptoscatter::Share share;
  cryptoscatter::SealedKeyShare key_share;
  cryptoscatter::ExchangePublicKey writer_exchange_key;
};
struct PutShares {
  RequestId id = 0;
  std::vector<std::shared_ptr<const ShareDelivery>> deliveries;
};
struct ShareRefusal {
  std::uint32_t delivery = 0;  // which one of the call
  std::string reason;
  // The writer's fault, and the node's word for it: it will never hold this share.
  std::optional<cryptoscatter::Refusal> writers_fault = std::nullopt;
};
struct PutSharesReply {
  RequestId id = 0;
  std::vector<ShareRefusal> refusals;  // by delivery
  // Of the receipts for all others, in their order, which are verified and synced: SignClaims().
  std::vector<cryptoscatter::Signature> receipts;
};
// Does the receiver hold its share, whole and of this commitment? Asked by a home that has lost the payload.
struct ProbeShare {
  RequestId id = 0;
  VersionRef version;
  CommitmentId commitment;
};
struct ProbeShareReply {
  RequestId id = 0;
  bool absent = false;                            // there is none of this version
  std::optional<cryptoscatter::Receipt> receipt;  // it does; neither: it cannot say yet
};
struct ListShares {
  RequestId id = 0;
  KeyTag key_tag;
};
struct ListedShare {
  SlotEpoch slot_epoch;
  Version version;
  CoreId core;
  ScriptId script;
  std::uint64_t payload_bytes = 0;  // of sealed ciphertext
  friend auto operator<=>(const ListedShare&, const ListedShare&) = default;
};
struct ListSharesReply {
  RequestId id = 0;
  absl::Status status;
  std::vector<ListedShare> shares;
};
struct FetchShare {
  RequestId id = 0;
  KeyTag key_tag;
  SlotEpoch slot_epoch;
  Version version;
  cryptoscatter::ExchangePublicKey reader_exchange_key;
};
struct FetchShareReply {
  RequestId id = 0;
  absl::Status status;
  std::shared_ptr<const cryptoscatter::Share> share;
  cryptoscatter::SealedKeyShare key_share;  // sealed to the reader
};
// The same of the newest version that the receiver holds, whichever that is; FailedPrecondition if its
// fragment is larger.
struct FetchNewest {
  static constexpr std::size_t kFragmentBytesMax = 2048;
  RequestId id = 0;
  KeyTag key_tag;
  cryptoscatter::ExchangePublicKey reader_exchange_key;
};
// Fetches that go to one node together. Each is judged and answered for itself, in a message with others or
// in one of its own; those above the bound, of each kind, are not answered.
struct FetchShares {
  static constexpr std::size_t kFetchesMax = 256;
  std::vector<FetchShare> fetches;
  std::vector<FetchNewest> newest;
};
struct FetchSharesReply {
  std::vector<FetchShareReply> replies;
};
// A share whose ciphertext is not staged any more: the receiver makes its fragment out of others'
// and answers with PutSharesReply once all of it is verified and synced.
struct OwedShare {
  RequestId id = 0;
  std::shared_ptr<const ShareDelivery> delivery;  // its fragment is empty
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_MESSAGES_SHARE_MESSAGES_H_
