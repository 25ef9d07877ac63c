#include "engine/scatter/restager.h"

#include <utility>

#include "engine/cell/triad.h"

namespace worldb::engine {

Restager::Restager(NodeSelf& self, Staging& staging, const PeerTable& peers)
    : self_(self),
      staging_(staging),
      peers_(peers),
      asked_(self.request_ids(), kAsksMax),
      fetches_(self.request_ids(), kAsksMax) {}

void Restager::Watch(const arbiter::RoundId& version, const CommitmentId& commitment,
                     NodeSet staged) {
  watched_.try_emplace(version, Watched{commitment, {staged, {}}});
}

void Restager::Unwatch(const arbiter::RoundId& version) { watched_.erase(version); }

void Restager::StepDown() {
  term_.Next();
  watched_.clear();
  next_.reset();
  loading_count_ = 0;
  asked_.Clear();
  fetches_.Clear();
}

NodeSet Restager::Up() const { return peers_.Reachable() & Triad(self_.data_center()).set(); }

void Restager::Sweep() {
  if (next_.has_value() || watched_.empty()) return;  // the last sweep is still at it
  next_ = watched_.begin()->first;
  LoadNext();
}

void Restager::LoadNext() {
  if (!next_.has_value()) return;
  const NodeSet up = Up();
  auto it = watched_.lower_bound(*next_);
  for (; it != watched_.end() && loading_count_ < kLoadsMax; ++it) {
    Watched& watched = it->second;
    if (watched.loading || ToRestage(watched.copies, up).empty()) continue;
    watched.loading = true;
    ++loading_count_;
    staging_.Get(watched.commitment,
                 term_.Guard([this, version = it->first](absl::StatusOr<PayloadPtr> payload) {
                   --loading_count_;
                   Restage(version, payload);
                   LoadNext();
                 }));
  }
  next_ = it == watched_.end() ? std::nullopt : std::optional(it->first);
}

void Restager::Restage(const arbiter::RoundId& version, const absl::StatusOr<PayloadPtr>& payload) {
  const auto it = watched_.find(version);
  if (it == watched_.end()) return;
  it->second.loading = false;
  if (absl::IsNotFound(payload.status())) return FetchFromSibling(version, it->second);
  if (!payload.ok() || !(*payload)->whole()) return;
  const NodeSet missing = ToRestage(it->second.copies, Up());
  for (const NodeIndex node : Triad(self_.data_center()).nodes()) {
    if (!missing.Has(node)) continue;
    self_.Send(node, StagePut{asked_.Add(node, version), {*payload}});
  }
}

// A node that took the chair may be the one without it.
void Restager::FetchFromSibling(const arbiter::RoundId& version, const Watched& watched) {
  const NodeSet alive = watched.copies.staged & Up();
  for (const NodeIndex sibling : Triad::SiblingsOf(self_.index())) {
    if (!alive.Has(sibling)) continue;
    self_.Send(sibling, StageGet{fetches_.Add(sibling, version), watched.commitment});
    return;
  }
}

bool Restager::TakePayload(NodeIndex from, const StageGetReply& reply) {
  const std::optional<arbiter::RoundId> version = fetches_.Take(from, reply.id);
  if (!version.has_value()) return false;
  const auto it = watched_.find(*version);
  const bool is_it = it != watched_.end() && reply.status.ok() && reply.payload != nullptr &&
                     reply.payload->commitment == it->second.commitment;
  if (is_it) Restage(*version, reply.payload);
  return true;
}

std::optional<arbiter::RoundId> Restager::TakeStaged(NodeIndex from, const StagePutReply& reply) {
  const std::optional<arbiter::RoundId> version = asked_.Take(from, reply.id);
  if (!version.has_value() || !reply.status.ok()) return std::nullopt;
  if (const auto it = watched_.find(*version); it != watched_.end()) {
    it->second.copies.staged.Add(from);
    it->second.copies.not_here.Remove(from);
  }
  return version;
}

std::optional<NodeSet> Restager::TakeMissing(const arbiter::RoundId& version, NodeIndex node,
                                             bool readable) {
  const auto it = watched_.find(version);
  if (it == watched_.end()) return std::nullopt;
  StagedCopies& copies = it->second.copies;
  copies.not_here.Add(node);
  if (!IsLost(copies, Up(), readable)) return std::nullopt;
  return copies.not_here;
}

}  // namespace worldb::engine
