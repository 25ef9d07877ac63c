#include "engine/home/payload_cache.h"

#include <utility>

namespace worldb::engine {

void PayloadCache::Add(PayloadPtr payload) {
  const CommitmentId commitment = payload->commitment;
  const std::size_t bytes = payload->encoded->size();
  if (!payloads_.emplace(commitment, std::move(payload)).second) return;
  if (order_.size() > 2 * payloads_.size() + 16) {
    std::erase_if(order_, [this](const CommitmentId& id) { return !payloads_.contains(id); });
  }
  order_.push_back(commitment);
  bytes_ += bytes;
  while (bytes_ > bytes_max_ && !order_.empty()) {
    const CommitmentId oldest = order_.front();
    order_.pop_front();
    Remove(oldest);
  }
}

void PayloadCache::Remove(const CommitmentId& commitment) {
  const auto it = payloads_.find(commitment);
  if (it == payloads_.end()) return;
  bytes_ -= it->second->encoded->size();
  payloads_.erase(it);
}

PayloadPtr PayloadCache::Find(const CommitmentId& commitment) const {
  const auto it = payloads_.find(commitment);
  return it == payloads_.end() ? nullptr : it->second;
}

}  // namespace worldb::engine
