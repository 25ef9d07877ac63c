#include "engine/scatterer.h"

#include <algorithm>
#include <utility>

#include "engine/sequencer.h"

namespace worldb::engine {
namespace {

constexpr std::size_t kDeliveriesPerBatchMax = 256;
constexpr std::size_t kBatchBytesMax = std::size_t{4} << 20;
constexpr std::size_t kBatchesUnderWayMax = 8;
constexpr absl::Duration kAnswerPatience = absl::Seconds(3);
constexpr absl::Duration kRefusedAgainAfter = absl::Seconds(1);

using Deliveries = std::array<std::shared_ptr<const ShareDelivery>, kNodeCount>;

// Codes the ciphertext and makes the nine shares. Pure work: may run on the pool.
absl::StatusOr<Deliveries> MakeDeliveries(const cryptoscatter::Script& script,
                                          const Payload& payload, Slot slot, SlotEpoch slot_epoch,
                                          Version version) {
  absl::StatusOr<cryptoscatter::Fragments> fragments =
      cryptoscatter::CheckSealedValue(script, payload.sealed);
  if (!fragments.ok()) return fragments.status();
  auto shares =
      cryptoscatter::MakeShares(payload.sealed, *std::move(fragments), slot, slot_epoch, version);
  Deliveries deliveries;
  for (std::size_t i = 0; i < deliveries.size(); ++i) {
    deliveries[i] = std::make_shared<const ShareDelivery>(ShareDelivery{
        std::move(shares[i]), payload.sealed.key_shares[i], payload.sealed.writer_exchange_key});
  }
  return deliveries;
}

std::size_t BytesOf(const ShareDelivery& delivery) { return 1024 + delivery.share.fragment.size(); }

}  // namespace

Scatterer::Scatterer(NodeContext& context, Staging& staging, PeerTable& peers)
    : context_(context), staging_(staging), peers_(peers) {}

void Scatterer::Scatter(const arbiter::ClosedVersion& version) {
  const auto [it, fresh] = works_.try_emplace(version.id);
  if (!fresh) return;
  it->second.slot = version.slot;
  it->second.commitment = version.commitment;
  it->second.held = version.held;
  it->second.level = version.reached;
  to_load_.push_back(version.id);
  Load();
}

void Scatterer::StepDown() {
  ++term_;
  works_.clear();
  to_load_.clear();
  under_way_bytes_ = 0;
  under_way_count_ = 0;
  outboxes_ = {};
  sibling_asks_.clear();
}

void Scatterer::Load() {
  while (!to_load_.empty() && under_way_bytes_ < kUnderWayBytesMax &&
         under_way_count_ < kVersionsUnderWayMax) {
    const arbiter::RoundId id = to_load_.front();
    to_load_.pop_front();
    const auto it = works_.find(id);
    if (it == works_.end() || it->second.loading || it->second.prepared) continue;
    it->second.loading = true;
    ++under_way_count_;
    staging_.Get(it->second.commitment,
                 [this, id, term = term_](absl::StatusOr<PayloadPtr> payload) {
                   if (term == term_) OnPayload(id, std::move(payload));
                 });
  }
}

void Scatterer::OnPayload(const arbiter::RoundId& id, absl::StatusOr<PayloadPtr> payload) {
  const auto it = works_.find(id);
  if (it == works_.end()) return;
  if (payload.ok()) return Prepare(id, *std::move(payload));
  // Not staged here, or not readable: a sibling may have it.
  Work& work = it->second;
  const int siblings = kNodesPerDataCenter - 1;
  const int place = static_cast<int>(work.asked++ % siblings) + 1;
  const int first = context_.data_center().value() * kNodesPerDataCenter;
  const NodeIndex sibling =
      NodeAt(first + (context_.index().value() - first + place) % kNodesPerDataCenter);
  const RequestId request = context_.NextRequest();
  sibling_asks_.emplace(request, id);
  context_.Send(sibling, StageGet{request, work.commitment});
  context_.executor().PostAfter(kRefusedAgainAfter, [this, request, id, term = term_] {
    if (term != term_ || sibling_asks_.erase(request) == 0) return;
    OnPayload(id, absl::UnavailableError("no answer"));
  });
}

void Scatterer::On(NodeIndex, const StageGetReply& reply) {
  const auto it = sibling_asks_.find(reply.id);
  if (it == sibling_asks_.end() || !reply.status.ok()) return;  // the timer asks the other one
  const arbiter::RoundId id = it->second;
  const auto work = works_.find(id);
  if (work == works_.end() || reply.payload->commitment != work->second.commitment) return;
  sibling_asks_.erase(it);
  Prepare(id, reply.payload);
}

void Scatterer::Prepare(const arbiter::RoundId& id, PayloadPtr payload) {
  const Work& work = works_.at(id);
  const CoreId core = payload->sealed.core.Id();
  auto deliveries = std::make_shared<absl::StatusOr<Deliveries>>(absl::UnknownError("not made"));
  const auto make = [deliveries, payload, script = context_.script, slot = work.slot,
                     slot_epoch = context_.cell().slot_epoch(), version = id.version] {
    *deliveries = MakeDeliveries(*script, *payload, slot, slot_epoch, version);
  };
  const auto done = [this, deliveries, id, core, term = term_] {
    // A payload that was checked before it was recorded, and read back by its own checksum, codes.
    if (term == term_ && deliveries->ok()) OnPrepared(id, core, **std::move(deliveries));
  };
  if (payload->sealed.ciphertext.size() <= kOffloadBytes) {
    make();
    done();
  } else {
    context_.executor().Offload(make, done);
  }
}

void Scatterer::OnPrepared(const arbiter::RoundId& id, const CoreId& core, Deliveries deliveries) {
  const auto it = works_.find(id);
  if (it == works_.end()) return;
  Work& work = it->second;
  work.core = core;
  work.loading = false;
  work.prepared = true;
  work.deliveries = std::move(deliveries);
  work.bytes = 0;
  for (const auto& delivery : work.deliveries) work.bytes += BytesOf(*delivery);
  under_way_bytes_ += work.bytes;
  const NodeSet reachable = peers_.Reachable();
  for (int i = 0; i < kNodeCount; ++i) {
    if (!work.held.Has(i) && reachable.Has(i)) Offer(id, work, NodeAt(i));
  }
  MaybePark(id, work);
}

void Scatterer::Offer(const arbiter::RoundId& id, Work& work, NodeIndex node) {
  work.sent.Add(node);
  Outbox& outbox = outboxes_[node.value()];
  outbox.waiting.push_back({id, work.deliveries[node.value()]});
  if (!std::exchange(outbox.posted, true)) {
    context_.executor().Post([this, node] {
      outboxes_[node.value()].posted = false;
      Flush(node);
    });
  }
}

void Scatterer::Flush(NodeIndex node) {
  Outbox& outbox = outboxes_[node.value()];
  while (!outbox.waiting.empty() && outbox.under_way.size() < kBatchesUnderWayMax) {
    PutShares request;
    request.id = context_.NextRequest();
    std::vector<arbiter::RoundId>& ids = outbox.under_way[request.id];
    std::size_t bytes = 0;
    while (!outbox.waiting.empty() && ids.size() < kDeliveriesPerBatchMax &&
           bytes < kBatchBytesMax) {
      Delivery delivery = std::move(outbox.waiting.front());
      outbox.waiting.pop_front();
      bytes += BytesOf(*delivery.share);
      ids.push_back(delivery.id);
      request.deliveries.push_back(std::move(delivery.share));
    }
    context_.executor().PostAfter(kAnswerPatience, [this, node, id = request.id, term = term_] {
      if (term == term_) OnUnanswered(node, id);
    });
    context_.Send(node, std::move(request));
  }
}

void Scatterer::OnUnanswered(NodeIndex node, RequestId request) {
  Outbox& outbox = outboxes_[node.value()];
  const auto it = outbox.under_way.find(request);
  if (it == outbox.under_way.end()) return;
  const std::vector<arbiter::RoundId> ids = std::move(it->second);
  outbox.under_way.erase(it);
  const bool reachable = peers_.Reachable().Has(node);
  for (const arbiter::RoundId& id : ids) {
    const auto work = works_.find(id);
    if (work == works_.end()) continue;
    work->second.sent.Remove(node);
    if (work->second.held.Has(node)) continue;
    if (reachable && work->second.prepared) {
      Offer(id, work->second, node);
    } else {
      MaybePark(id, work->second);
    }
  }
  Flush(node);
}

void Scatterer::On(NodeIndex from, const PutSharesReply& reply) {
  Outbox& outbox = outboxes_[from.value()];
  const auto it = outbox.under_way.find(reply.id);
  if (it == outbox.under_way.end()) return;
  const std::vector<arbiter::RoundId> ids = std::move(it->second);
  outbox.under_way.erase(it);
  auto next = ids.begin();
  for (const cryptoscatter::Receipt& receipt : reply.receipts) {
    // Which of the batch it is for follows from the claim, which the node signed; receipts come in
    // the order of the batch.
    const auto of = std::find_if(next, ids.end(), [&](const arbiter::RoundId& id) {
      const auto work = works_.find(id);
      return work != works_.end() && work->second.core == receipt.claim.core &&
             id.version == receipt.claim.version;
    });
    if (of == ids.end() || receipt.claim.index != from ||
        receipt.claim.slot_epoch != context_.cell().slot_epoch() ||
        receipt.proof.signer != context_.cell().node(from).signing_key ||
        !context_.verifier.VerifyReceipt(receipt, context_.cell().id()).ok()) {
      continue;
    }
    next = of + 1;
    OnHeld(*of, from);
  }
  for (const arbiter::RoundId& id : ids) {
    const auto work = works_.find(id);
    if (work == works_.end() || work->second.held.Has(from)) continue;
    // Refused, or its disk is full: not at once again.
    context_.executor().PostAfter(kRefusedAgainAfter, [this, id, from, term = term_] {
      if (term != term_) return;
      const auto again = works_.find(id);
      if (again == works_.end() || again->second.held.Has(from)) return;
      again->second.sent.Remove(from);
      if (again->second.prepared) Offer(id, again->second, from);
    });
  }
  Flush(from);
}

void Scatterer::OnHeld(const arbiter::RoundId& id, NodeIndex node) {
  Work& work = works_.at(id);
  work.held.Add(node);
  work.sent.Remove(node);
  arbiter::Level level = work.level;
  const cryptoscatter::Script& script = *context_.script;
  if (script.HeldSurvivesAnyNode(work.held)) level = std::max(level, arbiter::Level::kHeld);
  if (script.HeldSurvivesAnyDataCenter(work.held)) level = std::max(level, arbiter::Level::kSafe);
  if (work.held == NodeSet::All()) level = arbiter::Level::kFull;
  if (level > work.level) {
    work.level = level;
    sequencer_->NoteLevel({id, level, work.held});
  }
  if (level == arbiter::Level::kFull) {
    Release(work);
    works_.erase(id);
    Load();
  } else {
    MaybePark(id, work);
  }
}

// Nobody left to hand anything to: give the memory back and wait for a node to return.
void Scatterer::MaybePark(const arbiter::RoundId&, Work& work) {
  if (!work.prepared || !work.sent.empty()) return;
  Release(work);
  Load();
}

void Scatterer::Release(Work& work) {
  if (!std::exchange(work.prepared, false)) return;
  work.deliveries = {};
  under_way_bytes_ -= work.bytes;
  --under_way_count_;
}

void Scatterer::OnNodeReturned(NodeIndex node) {
  for (auto& [id, work] : works_) {
    if (work.held.Has(node) || work.sent.Has(node)) continue;
    if (work.prepared) {
      Offer(id, work, node);
    } else if (!work.loading) {
      to_load_.push_back(id);
    }
  }
  Load();
}

}  // namespace worldb::engine
