// One value, sealed and scattered by the test itself for the cell of a LoneNode: what each of the nine nodes
// is to be handed, and what it makes of it.
#ifndef WORLDB_TESTS_SUPPORT_HAND_SCATTERED_H_
#define WORLDB_TESTS_SUPPORT_HAND_SCATTERED_H_

#include <array>
#include <memory>
#include <utility>

#include "absl/strings/string_view.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/sealed_value.h"
#include "cryptoscatter/share.h"
#include "engine/messages/share_messages.h"
#include "engine/shares/held_share.h"
#include "engine/shares/stored_form.h"
#include "tests/support/lone_node.h"

namespace worldb::testing {

struct HandScattered {
  engine::VersionRef version;
  std::array<std::shared_ptr<const engine::ShareDelivery>, kNodeCount> deliveries;

  const cryptoscatter::Share& share(int node) const {
    return deliveries[static_cast<std::size_t>(node)]->share;
  }
};

// Version 1 of the key, in a batch of one, signed by node 0. Another call for the same key makes another
// value.
inline HandScattered ScatterByHand(
    LoneNode& node, absl::string_view key, absl::string_view value,
    std::shared_ptr<const cryptoscatter::Script> script = cryptoscatter::Script::Nested()) {
  const engine::Cell& cell = node.cell();
  const auto session = cryptoscatter::WriterSession::Create(cell.SealTargets(), node.entropy());
  WORLDB_CHECK(session.ok());
  OpId op;
  op.bytes = node.entropy().Draw<16>();
  const KeyTag tag = cell.KeyTagOf(AsBytes(key));
  auto sealed = cryptoscatter::Seal(*script, {cell.id(), tag, op, AsBytes(key), AsBytes(value)},
                                    *session, node.entropy());
  WORLDB_CHECK(sealed.ok());
  const CommitmentId commitment = sealed->Commitment();
  sealed->proof =
      cryptoscatter::SignBatch(node.secrets(NodeAt(0)).signing, cell.id(), {&commitment, 1})[0];
  auto shares =
      cryptoscatter::MakeShares(*sealed, *cryptoscatter::CheckSealedValue(*script, *sealed),
                                cell.SlotOf(tag), cell.slot_epoch(), Version(1));
  HandScattered out;
  out.version = {tag, cell.slot_epoch(), Version(1)};
  for (std::size_t i = 0; i < shares.size(); ++i) {
    out.deliveries[i] = std::make_shared<const engine::ShareDelivery>(engine::ShareDelivery{
        std::move(shares[i]), sealed->key_shares[i], sealed->writer_exchange_key});
  }
  return out;
}

// As node `index` opens it.
inline cryptoscatter::KeyShare KeyShareOf(const LoneNode& node, const HandScattered& value,
                                          int index) {
  const engine::ShareDelivery& delivery = *value.deliveries[static_cast<std::size_t>(index)];
  const auto opener =
      node.secrets(NodeAt(index)).exchange.PairwiseKeyAsOpener(delivery.writer_exchange_key);
  WORLDB_CHECK(opener.ok());
  auto key_share = cryptoscatter::OpenKeyShare(
      *opener, {delivery.share.core.Id(), NodeAt(index), delivery.share.key_share_hash},
      node.cell().node(NodeAt(index)).id, delivery.key_share);
  WORLDB_CHECK(key_share.ok());
  return *std::move(key_share);
}

// What node `index` has stored of it when nothing is wrong: read, and not judged yet.
inline engine::HeldShare StoredByHand(const LoneNode& node, const HandScattered& value, int index) {
  engine::HeldShare held;
  held.share = value.share(index);
  held.stored_key_share = cryptoscatter::WrapKeyShare(node.secrets(NodeAt(index)).storage_key,
                                                      engine::PlaceOf(node.cell(), held.share),
                                                      KeyShareOf(node, value, index));
  return held;
}

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_HAND_SCATTERED_H_
