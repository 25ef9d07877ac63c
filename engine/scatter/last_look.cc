#include "engine/scatter/last_look.h"

#include <utility>

#include "engine/scatter/receipt_check.h"

namespace worldb::engine {

LastLook::LastLook(NodeSelf& self, cryptoscatter::BatchVerifier& verifier, Held held, Lost lost)
    : self_(self),
      verifier_(verifier),
      held_(std::move(held)),
      lost_(std::move(lost)),
      asked_(self.request_ids(), kAsksMax) {}

void LastLook::Begin(Missing missing) {
  const arbiter::RoundId version = missing.version;
  if (looks_.try_emplace(version, Look{std::move(missing), {}}).second) Ask(version);
}

void LastLook::Ask(const arbiter::RoundId& version) {
  const auto it = looks_.find(version);
  if (it == looks_.end()) return;
  Look& look = it->second;
  look.absent = {};
  for (int i = 0; i < kNodeCount; ++i) {
    if (look.missing.held.Has(i)) continue;
    self_.Send(NodeAt(i), ProbeShare{asked_.Add(NodeAt(i), version),
                                     {version.key_tag, self_.cell().slot_epoch(), version.version},
                                     look.missing.commitment});
  }
  self_.executor().PostAfter(kAgainAfter, term_.Guard([this, version] { Ask(version); }));
}

void LastLook::Take(NodeIndex from, const ProbeShareReply& reply) {
  const std::optional<arbiter::RoundId> version = asked_.Take(from, reply.id);
  const auto it = version.has_value() ? looks_.find(*version) : looks_.end();
  if (it == looks_.end()) return;
  Look& look = it->second;
  if (reply.receipt.has_value()) {
    const cryptoscatter::ReceiptClaim& claim = reply.receipt->claim;
    if (claim.version != version->version ||
        !IsReceiptOf(self_.cell(), from, *reply.receipt, verifier_)) {
      return;
    }
    look.missing.held.Add(from);
    return held_(*version, from);
  }
  if (!reply.absent) return;
  look.absent.Add(from);
  if (look.missing.script->IsReadable(NodeSet::All().Minus(look.absent))) return;
  const arbiter::VersionVoid gone{*version, look.missing.not_here};
  looks_.erase(it);
  lost_(gone);
}

void LastLook::NoteLost(const arbiter::RoundId& version, NodeSet nodes) {
  const auto it = looks_.find(version);
  if (it != looks_.end()) it->second.missing.held = it->second.missing.held.Minus(nodes);
}

void LastLook::StepDown() {
  term_.Next();
  looks_.clear();
  asked_.Clear();
}

}  // namespace worldb::engine
