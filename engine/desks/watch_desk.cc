#include "engine/desks/watch_desk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "engine/desks/key_lister.h"

namespace worldb::engine {
namespace {

constexpr std::size_t kChangesPerBatchMax = 64;
constexpr std::size_t kBatchBytesMax = std::size_t{64} << 10;
// Journal items looked at in one event.
constexpr std::size_t kLookedAtMax = 4096;

}  // namespace

// Before whatever the next entry makes visible.
WatchPosition WatchDesk::End() const { return {home_.state().applied().Next(), {}}; }

void WatchDesk::MakeJournal() {
  if (std::exchange(journaled_, true)) return;
  for (const arbiter::RoundId& id : home_.state().VisibleSince(LogIndex())) {
    journal_.push_back({home_.state().FindVersion(id)->visible_at, id});
  }
}

void WatchDesk::Open(NodeIndex from, const WatchOpen& request) {
  if (watchers_.size() >= kWatchersMax || watchers_.contains(request.id)) return;
  MakeJournal();
  Watcher& watcher = watchers_[request.id];
  watcher.from = from;
  watcher.key = request.key;
  watcher.prefix = request.prefix;
  watcher.sent_at = watcher.heard = context_.now();
  watcher.next = journal_.size();
  watcher.told = End();
  if (request.after.has_value()) {
    watcher.next = static_cast<std::size_t>(
        std::upper_bound(journal_.begin(), journal_.end(), *request.after) - journal_.begin());
    watcher.told = *request.after;
  }
  if (request.prefix) {
    of_prefix_.insert(request.id);
  } else {
    watcher.key_tag = context_.cell().KeyTagOf(request.key);
    of_key_[watcher.key_tag].insert(request.id);
  }
  const auto replaced = watchers_.find(request.replaces);
  if (replaced != watchers_.end() && replaced->second.from == from) Close(request.replaces);
  Serve(request.id);
  // Says that it stands, if nothing else did.
  if (watcher.sent == 0) Send(request.id, watcher, {});
}

bool WatchDesk::Matches(const Watcher& watcher, const WatchPosition& item,
                        const Bytes* name) const {
  return watcher.prefix ? absl::StartsWith(AsText(*name), AsText(watcher.key))
                        : item.id.key_tag == watcher.key_tag;
}

bool WatchDesk::Fill(Watcher& watcher, WatchBatch& batch) {
  const std::size_t begin = watcher.next;
  std::size_t bytes = 0;
  watcher.stalled = false;
  while (watcher.next < journal_.size() && watcher.next - begin < kLookedAtMax &&
         batch.changes.size() < kChangesPerBatchMax && bytes < kBatchBytesMax) {
    const WatchPosition& item = journal_[watcher.next];
    const Bytes* name = watcher.prefix ? names_.Find(item.id.key_tag) : &watcher.key;
    if (name == nullptr) {
      names_.Need(item.id.key_tag);
      watcher.stalled = true;
      break;
    }
    ++watcher.next;
    watcher.told = item;
    const arbiter::ClosedVersion* version = home_.state().FindVersion(item.id);
    if (version == nullptr || !Matches(watcher, item, name)) continue;
    bytes += name->size() + sizeof(VersionRecord);
    batch.changes.push_back({*name, RecordOf(*version), item.index});
  }
  watcher.at_end = watcher.next == journal_.size();
  return watcher.next != begin;
}

void WatchDesk::Serve(SubscriptionId id) {
  Watcher& watcher = watchers_.at(id);
  while (watcher.sent - watcher.acked < kBatchesUnderWayMax) {
    WatchBatch batch;
    const bool further = Fill(watcher, batch);
    if (!batch.changes.empty()) {
      Send(id, watcher, std::move(batch));
    } else if (further && !watcher.at_end && !watcher.stalled) {
      // Much to look at: others come first.
      context_.executor().Post([this, id] {
        if (watchers_.contains(id)) Serve(id);
      });
      return;
    }
    if (watcher.at_end || watcher.stalled) return;
  }
}

void WatchDesk::Send(SubscriptionId id, Watcher& watcher, WatchBatch batch) {
  batch.id = id;
  batch.number = ++watcher.sent;
  batch.position = watcher.at_end ? std::max(watcher.told, End()) : watcher.told;
  watcher.sent_at = context_.now();
  context_.Send(watcher.from, std::move(batch));
}

void WatchDesk::On(NodeIndex from, const WatchAck& ack) {
  const auto it = watchers_.find(ack.id);
  if (it == watchers_.end() || it->second.from != from) return;
  if (ack.over) return Close(ack.id);
  Watcher& watcher = it->second;
  if (ack.number > watcher.sent) return;
  watcher.acked = std::max(watcher.acked, ack.number);
  watcher.heard = context_.now();
  if (!watcher.at_end) Serve(ack.id);
}

void WatchDesk::OnEffects(const std::vector<arbiter::Effect>& effects) {
  if (!journaled_) return;
  const LogIndex index = home_.state().applied();
  const std::size_t begin = journal_.size();
  for (const arbiter::Effect& effect : effects) {
    if (const auto* visible = std::get_if<arbiter::VersionVisible>(&effect)) {
      journal_.push_back({index, visible->id});
    }
  }
  std::sort(journal_.begin() + static_cast<std::ptrdiff_t>(begin), journal_.end());
  std::set<SubscriptionId> concerned;
  const auto wake = [&](SubscriptionId id, std::size_t place) {
    Watcher& watcher = watchers_.at(id);
    // Whoever is not at the end comes by here anyway.
    if (!watcher.at_end) return;
    watcher.at_end = false;
    watcher.next = place;
    watcher.told = {index, {}};
    concerned.insert(id);
  };
  for (std::size_t place = begin; place < journal_.size(); ++place) {
    const WatchPosition& item = journal_[place];
    if (const auto of_key = of_key_.find(item.id.key_tag); of_key != of_key_.end()) {
      for (const SubscriptionId id : of_key->second) wake(id, place);
    }
    const Bytes* name = of_prefix_.empty() ? nullptr : names_.Find(item.id.key_tag);
    for (const SubscriptionId id : of_prefix_) {
      if (name == nullptr || Matches(watchers_.at(id), item, name)) wake(id, place);
    }
  }
  for (const SubscriptionId id : concerned) Serve(id);
}

void WatchDesk::Tick() {
  std::vector<SubscriptionId> silent;
  for (auto& [id, watcher] : watchers_) {
    if (context_.now() - watcher.heard > kSilentAfter) {
      silent.push_back(id);
      continue;
    }
    if (watcher.stalled) Serve(id);
    if (context_.now() - watcher.sent_at >= kBeatEvery &&
        watcher.sent - watcher.acked < kBatchesUnderWayMax) {
      Send(id, watcher, {});
    }
  }
  for (const SubscriptionId id : silent) Close(id);
}

void WatchDesk::Close(SubscriptionId id) {
  const auto it = watchers_.find(id);
  of_prefix_.erase(id);
  if (const auto of_key = of_key_.find(it->second.key_tag); of_key != of_key_.end()) {
    of_key->second.erase(id);
    if (of_key->second.empty()) of_key_.erase(of_key);
  }
  watchers_.erase(it);
  if (watchers_.empty()) Clear();
}

void WatchDesk::Clear() {
  watchers_.clear();
  of_key_.clear();
  of_prefix_.clear();
  journal_.clear();
  journaled_ = false;
}

}  // namespace worldb::engine
