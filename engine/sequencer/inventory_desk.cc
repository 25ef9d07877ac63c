#include "engine/sequencer/inventory_desk.h"

#include <algorithm>
#include <utility>

#include "engine/cell/levels.h"
#include "engine/scatter/receipt_check.h"

namespace worldb::engine {

void InventoryDesk::Answer(NodeIndex from, const InventoryQuery& query) {
  if (reading_for_.Has(from)) return;  // its next question comes when it has given this one up
  reading_for_.Add(from);
  checkpointer_.ReadVersions(
      query.after, term_.Guard([this, from, id = query.id](
                                   const absl::StatusOr<Checkpointer::VersionPage>& page) {
        reading_for_.Remove(from);
        InventoryReply reply = page.ok() ? PageFor(from, *page) : InventoryReply();
        reply.status = page.status();
        reply.id = id;
        self_.Send(from, std::move(reply));
      }));
}

InventoryReply InventoryDesk::PageFor(NodeIndex node, const Checkpointer::VersionPage& page) const {
  InventoryReply reply;
  for (const arbiter::RoundId& id : page.versions) {
    const arbiter::ClosedVersion* version = state_.FindVersion(id);
    if (version == nullptr || version->outcome != arbiter::OutcomeKind::kWon) continue;
    const Scatterer::Standing standing = scatterer_.StandingOf(id, node);
    const bool counted = version->held.Has(node) || standing == Scatterer::Standing::kHeld;
    const bool owed = standing == Scatterer::Standing::kOwed;
    reply.items.push_back({id, version->commitment, counted, owed});
  }
  if (!page.last && !page.versions.empty()) reply.told_to = page.versions.back();
  return reply;
}

void InventoryDesk::Take(NodeIndex from, const InventoryReport& report) {
  const auto bounded = [](const auto& items) { return std::min(items.size(), kInventoryItemsMax); };
  for (std::size_t i = 0; i < bounded(report.missing); ++i) NoteMissing(from, report.missing[i]);
  for (std::size_t i = 0; i < bounded(report.held); ++i) NoteHeld(from, report.held[i]);
}

void InventoryDesk::NoteMissing(NodeIndex node, const arbiter::RoundId& id) {
  const arbiter::ClosedVersion* version = state_.FindVersion(id);
  if (version == nullptr) return;
  NodeSet lost;
  lost.Add(node);
  scatterer_.NoteLost(id, lost);
  const NodeSet held = notes_.HeldThen(id, version->held);
  const auto script = self_.cell().FindScript(version->script);
  if (!held.Has(node) || !script.ok()) return;
  notes_.NoteLost({id, lost, LevelOf(**script, held.Minus(lost))});
}

void InventoryDesk::NoteHeld(NodeIndex node, const ShareClaim& claim) {
  const arbiter::ClosedVersion* version = state_.FindVersion(claim.version);
  const cryptoscatter::ReceiptClaim& of = claim.receipt.claim;
  if (version == nullptr || version->held.Has(node) || of.version != claim.version.version ||
      of.slot != version->slot || !IsReceiptOf(self_.cell(), node, claim.receipt, verifier_)) {
    return;
  }
  const auto script = self_.cell().FindScript(version->script);
  if (!script.ok()) return;
  NodeSet held = notes_.HeldThen(claim.version, version->held);
  held.Add(node);
  notes_.NoteLevel({claim.version, LevelOf(**script, held), held});
}

void InventoryDesk::Clear() {
  term_.Next();
  reading_for_ = {};
}

}  // namespace worldb::engine
