#include "engine/sequencer/triad_stager.h"

#include <algorithm>
#include <utility>

namespace worldb::engine {

void TriadStager::Stage(std::vector<PayloadPtr> payloads, Done done) {
  const RequestId id =
      jobs_.Add(triad_.set(), Job{.payloads = std::move(payloads), .done = std::move(done)});
  Send(id);
  self_.executor().PostAfter(kThirdNodePatience, [this, id] {
    Job* job = jobs_.Find(id);
    if (job == nullptr) return;
    job->patient = false;
    FinishIfEnough(id);
  });
}

// To every node of the triad that has not synced it yet.
void TriadStager::Send(RequestId id) {
  const Job* job = jobs_.Find(id);
  if (job == nullptr) return;
  const std::vector<PayloadPtr> payloads = job->payloads;
  const NodeSet synced = job->synced;
  for (const NodeIndex node : triad_.nodes()) {
    if (synced.Has(node)) continue;
    if (node != self_.index()) {
      self_.Send(node, StagePut{id, payloads});
      continue;
    }
    staging_.Put(payloads, [this, id](const absl::Status& status) {
      if (status.ok()) AddSynced(self_.index(), id);
    });
  }
  self_.executor().PostAfter(kAgainAfter, [this, id] { Send(id); });
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
  const NodeSet healthy = peers_.Reachable() & triad_.set();
  const int wanted = job.patient ? std::max(Triad::kMajority, healthy.Count()) : Triad::kMajority;
  if (job.synced.Count() < wanted) return;
  const std::optional<Job> finished = jobs_.Drop(id);
  finished->done(finished->synced);
}

}  // namespace worldb::engine
