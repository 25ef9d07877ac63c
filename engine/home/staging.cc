#include "engine/home/staging.h"

#include <utility>

#include "cryptoscatter/base/status_macros.h"
#include "engine/rows/row_walk.h"
#include "engine/rows/staged_rows.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kDropEvery = absl::Milliseconds(20);
constexpr std::size_t kDropsPerCommitMax = 1024;
constexpr std::size_t kRowsPerPage = 32;
constexpr std::size_t kStepDigits = 4;

absl::StatusOr<std::shared_ptr<Payload>> DecodePayload(absl::string_view row_key, Bytes bytes) {
  auto payload = std::make_shared<Payload>();
  WORLDB_ASSIGN_OR_RETURN(payload->sealed, StagedRow::Decode(row_key, bytes));
  payload->commitment = payload->sealed.Commitment();
  payload->encoded = std::make_shared<const Bytes>(std::move(bytes));
  return payload;
}

}  // namespace

void Staging::Load(std::function<void(absl::Status)> done) {
  // One that cannot be read is looked up all the same.
  ReadWhole(
      store_, RowWalk(RowFamily::kBlobs, StagedRow::kFamilyPrefix, kRowsPerPage, kStepDigits),
      [this](std::vector<StoreRow>& rows) {
        for (StoreRow& row : rows) {
          const auto payload = DecodePayload(row.key, std::move(row.value));
          if (payload.ok()) {
            Note(**payload);
          } else {  // damaged: as good as not here
            drops_.push_back(StoreWrite::Delete(RowFamily::kBlobs, std::move(row.key)));
          }
        }
      },
      std::move(done));
}

void Staging::Put(const std::vector<PayloadPtr>& payloads, std::function<void(absl::Status)> done) {
  std::vector<StoreWrite> writes = std::exchange(drops_, {});
  std::vector<PayloadPtr> named;
  for (const PayloadPtr& payload : payloads) {
    writes.push_back(
        StoreWrite::Put(RowFamily::kBlobs, StagedRow::Key(payload->commitment), payload->encoded));
    if (auto name = names_.RowFor(payload->sealed.core.key_tag, payload->key)) {
      writes.push_back(*std::move(name));
      named.push_back(payload);
    }
  }
  store_.Commit(
      std::move(writes), /*sync=*/true,
      [this, payloads, named = std::move(named), done = std::move(done)](absl::Status status) {
        if (status.ok()) {
          for (const PayloadPtr& payload : named) {
            names_.Learn(payload->sealed.core.key_tag, payload->key);
          }
          for (const PayloadPtr& payload : payloads) {
            Remember(payload);
            Review(payload->sealed.core.op_id, payload->commitment, self_.now());
          }
          KeepBudget();
        }
        done(std::move(status));
      });
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

void Staging::Note(const Payload& payload) {
  Staged& staged = synced_[payload.commitment];
  stored_bytes_ += payload.encoded->size() - staged.bytes;
  staged = {payload.sealed.core.op_id, self_.now(), payload.encoded->size(), payload.whole()};
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
  const std::size_t whole_bytes = it->second.bytes;
  stored_bytes_ -= std::exchange(it->second.bytes, 0);
  Get(commitment, [this, commitment, whole_bytes](absl::StatusOr<PayloadPtr> payload) {
    const auto staged = synced_.find(commitment);
    if (staged == synced_.end() || !payload.ok()) return;
    auto owed = std::make_shared<Payload>();
    owed->sealed = (*payload)->sealed;
    owed->sealed.ciphertext.clear();
    owed->commitment = commitment;
    owed->encoded = std::make_shared<const Bytes>(owed->sealed.Encode());
    staged->second.bytes = owed->encoded->size();
    stored_bytes_ += staged->second.bytes;
    if (const auto cached = memory_.find(commitment); cached != memory_.end()) {
      memory_bytes_ -= whole_bytes;
      memory_.erase(cached);
    }
    // Not synced: a crash leaves the whole payload, which may shrink again.
    store_.Commit({StoreWrite::Put(RowFamily::kBlobs, StagedRow::Key(commitment), owed->encoded)},
                  /*sync=*/false, [](absl::Status) {});
  });
}

void Staging::Remember(PayloadPtr payload) {
  Note(*payload);
  const CommitmentId commitment = payload->commitment;
  const std::size_t bytes = payload->encoded->size();
  if (!memory_.emplace(commitment, std::move(payload)).second) return;
  while (!memory_order_.empty() && !memory_.contains(memory_order_.front())) {
    memory_order_.pop_front();
  }
  memory_order_.push_back(commitment);
  memory_bytes_ += bytes;
  while (memory_bytes_ > kMemoryBytesMax && !memory_order_.empty()) {
    const auto oldest = memory_.find(memory_order_.front());
    memory_order_.pop_front();
    if (oldest == memory_.end()) continue;
    memory_bytes_ -= oldest->second->encoded->size();
    memory_.erase(oldest);
  }
}

void Staging::Get(const CommitmentId& commitment,
                  std::function<void(absl::StatusOr<PayloadPtr>)> done) {
  if (const auto it = memory_.find(commitment); it != memory_.end()) {
    self_.executor().Post([payload = it->second, done = std::move(done)] { done(payload); });
    return;
  }
  store_.Get(RowFamily::kBlobs, StagedRow::Key(commitment),
             [this, commitment, done = std::move(done)](absl::StatusOr<Bytes> bytes) {
               // Damaged is as good as not here: whoever asks takes a sibling's.
               if (absl::IsDataLoss(bytes.status())) {
                 return done(absl::NotFoundError(bytes.status().message()));
               }
               if (!bytes.ok()) return done(bytes.status());
               auto payload = DecodePayload(StagedRow::Key(commitment), *std::move(bytes));
               if (!payload.ok()) return done(absl::NotFoundError(payload.status().message()));
               if (const Bytes* name = names_.Find((*payload)->sealed.core.key_tag)) {
                 (*payload)->key = *name;
               }
               done(*std::move(payload));
             });
}

void Staging::Drop(const CommitmentId& commitment) {
  const auto staged = synced_.find(commitment);
  if (staged == synced_.end()) return;
  stored_bytes_ -= staged->second.bytes;
  synced_.erase(staged);
  if (const auto it = memory_.find(commitment); it != memory_.end()) {
    memory_bytes_ -= it->second->encoded->size();
    memory_.erase(it);
  }
  drops_.push_back(StoreWrite::Delete(RowFamily::kBlobs, StagedRow::Key(commitment)));
  if (drops_.size() >= kDropsPerCommitMax) {
    FlushDrops();
  } else if (!std::exchange(drop_timer_, true)) {
    self_.executor().PostAfter(kDropEvery, [this] {
      drop_timer_ = false;
      FlushDrops();
    });
  }
}

void Staging::FlushDrops() {
  if (drops_.empty()) return;
  // A deletion that does not survive a crash is repeated when the log is applied again.
  store_.Commit(std::exchange(drops_, {}), /*sync=*/false, [](absl::Status) {});
}

}  // namespace worldb::engine
