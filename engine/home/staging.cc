#include "engine/home/staging.h"

#include <utility>

namespace worldb::engine {

// ---------------------------------------------------------------- in and out

void Staging::Load(std::function<void(absl::Status)> done) {
  rows_.Load(
      [this](const Payload& payload) {
        // Of two copies one that may have shrunk does not replace one that is whole.
        const auto known = synced_.find(payload.commitment);
        if (known != synced_.end() && known->second.whole && !payload.whole()) return false;
        Note(payload);
        return true;
      },
      std::move(done));
}

void Staging::Put(const std::vector<PayloadPtr>& payloads, std::function<void(absl::Status)> done) {
  std::vector<StoreWrite> name_rows;
  std::vector<PayloadPtr> named;
  for (const PayloadPtr& payload : payloads) {
    if (auto name = names_.RowFor(payload->sealed.core.key_tag, payload->key)) {
      name_rows.push_back(*std::move(name));
      named.push_back(payload);
    }
  }
  rows_.Put(
      payloads, std::move(name_rows),
      [this, payloads, named = std::move(named), done = std::move(done)](absl::Status status) {
        if (status.ok()) {
          for (const PayloadPtr& payload : named) {
            names_.Learn(payload->sealed.core.key_tag, payload->key);
          }
          for (const PayloadPtr& payload : payloads) {
            Note(*payload);
            Review(payload->sealed.core.op_id, payload->commitment, self_.now());
          }
          KeepBudget();
        }
        done(std::move(status));
      });
}

void Staging::Get(const CommitmentId& commitment,
                  std::function<void(absl::StatusOr<PayloadPtr>)> done) {
  rows_.Get(commitment, std::move(done));
}

void Staging::TakePut(NodeIndex from, const StagePut& put) {
  if (DataCenterOf(from) != self_.data_center()) return;
  const auto answer = [this, from, id = put.id](absl::Status status) {
    self_.Send(from, StagePutReply{id, std::move(status)});
  };
  std::size_t bytes = 0;
  for (const PayloadPtr& payload : put.payloads) {
    if (payload == nullptr || payload->encoded == nullptr) {
      return answer(absl::InvalidArgumentError("a payload to stage is missing"));
    }
    bytes += payload->encoded->size();
  }
  // One by itself is taken, however large.
  if (put_bytes_under_way_ > 0 && put_bytes_under_way_ + bytes > kPutBytesUnderWayMax) {
    return answer(absl::ResourceExhaustedError("too much is being staged; try again"));
  }
  put_bytes_under_way_ += bytes;
  Put(put.payloads, [this, bytes, answer](absl::Status status) {
    put_bytes_under_way_ -= bytes;
    answer(std::move(status));
  });
}

void Staging::Serve(NodeIndex from, const StageGet& request) {
  if (DataCenterOf(from) != self_.data_center()) return;
  const auto answer = [this, from, id = request.id](absl::StatusOr<PayloadPtr> payload) {
    StageGetReply reply;
    reply.id = id;
    reply.status = payload.status();
    if (payload.ok()) reply.payload = *std::move(payload);
    self_.Send(from, std::move(reply));
  };
  if (gets_under_way_ >= kGetsUnderWayMax) {
    return answer(absl::ResourceExhaustedError("too many ask for what is staged; try again"));
  }
  ++gets_under_way_;
  Get(request.commitment, [this, answer](absl::StatusOr<PayloadPtr> payload) {
    --gets_under_way_;
    answer(std::move(payload));
  });
}

// ---------------------------------------------------------------- what stays

void Staging::Note(const Payload& payload) {
  Staged& staged = synced_[payload.commitment];
  stored_bytes_ += payload.encoded->size() - staged.bytes;
  staged = {payload.sealed.core.op_id, self_.now(), payload.encoded->size(), payload.whole()};
}

void Staging::NoteChecked(const CommitmentId& commitment) {
  if (const auto it = synced_.find(commitment); it != synced_.end()) it->second.checked = true;
}

bool Staging::WasChecked(const CommitmentId& commitment) const {
  const auto it = synced_.find(commitment);
  return it != synced_.end() && it->second.checked;
}

void Staging::Review(const OpId& op, const CommitmentId& commitment, absl::Duration since) {
  if (!wanted_) return;
  const StagingWish wish = wanted_(op, commitment);
  const bool stray = wish == StagingWish::kUnknown && self_.now() - since >= kStrayAfter;
  Heed(commitment, stray ? StagingWish::kUnwanted : wish);
}

void Staging::Heed(const CommitmentId& commitment, StagingWish wish) {
  switch (wish) {
    case StagingWish::kUnknown:
    case StagingWish::kWanted:
      return;
    case StagingWish::kHeld:
      return MayShrink(commitment, held_);
    case StagingWish::kSafe:
      return MayShrink(commitment, safe_);
    case StagingWish::kUnwanted:
      return Drop(commitment);
  }
}

void Staging::Sweep() {
  safe_.clear();
  held_.clear();
  std::vector<std::pair<CommitmentId, Staged>> all(synced_.begin(), synced_.end());
  for (const auto& [commitment, staged] : all) Review(staged.op, commitment, staged.since);
  rows_.TakeApart([this](const CommitmentId& commitment) {
    const auto it = synced_.find(commitment);
    return it != synced_.end() && !it->second.whole;
  });
}

void Staging::MayShrink(const CommitmentId& commitment, std::deque<CommitmentId>& queue) {
  const auto it = synced_.find(commitment);
  if (it == synced_.end() || !it->second.whole) return;
  queue.push_back(commitment);
  KeepBudget();
}

void Staging::KeepBudget() {
  while (stored_bytes_ > bytes_max_ && !(safe_.empty() && held_.empty())) {
    std::deque<CommitmentId>& queue = safe_.empty() ? held_ : safe_;
    const CommitmentId oldest = queue.front();
    queue.pop_front();
    Shrink(oldest);
  }
}

void Staging::Shrink(const CommitmentId& commitment) {
  const auto it = synced_.find(commitment);
  if (it == synced_.end() || !std::exchange(it->second.whole, false)) return;
  stored_bytes_ -= std::exchange(it->second.bytes, 0);
  Get(commitment, [this, commitment](absl::StatusOr<PayloadPtr> payload) {
    const auto staged = synced_.find(commitment);
    if (staged == synced_.end() || staged->second.whole || !payload.ok()) return;
    PayloadPtr owed = WithoutCiphertext(**payload);
    stored_bytes_ += owed->encoded->size() - staged->second.bytes;
    staged->second.bytes = owed->encoded->size();
    rows_.Replace(std::move(owed));
  });
}

void Staging::Drop(const CommitmentId& commitment) {
  const auto staged = synced_.find(commitment);
  if (staged == synced_.end()) return;
  stored_bytes_ -= staged->second.bytes;
  synced_.erase(staged);
  rows_.Remove(commitment);
}

}  // namespace worldb::engine
