#include "engine/staging.h"

#include <utility>

#include "cryptoscatter/base/status_macros.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kDropEvery = absl::Milliseconds(20);
constexpr std::size_t kDropsPerCommitMax = 1024;
constexpr char kRowEnd[] = "p0";
constexpr std::size_t kRowsPerScan = 32;

absl::StatusOr<std::shared_ptr<Payload>> DecodePayload(Bytes bytes) {
  auto payload = std::make_shared<Payload>();
  WORLDB_ASSIGN_OR_RETURN(payload->sealed, cryptoscatter::SealedValue::Decode(bytes));
  payload->commitment = payload->sealed.Commitment();
  payload->encoded = std::make_shared<const Bytes>(std::move(bytes));
  return payload;
}

}  // namespace

std::string Staging::RowKey(const CommitmentId& commitment) {
  return kRowPrefix + ToString(commitment.span());
}

void Staging::Load(std::function<void(absl::Status)> done) {
  LoadFrom(kRowPrefix, std::move(done));
}

void Staging::LoadFrom(std::string begin, std::function<void(absl::Status)> done) {
  context_.parts.store->Scan(
      RowFamily::kBlobs, std::move(begin), kRowEnd, kRowsPerScan,
      [this, done = std::move(done)](absl::StatusOr<std::vector<StoreRow>> rows) mutable {
        if (!rows.ok()) return done(rows.status());
        for (const StoreRow& row : *rows) {
          ByteReader r(AsBytes(row.key).subspan(sizeof(kRowPrefix) - 1));
          const CommitmentId commitment{r.Array<CommitmentId::kBytes>()};
          if (r.Finish("staging key").ok()) synced_.insert(commitment);
        }
        if (rows->size() < kRowsPerScan) return done(absl::OkStatus());
        LoadFrom(rows->back().key + '\0', std::move(done));
      });
}

void Staging::Put(const std::vector<PayloadPtr>& payloads, std::function<void(absl::Status)> done) {
  std::vector<StoreWrite> writes = std::exchange(drops_, {});
  std::vector<PayloadPtr> named;
  for (const PayloadPtr& payload : payloads) {
    writes.push_back(
        StoreWrite::Put(RowFamily::kBlobs, RowKey(payload->commitment), payload->encoded));
    if (auto name = names_.RowFor(payload->sealed.core.key_tag, payload->key)) {
      writes.push_back(*std::move(name));
      named.push_back(payload);
    }
  }
  context_.parts.store->Commit(
      std::move(writes), /*sync=*/true,
      [this, payloads, named = std::move(named), done = std::move(done)](absl::Status status) {
        if (status.ok()) {
          for (const PayloadPtr& payload : named) {
            names_.Learn(payload->sealed.core.key_tag, payload->key);
          }
          for (const PayloadPtr& payload : payloads) {
            Remember(payload);
            if (wanted_ && !wanted_(*payload)) Drop(payload->commitment);
          }
        }
        done(std::move(status));
      });
}

void Staging::Remember(PayloadPtr payload) {
  synced_.insert(payload->commitment);
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
    context_.executor().Post([payload = it->second, done = std::move(done)] { done(payload); });
    return;
  }
  context_.parts.store->Get(
      RowFamily::kBlobs, RowKey(commitment),
      [this, done = std::move(done)](absl::StatusOr<Bytes> bytes) {
        if (!bytes.ok()) return done(bytes.status());
        auto payload = DecodePayload(*std::move(bytes));
        if (!payload.ok()) return done(payload.status());
        if (const Bytes* name = names_.Find((*payload)->sealed.core.key_tag)) {
          (*payload)->key = *name;
        }
        done(*std::move(payload));
      });
}

void Staging::Drop(const CommitmentId& commitment) {
  if (synced_.erase(commitment) == 0) return;
  if (const auto it = memory_.find(commitment); it != memory_.end()) {
    memory_bytes_ -= it->second->encoded->size();
    memory_.erase(it);
  }
  drops_.push_back(StoreWrite::Delete(RowFamily::kBlobs, RowKey(commitment)));
  if (drops_.size() >= kDropsPerCommitMax) {
    FlushDrops();
  } else if (!std::exchange(drop_timer_, true)) {
    context_.executor().PostAfter(kDropEvery, [this] {
      drop_timer_ = false;
      FlushDrops();
    });
  }
}

void Staging::FlushDrops() {
  if (drops_.empty()) return;
  // A deletion that does not survive a crash is repeated when the log is applied again.
  context_.parts.store->Commit(std::exchange(drops_, {}), /*sync=*/false, [](absl::Status) {});
}

}  // namespace worldb::engine
