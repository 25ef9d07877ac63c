#include "engine/gateway/watcher.h"

#include <algorithm>

#include "engine/cell/errors.h"
#include "engine/cell/key_name.h"
#include "engine/cell/opaque_token.h"
#include "engine/gateway/refusals.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kTickEvery = absl::Milliseconds(250);

Bytes BindingOf(const WatchRequest& request) {
  ByteWriter w;
  w.U8(request.prefix ? 1 : 0).Raw(request.key);
  return std::move(w).Take();
}

}  // namespace

void Watcher::Start(CallId id, WatchRequest request, WatchObserver observer) {
  if (absl::Status named = CheckKeyOrPrefix(request.key, request.prefix); !named.ok()) {
    return observer(WatchFailed{std::move(named)});
  }
  if (calls_.size() >= kWatchesMax) {
    return observer(WatchFailed{TooMany("watches", kWatchesMax)});
  }
  Call call = MakeCall(std::move(request), std::move(observer));
  if (absl::Status status = ReadToken(call); !status.ok()) {
    return call.observer(WatchFailed{std::move(status)});
  }
  SubscribeWhereDue(id, calls_.emplace(id, std::move(call)).first->second);
  if (!std::exchange(ticking_, true)) Tick();
}

Watcher::Call Watcher::MakeCall(WatchRequest request, WatchObserver observer) const {
  const Cell& cell = self_.cell();
  Call call;
  for (int i = 0; i < kDataCenterCount; ++i) {
    const DataCenterIndex home = DataCenterAt(i);
    if (request.prefix || cell.HomeOf(cell.SlotOf(cell.KeyTagOf(request.key))) == home) {
      call.homes.emplace(home, Subscription());
    }
  }
  call.request = std::move(request);
  call.observer = std::move(observer);
  return call;
}

std::string Watcher::TokenOf(const Call& call) const {
  ByteWriter w;
  for (const auto& [home, subscription] : call.homes) {
    w.U8(subscription.told.has_value() ? 1 : 0);
    if (!subscription.told.has_value()) continue;
    w.U64(subscription.told->index.value()).Raw(subscription.told->id.key_tag.span());
    w.U64(subscription.told->id.version.value());
  }
  return MakeOpaqueToken(kWatchTokenLabel, self_.cell(), BindingOf(call.request), w.span());
}

absl::Status Watcher::ReadToken(Call& call) const {
  if (call.request.resume_token.empty()) return absl::OkStatus();
  const absl::StatusOr<Bytes> place = OpenOpaqueToken(
      kWatchTokenLabel, self_.cell(), BindingOf(call.request), call.request.resume_token);
  absl::Status status = place.status();
  if (place.ok()) {
    ByteReader r(*place);
    for (auto& [home, subscription] : call.homes) {
      if (r.U8() == 0) continue;
      WatchPosition& told = subscription.told.emplace();
      told.index = LogIndex(r.U64());
      told.id.key_tag = KeyTag{r.Array<KeyTag::kBytes>()};
      told.id.version = Version(r.U64());
    }
    status = r.Finish("resume token");
  }
  if (status.ok()) return status;
  return MakeError(absl::StatusCode::kInvalidArgument, reason::kBadResumeToken, status.message(),
                   {{"field", "resume_token"}});
}

void Watcher::Tick() {
  if (calls_.empty()) {
    ticking_ = false;
    return;
  }
  for (auto& [id, call] : calls_) {
    SubscribeWhereDue(id, call);
    if (call.stands && self_.now() - call.progress_told >= kProgressEvery) TellProgress(call);
  }
  self_.executor().PostAfter(kTickEvery, [this] { Tick(); });
}

void Watcher::SubscribeWhereDue(CallId id, Call& call) {
  for (auto& [home, subscription] : call.homes) {
    const std::optional<NodeIndex> sequencer = homes_.SequencerOf(home);
    if (!sequencer.has_value()) continue;
    const absl::Duration patience =
        (subscription.received == 0 ? kAskAgainAfter : kWatchedHomeSilentAfter) +
        2 * peers_.RoundTrip(*sequencer);
    if (subscription.id == 0 || subscription.sequencer != *sequencer ||
        self_.now() - subscription.heard > patience) {
      Subscribe(id, call.request, subscription, *sequencer);
    }
  }
}

void Watcher::Subscribe(CallId id, const WatchRequest& request, Subscription& subscription,
                        NodeIndex sequencer) {
  WatchOpen open;
  open.replaces = subscription.id;
  subscriptions_.erase(subscription.id);
  open.id = DrawId();
  subscriptions_.emplace(open.id, std::pair(id, DataCenterOf(sequencer)));
  subscription.id = open.id;
  subscription.sequencer = sequencer;
  subscription.received = 0;
  subscription.heard = self_.now();
  open.key = request.key;
  open.prefix = request.prefix;
  open.after = subscription.told;
  self_.Send(sequencer, std::move(open));
}

SubscriptionId Watcher::DrawId() {
  SubscriptionId id = 0;
  while (id == 0 || subscriptions_.contains(id)) {
    const auto drawn = entropy_.Draw<sizeof(SubscriptionId)>();
    id = ByteReader(drawn).U64();
  }
  return id;
}

void Watcher::TakeBatch(NodeIndex from, const WatchBatch& batch) {
  const auto it = subscriptions_.find(batch.id);
  if (it == subscriptions_.end()) {
    self_.Send(from, WatchAck{batch.id, batch.number, /*over=*/true});
    return;
  }
  const auto [id, home] = it->second;
  Call& call = calls_.at(id);
  Subscription& subscription = call.homes.at(home);
  if (from != subscription.sequencer || batch.number <= subscription.received) return;
  if (batch.number != subscription.received + 1) {  // something before it was lost
    return Subscribe(id, call.request, subscription, subscription.sequencer);
  }
  subscription.received = batch.number;
  subscription.heard = self_.now();
  self_.Send(from, WatchAck{batch.id, batch.number, /*over=*/false});
  TellChanges(call, subscription, batch);
  const bool stands = std::all_of(call.homes.begin(), call.homes.end(),
                                  [](const auto& h) { return h.second.answered; });
  if (stands && !std::exchange(call.stands, true)) TellProgress(call);
}

void Watcher::TellChanges(Call& call, Subscription& subscription, const WatchBatch& batch) {
  for (const WatchedVersion& change : batch.changes) {
    subscription.told = {change.visible_at,
                         {self_.cell().KeyTagOf(change.key), change.version.version}};
    call.observer(WatchChange{change.key, change.version, TokenOf(call)});
  }
  subscription.told = batch.position;
  subscription.answered = true;
}

void Watcher::TellProgress(Call& call) {
  call.progress_told = self_.now();
  call.observer(WatchProgress{TokenOf(call)});
}

void Watcher::Unsubscribe(const Subscription& subscription) {
  if (subscription.id == 0) return;
  subscriptions_.erase(subscription.id);
  self_.Send(subscription.sequencer, WatchAck{subscription.id, 0, /*over=*/true});
}

void Watcher::Forget(CallId id) {
  const auto it = calls_.find(id);
  if (it == calls_.end()) return;
  for (const auto& [home, subscription] : it->second.homes) Unsubscribe(subscription);
  calls_.erase(it);
}

void Watcher::StopAll(const absl::Status& status) {
  subscriptions_.clear();
  for (const auto& [id, call] : std::exchange(calls_, {})) call.observer(WatchFailed{status});
}

}  // namespace worldb::engine
