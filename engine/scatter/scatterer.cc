#include "engine/scatter/scatterer.h"

#include <algorithm>
#include <utility>

#include "cryptoscatter/base/status_macros.h"
#include "engine/cell/levels.h"

namespace worldb::engine {
namespace {

constexpr std::size_t kDeliveriesPerBatchMax = 256;
constexpr std::size_t kBatchBytesMax = std::size_t{4} << 20;
constexpr std::size_t kBatchesUnderWayMax = 8;
constexpr absl::Duration kAnswerPatience = absl::Seconds(3);
// A node that is owed a share fetches fragments from others first.
constexpr absl::Duration kRebuildPatience = absl::Seconds(20);
constexpr absl::Duration kRefusedAgainAfter = absl::Seconds(1);
constexpr absl::Duration kRestMax = absl::Seconds(30);
// What was refused alone, or could not be prepared, is looked at again this often.
constexpr absl::Duration kSweepEvery = absl::Seconds(10);

using Deliveries = std::array<std::shared_ptr<const ShareDelivery>, kNodeCount>;

// Codes the ciphertext and makes the nine shares; without ciphertext, the shares have no fragments.
// Pure work: may run on the pool.
absl::StatusOr<Deliveries> MakeDeliveries(const cryptoscatter::Script& script,
                                          const Payload& payload, Slot slot, SlotEpoch slot_epoch,
                                          Version version) {
  cryptoscatter::Fragments fragments;
  if (payload.whole()) {
    WORLDB_ASSIGN_OR_RETURN(fragments, cryptoscatter::CheckSealedValue(script, payload.sealed));
  }
  auto shares =
      cryptoscatter::MakeShares(payload.sealed, std::move(fragments), slot, slot_epoch, version);
  Deliveries deliveries;
  for (std::size_t i = 0; i < deliveries.size(); ++i) {
    deliveries[i] = std::make_shared<const ShareDelivery>(ShareDelivery{
        std::move(shares[i]), payload.sealed.key_shares[i], payload.sealed.writer_exchange_key});
  }
  return deliveries;
}

std::size_t BytesOf(const ShareDelivery& delivery) { return 1024 + delivery.share.fragment.size(); }

}  // namespace

Scatterer::Scatterer(NodeContext& context, LogNotes& notes, Staging& staging, PeerTable& peers)
    : context_(context), notes_(notes), staging_(staging), peers_(peers) {}

void Scatterer::Scatter(const arbiter::ClosedVersion& version) {
  const auto [it, fresh] = works_.try_emplace(version.id);
  if (!fresh) return;
  it->second.slot = version.slot;
  it->second.commitment = version.commitment;
  if (auto script = context_.cell().FindScript(version.script); script.ok()) {
    it->second.script = *std::move(script);
  }
  it->second.staged = version.staged;
  it->second.held = version.held;
  it->second.level = version.reached;
  Enqueue(version.id, it->second);
  Load();
  if (!std::exchange(sweeping_, true)) Sweep();
}

void Scatterer::Enqueue(const arbiter::RoundId& id, Work& work) {
  if (!std::exchange(work.queued, true)) to_load_.push_back(id);
}

// Now if its shares are at hand; otherwise they are loaded, and offered to all who are willing then.
void Scatterer::OfferWhenReady(const arbiter::RoundId& id, Work& work, NodeIndex node) {
  if (work.prepared) {
    Offer(id, work, node);
  } else if (!work.loading) {
    Enqueue(id, work);
  }
}

// Bounded by what is unsettled; finds work for every node that is up and not resting.
void Scatterer::Sweep() {
  context_.executor().PostAfter(kSweepEvery, [this, term = term_] {
    if (term != term_) return;
    for (int i = 0; i < kNodeCount; ++i) {
      if (Willing().Has(i)) OnNodeReturned(NodeAt(i));
    }
    Restage();
    Sweep();
  });
}

NodeSet Scatterer::Willing() const {
  NodeSet willing = peers_.Reachable();
  for (int i = 0; i < kNodeCount; ++i) {
    if (rests_[i].resting) willing.Remove(NodeAt(i));
  }
  return willing;
}

// A node that is up and takes nothing gets one version to try with, after a while that doubles.
void Scatterer::Rest(NodeIndex node) {
  NodeRest& rest = rests_[node.value()];
  if (rest.resting && !rest.probe.has_value()) return;  // its turn to be tried comes
  rest.resting = true;
  rest.probe.reset();
  rest.length = std::clamp(2 * rest.length, kRefusedAgainAfter, kRestMax);
  context_.executor().PostAfter(rest.length, [this, node, term = term_] {
    if (term == term_) Probe(node);
  });
}

void Scatterer::Probe(NodeIndex node) {
  NodeRest& rest = rests_[node.value()];
  if (!rest.resting || rest.probe.has_value()) return;
  for (auto& [id, work] : works_) {
    if (work.held.Has(node) || work.sent.Has(node)) continue;
    rest.probe = id;  // it rests on for all others
    OfferWhenReady(id, work, node);
    Load();
    return;
  }
  rest = {};  // nothing to try it with
}

void Scatterer::StepDown() {
  ++term_;
  works_.clear();
  to_load_.clear();
  under_way_bytes_ = 0;
  under_way_count_ = 0;
  outboxes_ = {};
  rests_ = {};
  sweeping_ = false;
  sibling_asks_.clear();
  restagings_.clear();
}

void Scatterer::Forget(const arbiter::RoundId& id) {
  const auto it = works_.find(id);
  if (it == works_.end()) return;
  if (it->second.loading) --under_way_count_;
  Release(it->second);
  works_.erase(it);
  Load();
}

// Fewer than two live copies of what nobody could read yet are too few.
void Scatterer::Restage() {
  const NodeSet triad = NodeSet::Of(context_.data_center());
  const NodeSet up = peers_.Reachable() & triad;
  for (auto& [id, work] : works_) {
    if (work.level >= arbiter::Level::kHeld || work.restaging) continue;
    if ((work.staged & up).Count() >= 2 || up.Minus(work.staged).empty()) continue;
    work.restaging = true;
    staging_.Get(work.commitment,
                 [this, id = id, up, term = term_](absl::StatusOr<PayloadPtr> payload) {
                   if (term != term_) return;
                   const auto it = works_.find(id);
                   if (it == works_.end()) return;
                   it->second.restaging = false;
                   if (!payload.ok() || !(*payload)->whole()) return;
                   for (int i = 0; i < kNodeCount; ++i) {
                     if (!up.Has(i) || it->second.staged.Has(i)) continue;
                     const RequestId request = context_.NextRequest();
                     restagings_.emplace(request, id);
                     context_.Send(NodeAt(i), StagePut{request, {*payload}});
                   }
                   // Answers that never come must not pile up.
                   while (restagings_.size() > kVersionsUnderWayMax)
                     restagings_.erase(restagings_.begin());
                 });
  }
}

void Scatterer::On(NodeIndex from, const StagePutReply& reply) {
  const auto it = restagings_.find(reply.id);
  if (it == restagings_.end()) return;
  const arbiter::RoundId id = it->second;
  restagings_.erase(it);
  const auto work = works_.find(id);
  if (work == works_.end() || !reply.status.ok()) return;
  work->second.staged.Add(from);
  work->second.not_here.Remove(from);
  NodeSet staged;
  staged.Add(from);
  notes_.NoteRestaged({id, staged});
}

void Scatterer::Load() {
  while (!to_load_.empty() && under_way_bytes_ < kUnderWayBytesMax &&
         under_way_count_ < kVersionsUnderWayMax) {
    const arbiter::RoundId id = to_load_.front();
    to_load_.pop_front();
    const auto it = works_.find(id);
    if (it == works_.end()) continue;
    it->second.queued = false;
    if (it->second.loading || it->second.prepared) continue;
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
  if (absl::IsNotFound(payload.status())) OnNotHere(id, context_.index());
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

void Scatterer::On(NodeIndex from, const StageGetReply& reply) {
  const auto it = sibling_asks_.find(reply.id);
  if (it == sibling_asks_.end()) return;
  const arbiter::RoundId id = it->second;
  if (absl::IsNotFound(reply.status)) OnNotHere(id, from);
  if (!reply.status.ok()) return;  // the timer asks the other one
  const auto work = works_.find(id);
  if (work == works_.end() || reply.payload == nullptr ||
      reply.payload->commitment != work->second.commitment) {
    return;
  }
  sibling_asks_.erase(it);
  Prepare(id, reply.payload);
}

void Scatterer::OnNotHere(const arbiter::RoundId& id, NodeIndex node) {
  Work& work = works_.at(id);
  work.not_here.Add(node);
  const NodeSet up = peers_.Reachable() & NodeSet::Of(context_.data_center());
  if (work.staged.empty() || !(work.staged | up).Minus(work.not_here).empty()) return;
  if (work.script == nullptr || work.script->IsReadable(work.held)) return;
  notes_.NoteVoid({id, work.not_here});
}

void Scatterer::Prepare(const arbiter::RoundId& id, PayloadPtr payload) {
  const Work& work = works_.at(id);
  if (work.script == nullptr) {
    return OnPrepared(id, CoreId(), absl::NotFoundError("the script is not known to this build"));
  }
  const CoreId core = payload->sealed.core.Id();
  auto deliveries = std::make_shared<absl::StatusOr<Deliveries>>(absl::UnknownError("not made"));
  const auto make = [deliveries, payload, script = work.script, slot = work.slot,
                     slot_epoch = context_.cell().slot_epoch(), version = id.version] {
    *deliveries = MakeDeliveries(*script, *payload, slot, slot_epoch, version);
  };
  const auto done = [this, deliveries, id, core, owed = !payload->whole(), term = term_] {
    const auto prepared = works_.find(id);
    if (term != term_ || prepared == works_.end()) return;
    prepared->second.owed = owed;
    OnPrepared(id, core, std::move(*deliveries));
  };
  if (payload->sealed.ciphertext.size() <= kOffloadBytes) {
    make();
    done();
  } else {
    context_.executor().Offload(make, done);
  }
}

void Scatterer::OnPrepared(const arbiter::RoundId& id, const CoreId& core,
                           absl::StatusOr<Deliveries> deliveries) {
  Work& work = works_.at(id);
  work.loading = false;
  if (!deliveries.ok()) {  // damaged in staging; the sweep asks again, a sibling next time
    --under_way_count_;
    return;
  }
  work.core = core;
  work.prepared = true;
  work.deliveries = *std::move(deliveries);
  work.bytes = 0;
  for (const auto& delivery : work.deliveries) work.bytes += BytesOf(*delivery);
  under_way_bytes_ += work.bytes;
  NodeSet willing = Willing();
  for (int i = 0; i < kNodeCount; ++i) {
    if (rests_[i].probe == id) willing.Add(NodeAt(i));
    if (!work.held.Has(i) && willing.Has(i)) Offer(id, work, NodeAt(i));
  }
  MaybePark(work);
}

void Scatterer::Offer(const arbiter::RoundId& id, Work& work, NodeIndex node) {
  work.sent.Add(node);
  Outbox& outbox = outboxes_[node.value()];
  outbox.waiting.push_back({id, work.deliveries[node.value()], work.owed});
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
    if (outbox.waiting.front().owed) {
      const Delivery delivery = std::move(outbox.waiting.front());
      outbox.waiting.pop_front();
      const RequestId request = context_.NextRequest();
      outbox.under_way[request] = {delivery.id};
      context_.executor().PostAfter(kRebuildPatience, [this, node, request, term = term_] {
        if (term == term_) OnUnanswered(node, request);
      });
      context_.Send(node, OwedShare{request, delivery.share});
      continue;
    }
    PutShares request;
    request.id = context_.NextRequest();
    std::vector<arbiter::RoundId>& ids = outbox.under_way[request.id];
    std::size_t bytes = 0;
    while (!outbox.waiting.empty() && !outbox.waiting.front().owed &&
           ids.size() < kDeliveriesPerBatchMax && bytes < kBatchBytesMax) {
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
  TakeBack(node, ids);
  for (const Delivery& delivery : std::exchange(outbox.waiting, {})) TakeBack(node, {delivery.id});
  Rest(node);
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
  TakeBack(from, ids);
  NodeRest& rest = rests_[from.value()];
  if (reply.receipts.empty()) {
    // Its disk is full, or worse: nothing more for now.
    for (const Delivery& delivery : std::exchange(outbox.waiting, {})) {
      TakeBack(from, {delivery.id});
    }
    Rest(from);
  } else if (rest.resting) {
    OnNodeReturned(from);
  }
  Flush(from);
}

// What of these the node does not hold is not on its way any more.
void Scatterer::TakeBack(NodeIndex node, const std::vector<arbiter::RoundId>& ids) {
  for (const arbiter::RoundId& id : ids) {
    const auto work = works_.find(id);
    if (work == works_.end() || work->second.held.Has(node)) continue;
    work->second.sent.Remove(node);
    MaybePark(work->second);
  }
}

void Scatterer::OnHeld(const arbiter::RoundId& id, NodeIndex node) {
  Work& work = works_.at(id);
  work.held.Add(node);
  work.sent.Remove(node);
  const arbiter::Level level = std::max(work.level, LevelOf(*work.script, work.held));
  if (level > work.level) {
    work.level = level;
    notes_.NoteLevel({id, level, work.held});
  }
  if (level == arbiter::Level::kFull) {
    Release(work);
    works_.erase(id);
    Load();
  } else {
    MaybePark(work);
  }
}

// Nobody left to hand anything to: give the memory back and wait for a node to return.
void Scatterer::MaybePark(Work& work) {
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
  rests_[node.value()] = {};
  for (auto& [id, work] : works_) {
    if (work.held.Has(node) || work.sent.Has(node)) continue;
    OfferWhenReady(id, work, node);
  }
  Load();
}

}  // namespace worldb::engine
