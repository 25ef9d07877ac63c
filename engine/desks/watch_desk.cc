#include "engine/desks/watch_desk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "engine/desks/key_lister.h"

namespace worldb::engine {

// Before whatever the next entry makes visible.
WatchPosition WatchDesk::End() const { return {state_.applied().Next(), {}}; }

void WatchDesk::Open(NodeIndex from, const WatchOpen& request) {
  if (watchers_.size() >= kWatchersMax || watchers_.contains(request.id)) return;
  if (watchers_.empty()) journal_.Begin(state_);
  Watcher& watcher = watchers_[request.id];
  watcher.from = from;
  watcher.key = request.key;
  watcher.prefix = request.prefix;
  watcher.sent_at = watcher.heard = self_.now();
  if (request.after.has_value()) {
    watcher.next = journal_.FirstAfter(*request.after);
    watcher.told = *request.after;
  } else {
    watcher.next = journal_.end();
    watcher.told = End();
  }
  if (request.prefix) {
    of_prefix_.insert(request.id);
  } else {
    watcher.key_tag = self_.cell().KeyTagOf(request.key);
    of_key_[watcher.key_tag].insert(request.id);
  }
  if (request.replaces != request.id) CloseFor(from, request.replaces);
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
  const VisibleJournal::Place begin = watcher.next;
  std::size_t bytes = 0;
  watcher.stalled = false;
  while (watcher.next < journal_.end() && watcher.next - begin < kLookedAtMax &&
         batch.changes.size() < kChangesPerBatchMax && bytes < kBatchBytesMax) {
    const WatchPosition& item = journal_.At(watcher.next);
    const Bytes* name = watcher.prefix ? names_.Find(item.id.key_tag) : &watcher.key;
    if (name == nullptr) {
      names_.Need(item.id.key_tag);
      watcher.stalled = true;
      break;
    }
    ++watcher.next;
    watcher.told = item;
    const arbiter::ClosedVersion* version = state_.FindVersion(item.id);
    if (version == nullptr || !Matches(watcher, item, name)) continue;
    bytes += name->size() + sizeof(VersionRecord);
    batch.changes.push_back({*name, RecordOf(*version), item.index});
  }
  watcher.at_end = watcher.next == journal_.end();
  return watcher.next != begin;
}

void WatchDesk::Serve(SubscriptionId id) {
  Watcher& watcher = watchers_.at(id);
  while (watcher.may_send()) {
    WatchBatch batch;
    const bool further = Fill(watcher, batch);
    if (!batch.changes.empty()) {
      Send(id, watcher, std::move(batch));
    } else if (further && !watcher.at_end && !watcher.stalled) {
      // Much to look at: others come first.
      self_.executor().Post([this, id] {
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
  watcher.sent_at = self_.now();
  self_.Send(watcher.from, std::move(batch));
}

void WatchDesk::TakeAck(NodeIndex from, const WatchAck& ack) {
  const auto it = watchers_.find(ack.id);
  if (it == watchers_.end() || it->second.from != from) return;
  if (ack.over) return Close(ack.id);
  Watcher& watcher = it->second;
  if (ack.number > watcher.sent) return;
  watcher.acked = std::max(watcher.acked, ack.number);
  watcher.heard = self_.now();
  if (!watcher.at_end) Serve(ack.id);
}

void WatchDesk::OnEffects(const std::vector<arbiter::Effect>& effects) {
  if (watchers_.empty()) return;
  VisibleJournal::Place place = journal_.end();
  journal_.Append(state_.applied(), effects);
  std::set<SubscriptionId> concerned;
  for (; place < journal_.end(); ++place) WakeAt(place, concerned);
  for (const SubscriptionId id : concerned) Serve(id);
}

// Those at the end whom the version at `place` concerns, or may: its name may not be known yet.
void WatchDesk::WakeAt(VisibleJournal::Place place, std::set<SubscriptionId>& woken) {
  const WatchPosition& item = journal_.At(place);
  const auto wake = [&](SubscriptionId id, Watcher& watcher) {
    // Whoever is not at the end comes by here anyway.
    if (!watcher.at_end) return;
    watcher.at_end = false;
    watcher.next = place;
    watcher.told = {item.index, {}};
    woken.insert(id);
  };
  if (const auto of_key = of_key_.find(item.id.key_tag); of_key != of_key_.end()) {
    for (const SubscriptionId id : of_key->second) wake(id, watchers_.at(id));
  }
  const Bytes* name = of_prefix_.empty() ? nullptr : names_.Find(item.id.key_tag);
  for (const SubscriptionId id : of_prefix_) {
    Watcher& watcher = watchers_.at(id);
    if (name == nullptr || Matches(watcher, item, name)) wake(id, watcher);
  }
}

void WatchDesk::Tick() {
  std::vector<SubscriptionId> silent;
  for (auto& [id, watcher] : watchers_) {
    if (self_.now() - watcher.heard > kWatcherSilentAfter) {
      silent.push_back(id);
      continue;
    }
    if (watcher.stalled) Serve(id);
    if (self_.now() - watcher.sent_at >= kBeatEvery && watcher.may_send()) Send(id, watcher, {});
  }
  for (const SubscriptionId id : silent) Close(id);
}

// Nobody ends somebody else's.
void WatchDesk::CloseFor(NodeIndex from, SubscriptionId id) {
  const auto it = watchers_.find(id);
  if (it != watchers_.end() && it->second.from == from) Close(id);
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
  journal_.Clear();
}

}  // namespace worldb::engine
