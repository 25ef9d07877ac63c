#include "engine/sequencer/triad_stager.h"

#include <algorithm>
#include <utility>

namespace worldb::engine {

void TriadStager::Stage(std::vector<PayloadPtr> payloads, Done done) {
  const bool large = IsLarge(payloads);
  const NodeSet nodes = large ? TwoNodes() : triad_.set();
  const absl::Duration again_after = large ? kLargeAgainAfter : kAgainAfter;
  const RequestId id = jobs_.Add(triad_.set(), Job{.payloads = std::move(payloads),
                                                   .done = std::move(done),
                                                   .again_after = again_after,
                                                   .asked = nodes,
                                                   .synced = {}});
  Send(id, nodes);
  self_.executor().PostAfter(again_after, [this, id] { SendAgain(id); });
  self_.executor().PostAfter(large ? kLargePatience : kThirdNodePatience, [this, id] {
    Job* job = jobs_.Find(id);
    if (job == nullptr) return;
    job->patient = false;
    const NodeSet more = triad_.set().Minus(job->asked);
    job->asked = triad_.set();
    FinishIfEnough(id);
    Send(id, more);
  });
}

bool TriadStager::IsLarge(const std::vector<PayloadPtr>& payloads) {
  return payloads.size() == 1 && payloads.front()->encoded->size() >= kLargeBytesMin;
}

// This one and by turns one of its siblings that is up; all three when none is known to be.
NodeSet TriadStager::TwoNodes() {
  auto siblings = Triad::SiblingsOf(self_.index());
  if (first_had_last_) std::swap(siblings.front(), siblings.back());
  first_had_last_ = !first_had_last_;
  const NodeSet healthy = peers_.Reachable();
  for (const NodeIndex sibling : siblings) {
    if (!healthy.Has(sibling)) continue;
    NodeSet two;
    two.Add(self_.index());
    two.Add(sibling);
    return two;
  }
  return triad_.set();
}

void TriadStager::Send(RequestId id, NodeSet nodes) {
  const Job* job = jobs_.Find(id);
  if (job == nullptr) return;
  const std::vector<PayloadPtr> payloads = job->payloads;
  const NodeSet missing = nodes.Minus(job->synced);
  for (const NodeIndex node : triad_.nodes()) {
    if (!missing.Has(node)) continue;
    if (node != self_.index()) {
      self_.Send(node, StagePut{id, payloads});
      continue;
    }
    staging_.Put(payloads, [this, id](const absl::Status& status) {
      if (status.ok()) AddSynced(self_.index(), id);
    });
  }
}

void TriadStager::SendAgain(RequestId id) {
  const Job* job = jobs_.Find(id);
  if (job == nullptr) return;
  Send(id, job->asked);
  self_.executor().PostAfter(job->again_after, [this, id] { SendAgain(id); });
}

void TriadStager::OnStaged(NodeIndex from, const StagePutReply& reply) {
  if (reply.status.ok()) AddSynced(from, reply.id);
}

void TriadStager::AddSynced(NodeIndex node, RequestId id) {
  Job* job = jobs_.Find(node, id);
  if (job == nullptr) return;
  job->synced.Add(node);
  FinishIfEnough(id);
}

void TriadStager::FinishIfEnough(RequestId id) {
  const Job& job = *jobs_.Find(id);
  const NodeSet healthy = peers_.Reachable() & job.asked;
  const int wanted = job.patient ? std::max(Triad::kMajority, healthy.Count()) : Triad::kMajority;
  if (job.synced.Count() < wanted) return;
  const std::optional<Job> finished = jobs_.Drop(id);
  finished->done(finished->synced);
}

}  // namespace worldb::engine
