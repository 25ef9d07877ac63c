#include "engine/scatter/scatterer.h"

#include <algorithm>
#include <utility>

#include "engine/cell/levels.h"
#include "engine/cell/triad.h"
#include "engine/scatter/receipt_check.h"

namespace worldb::engine {
namespace {

// A sibling that does not answer for so long is followed by the other one.
constexpr absl::Duration kSiblingPatience = absl::Seconds(1);
// What was refused alone, or could not be prepared, is looked at again this often.
constexpr absl::Duration kSweepEvery = absl::Seconds(10);

}  // namespace

Scatterer::Scatterer(NodeSelf& self, LogNotes& notes, Staging& staging, const PeerTable& peers,
                     cryptoscatter::BatchVerifier& verifier)
    : self_(self),
      notes_(notes),
      staging_(staging),
      peers_(peers),
      verifier_(verifier),
      sibling_asks_(self.request_ids(), kVersionsUnderWayMax),
      restager_(self, staging, peers),
      last_look_(
          self, verifier,
          [this](const arbiter::RoundId& id, NodeIndex node) {
            if (works_.contains(id)) MarkHeld(id, node);
          },
          [this](const arbiter::VersionVoid& gone) { notes_.NoteVoid(gone); }) {
  outboxes_.reserve(kNodeCount);
  for (int i = 0; i < kNodeCount; ++i) outboxes_.emplace_back(NodeAt(i), self.request_ids());
}

void Scatterer::Scatter(const arbiter::ClosedVersion& version) {
  const auto [it, fresh] = works_.try_emplace(version.id);
  if (!fresh) return;
  Work& work = it->second;
  work.slot = version.slot;
  work.commitment = version.commitment;
  if (auto script = self_.cell().FindScript(version.script); script.ok()) {
    work.script = *std::move(script);
    work.bytes_expected = BytesOfNine(*work.script, version.payload_bytes);
  }
  work.held = version.held;
  work.level = version.reached;
  if (version.announced < arbiter::Level::kHeld) {
    restager_.Watch(version.id, version.commitment, version.staged);
  }
  Enqueue(version.id, work);
  Load();
  if (!std::exchange(sweeping_, true)) Sweep();
}

void Scatterer::Forget(const arbiter::RoundId& id) {
  const auto it = works_.find(id);
  if (it == works_.end()) return;
  sibling_asks_.Drop(it->second.sibling_ask);
  LetGo(it->second);
  works_.erase(it);
  restager_.Unwatch(id);
  last_look_.End(id);
  Load();
}

void Scatterer::NoteHeld(const arbiter::RoundId& id, NodeSet nodes) {
  for (int i = 0; i < kNodeCount; ++i) {
    const auto it = works_.find(id);
    if (it == works_.end() || it->second.script == nullptr) return;
    if (nodes.Has(i) && !it->second.held.Has(i)) MarkHeld(id, NodeAt(i));
  }
}

Scatterer::Standing Scatterer::StandingOf(const arbiter::RoundId& id, NodeIndex node) const {
  const auto it = works_.find(id);
  if (it == works_.end()) return Standing::kNone;
  const Work& work = it->second;
  if (work.held.Has(node)) return Standing::kHeld;
  return work.not_here == Triad(self_.data_center()).set() ? Standing::kNone : Standing::kOwed;
}

void Scatterer::NoteLost(const arbiter::RoundId& id, NodeSet nodes) {
  const auto it = works_.find(id);
  if (it == works_.end() || it->second.script == nullptr) return;
  Work& work = it->second;
  work.held = work.held.Minus(nodes);
  work.level = LevelOf(*work.script, work.held);
  last_look_.NoteLost(id, nodes);
  for (int i = 0; i < kNodeCount; ++i) {
    if (nodes.Has(i) && Willing().Has(i)) OfferWhenReady(id, work, NodeAt(i));
  }
  Load();
}

void Scatterer::StepDown() {
  term_.Next();
  works_.clear();
  to_load_.clear();
  under_way_bytes_ = 0;
  under_way_count_ = 0;
  sibling_asks_.Clear();
  for (Outbox& outbox : outboxes_) outbox.Clear();
  about_to_send_ = {};
  restager_.StepDown();
  last_look_.StepDown();
  sweeping_ = false;
}

// Finds work for every node that is up and not resting.
void Scatterer::Sweep() {
  self_.executor().PostAfter(kSweepEvery, term_.Guard([this] {
    for (int i = 0; i < kNodeCount; ++i) {
      if (Willing().Has(i)) OfferAll(NodeAt(i));
    }
    restager_.Sweep();
    Sweep();
  }));
}

// ---------------------------------------------------------------- into memory

void Scatterer::Enqueue(const arbiter::RoundId& id, Work& work) {
  if (work.phase != Phase::kParked) return;
  work.phase = Phase::kQueued;
  to_load_.push_back(id);
}

void Scatterer::Load() {
  while (!to_load_.empty() && under_way_bytes_ < kUnderWayBytesMax &&
         under_way_count_ < kVersionsUnderWayMax) {
    const arbiter::RoundId id = to_load_.front();
    to_load_.pop_front();
    const auto it = works_.find(id);
    if (it == works_.end() || it->second.phase != Phase::kQueued) continue;
    it->second.phase = Phase::kLoading;
    ++under_way_count_;
    TakeMemory(it->second, it->second.bytes_expected);
    if (it->second.own_damaged) {
      AskSibling(id);
      continue;
    }
    staging_.Get(it->second.commitment, term_.Guard([this, id](absl::StatusOr<PayloadPtr> payload) {
      TakeOwnPayload(id, std::move(payload));
    }));
  }
}

void Scatterer::TakeOwnPayload(const arbiter::RoundId& id, absl::StatusOr<PayloadPtr> payload) {
  if (!works_.contains(id)) return;
  if (payload.ok()) {
    // The second time nobody's word counts: what came of the first may have been refused.
    Work& work = works_.at(id);
    const bool checked = staging_.WasChecked(work.commitment) && !std::exchange(work.coded, true);
    return Prepare(id, *std::move(payload), checked ? Ciphertext::kChecked : Ciphertext::kToCheck);
  }
  // Not staged here, or not readable: a sibling may have it.
  if (absl::IsNotFound(payload.status())) NoteMissing(id, self_.index());
  AskSibling(id);
}

// One after the other, until one has it or the version is forgotten: that drops the ask.
void Scatterer::AskSibling(const arbiter::RoundId& id) {
  Work& work = works_.at(id);
  const auto siblings = Triad::SiblingsOf(self_.index());
  const NodeIndex sibling = siblings[work.siblings_asked++ % siblings.size()];
  const RequestId request = sibling_asks_.Add(sibling, id);
  work.sibling_ask = request;
  self_.Send(sibling, StageGet{request, work.commitment});
  self_.executor().PostAfter(kSiblingPatience, term_.Guard([this, request, id] {
    if (sibling_asks_.Drop(request).has_value()) AskSibling(id);
  }));
  TakeMemory(work, 0);  // who waits for an answer holds up nobody
  Load();
}

void Scatterer::TakePayload(NodeIndex from, const StageGetReply& reply) {
  if (restager_.TakePayload(from, reply)) return;
  const arbiter::RoundId* asked = sibling_asks_.Find(from, reply.id);
  if (asked == nullptr) return;
  const arbiter::RoundId id = *asked;
  if (absl::IsNotFound(reply.status)) NoteMissing(id, from);
  if (!reply.status.ok() || reply.payload == nullptr ||
      reply.payload->commitment != works_.at(id).commitment) {
    return;  // the timer asks the other one
  }
  sibling_asks_.Drop(reply.id);
  Prepare(id, reply.payload, Ciphertext::kToCheck);
}

void Scatterer::NoteMissing(const arbiter::RoundId& id, NodeIndex node) {
  Work& work = works_.at(id);
  work.not_here.Add(node);
  const bool readable = work.script == nullptr || work.script->IsReadable(work.held);
  if (const auto missing = restager_.TakeMissing(id, node, readable)) {
    last_look_.Begin({id, work.commitment, work.script, work.held, *missing});
  }
  // There is no other copy to try.
  NodeSet without = work.not_here;
  without.Add(self_.index());
  if (!work.refused_of_first.empty() && without == Triad(self_.data_center()).set()) {
    notes_.NoteVoid({id, NodeSet(), work.refused_of_first});
  }
}

void Scatterer::Prepare(const arbiter::RoundId& id, PayloadPtr payload, Ciphertext ciphertext) {
  Work& work = works_.at(id);
  work.not_here = {};
  last_look_.End(id);
  TakeMemory(work, work.bytes_expected);
  if (work.script == nullptr) {
    return TakeDeliveries(id, absl::NotFoundError("the script is not known to this build"));
  }
  auto made = std::make_shared<absl::StatusOr<std::shared_ptr<const Deliveries>>>();
  RunOrOffload(
      self_.executor(), payload->sealed.ciphertext.size(),
      [made, payload, ciphertext, script = work.script, slot = work.slot,
       slot_epoch = self_.cell().slot_epoch(), version = id.version] {
        *made = MakeDeliveries(*script, *payload, ciphertext, slot, slot_epoch, version);
      },
      term_.Guard([this, made, id] {
        if (works_.contains(id)) TakeDeliveries(id, std::move(*made));
      }));
}

void Scatterer::TakeDeliveries(const arbiter::RoundId& id,
                               absl::StatusOr<std::shared_ptr<const Deliveries>> deliveries) {
  Work& work = works_.at(id);
  if (!deliveries.ok()) {
    // It was read, and is not what was committed to: a sibling's may be. If that is no better, the sweep
    // tries again.
    if (work.script != nullptr && !std::exchange(work.own_damaged, true)) return AskSibling(id);
    LetGo(work);
    return Load();
  }
  work.phase = Phase::kPrepared;
  work.deliveries = *std::move(deliveries);
  TakeMemory(work, work.deliveries->bytes);
  const NodeSet willing = Willing();
  for (int i = 0; i < kNodeCount; ++i) {
    const NodeIndex node = NodeAt(i);
    if (!work.held.Has(node) && (willing.Has(node) || outbox(node).IsTriedWith(id))) {
      Offer(id, work, node);
    }
  }
  MaybePark(work);
}

void Scatterer::MaybePark(Work& work) {
  if (work.phase != Phase::kPrepared || !work.sent.empty()) return;
  LetGo(work);
  Load();
}

// Instead of what it took before.
void Scatterer::TakeMemory(Work& work, std::size_t bytes) {
  under_way_bytes_ += bytes - work.bytes;
  work.bytes = bytes;
}

void Scatterer::LetGo(Work& work) {
  if (work.phase != Phase::kLoading && work.phase != Phase::kPrepared) return;
  work.phase = Phase::kParked;
  --under_way_count_;
  TakeMemory(work, 0);
  work.deliveries.reset();
}

// ---------------------------------------------------------------- out to a node

void Scatterer::OnNodeReturned(NodeIndex node) {
  outbox(node).Wake();
  OfferAll(node);
}

void Scatterer::OfferAll(NodeIndex node) {
  for (auto& [id, work] : works_) {
    if (work.Lacks(node)) OfferWhenReady(id, work, node);
  }
  Load();
}

// Now if its shares are at hand; otherwise they are loaded, and offered to all who are willing then.
void Scatterer::OfferWhenReady(const arbiter::RoundId& id, Work& work, NodeIndex node) {
  if (work.phase == Phase::kPrepared) {
    Offer(id, work, node);
  } else {
    Enqueue(id, work);
  }
}

void Scatterer::Offer(const arbiter::RoundId& id, Work& work, NodeIndex node) {
  const auto& share = work.deliveries->shares[static_cast<std::size_t>(node.value())];
  // What does not fit is offered again by the sweep.
  const cryptoscatter::ReceiptClaim claim{.slot = work.slot,
                                          .slot_epoch = self_.cell().slot_epoch(),
                                          .version = id.version,
                                          .core = work.deliveries->core,
                                          .index = node};
  if (!outbox(node).Offer({id, claim, share, BytesOf(*share), work.deliveries->owed})) return;
  work.sent.Add(node);
  SendSoon(node);
}

void Scatterer::SendSoon(NodeIndex node) {
  if (about_to_send_.Has(node) || !outbox(node).waits()) return;
  about_to_send_.Add(node);
  self_.executor().PostAfter(outbox(node).PauseBeforeSend(self_.now()), term_.Guard([this, node] {
    about_to_send_.Remove(node);
    SendWaiting(node);
  }));
}

void Scatterer::SendWaiting(NodeIndex node) {
  while (std::optional<Outbox::Batch> batch = outbox(node).NextBatch(self_.now())) {
    self_.executor().PostAfter(batch->patience, term_.Guard([this, node, id = batch->id] {
      Heed(node, outbox(node).TakeSilence(id, self_.now()));
    }));
    if (batch->owed) {
      self_.Send(node, OwedShare{batch->id, std::move(batch->shares.front())});
    } else {
      self_.Send(node, PutShares{batch->id, std::move(batch->shares)});
    }
  }
}

NodeSet Scatterer::Willing() const {
  NodeSet willing = peers_.Reachable();
  for (int i = 0; i < kNodeCount; ++i) {
    if (outboxes_[static_cast<std::size_t>(i)].resting()) willing.Remove(NodeAt(i));
  }
  return willing;
}

void Scatterer::Heed(NodeIndex node, const Outbox::Effects& effects) {
  for (const arbiter::RoundId& id : effects.taken_back) {
    const auto it = works_.find(id);
    if (it == works_.end()) continue;
    it->second.sent.Remove(node);
    MaybePark(it->second);
  }
  if (effects.look_after.has_value()) {
    self_.executor().PostAfter(*effects.look_after, term_.Guard([this, node] { Try(node); }));
  }
  if (effects.woke) OfferAll(node);
}

void Scatterer::Try(NodeIndex node) {
  if (!outbox(node).IsToBeTried(self_.now())) return;
  for (auto& [id, work] : works_) {
    if (!work.Lacks(node)) continue;
    outbox(node).TryWith(id);
    OfferWhenReady(id, work, node);
    return Load();
  }
  outbox(node).Wake();
}

// ---------------------------------------------------------------- back from it

void Scatterer::TakeReceipts(NodeIndex from, const PutSharesReply& reply) {
  const Outbox::Sent* sent = outbox(from).UnderWay(reply.id);
  if (sent == nullptr) return;
  const Outbox::Versions held = ProvedBy(from, *sent, reply);
  for (const arbiter::RoundId& id : held) {
    if (works_.contains(id)) MarkHeld(id, from);
  }
  for (const ShareRefusal& refusal : reply.refusals) {
    if (!refusal.writers_fault.has_value() || refusal.delivery >= sent->versions.size()) continue;
    MarkRefused(sent->versions[refusal.delivery], from, *refusal.writers_fault);
  }
  const bool gave_receipts = !reply.receipts.empty();
  Heed(from, outbox(from).TakeAnswer(reply.id, held, gave_receipts, self_.now()));
  SendSoon(from);
}

// All that it was handed and did not refuse, if it signed for just that.
Outbox::Versions Scatterer::ProvedBy(NodeIndex node, const Outbox::Sent& sent,
                                     const PutSharesReply& reply) const {
  if (reply.receipts.empty()) return {};
  std::vector<bool> refused(sent.versions.size());
  for (const ShareRefusal& refusal : reply.refusals) {
    if (refusal.delivery < refused.size()) refused[refusal.delivery] = true;
  }
  Outbox::Versions versions;
  std::vector<cryptoscatter::ReceiptClaim> claims;
  versions.reserve(refused.size());
  claims.reserve(refused.size());
  for (std::size_t i = 0; i < refused.size(); ++i) {
    if (refused[i]) continue;
    versions.push_back(sent.versions[i]);
    claims.push_back(sent.claims[i]);
  }
  const Cell& cell = self_.cell();
  const bool proved =
      cryptoscatter::VerifyClaims(cell.node(node).signing_key, cell.id(), claims, reply.receipts)
          .ok();
  return proved ? versions : Outbox::Versions();
}

void Scatterer::MarkHeld(const arbiter::RoundId& id, NodeIndex node) {
  Work& work = works_.at(id);
  work.held.Add(node);
  work.sent.Remove(node);
  const arbiter::Level level = std::max(work.level, LevelOf(*work.script, work.held));
  if (level > work.level) {
    work.level = level;
    if (level >= arbiter::Level::kHeld) {
      restager_.Unwatch(id);
      last_look_.End(id);
    }
    notes_.NoteLevel({id, level, work.held});
  }
  if (level == arbiter::Level::kFull) return Forget(id);
  MaybePark(work);
}

// It counts only of what this node handed over.
void Scatterer::MarkRefused(const arbiter::RoundId& id, NodeIndex node,
                            const cryptoscatter::Refusal& refusal) {
  const auto it = works_.find(id);
  if (it == works_.end() || it->second.deliveries == nullptr || it->second.script == nullptr)
    return;
  Work& work = it->second;
  const ShareDelivery& delivery = *work.deliveries->shares[static_cast<std::size_t>(node.value())];
  const cryptoscatter::RefusalClaim expected{
      delivery.share.Claim(),
      cryptoscatter::DeliveredHash(delivery.writer_exchange_key, delivery.key_share)};
  if (refusal.claim != expected || !IsRefusalOf(self_.cell(), node, refusal, verifier_)) return;
  work.refused.Add(node);
  if (work.script->IsReadable(NodeSet::All().Minus(work.refused))) return;
  if (!work.refused_of_first.empty()) return notes_.NoteVoid({id, NodeSet(), work.refused});
  // This copy may have gone bad where nobody's signature covers it: a sibling's is tried before the word is
  // final.
  work.refused_of_first = std::exchange(work.refused, {});
  work.own_damaged = true;
  LetGo(work);
  Enqueue(id, work);
  Load();
}

void Scatterer::TakeStaged(NodeIndex from, const StagePutReply& reply) {
  const std::optional<arbiter::RoundId> id = restager_.TakeStaged(from, reply);
  if (!id.has_value() || !works_.contains(*id)) return;
  NodeSet staged;
  staged.Add(from);
  notes_.NoteRestaged({*id, staged});
}

}  // namespace worldb::engine
