#include "engine/gateway/watcher.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/cell/errors.h"
#include "engine/cell/opaque_token.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kTickEvery = absl::Milliseconds(250);
// A home that said nothing for this long, beside the way there and back, is asked again; one that
// stands sends something every WatchDesk::kBeatEvery.
constexpr absl::Duration kAskAgainAfter = absl::Seconds(1);
constexpr absl::Duration kHomeSilentAfter = absl::Seconds(4);

Bytes BindingOf(const WatchRequest& request) {
  ByteWriter w;
  w.U8(request.prefix ? 1 : 0).Raw(request.key);
  return std::move(w).Take();
}

}  // namespace

void Watcher::Start(CallId call, WatchRequest request, WatchObserver observer) {
  const std::size_t bytes_min = request.prefix ? 0 : 1;
  if (request.key.size() < bytes_min || request.key.size() > cryptoscatter::kKeyNameBytesMax) {
    return observer(WatchFailed{
        MakeError(absl::StatusCode::kInvalidArgument, reason::kBadKey,
                  absl::StrCat("the key or prefix has ", request.key.size(), " bytes; ", bytes_min,
                               " to ", cryptoscatter::kKeyNameBytesMax, " are allowed"),
                  {{"field", "key"}})});
  }
  if (watches_.size() >= kWatchesMax) {
    return observer(WatchFailed{
        MakeError(absl::StatusCode::kResourceExhausted, reason::kShed,
                  absl::StrCat("the node has ", kWatchesMax, " watches; ask another node"))});
  }
  Watch watch;
  const Cell& cell = context_.cell();
  for (int i = 0; i < kDataCenterCount; ++i) {
    const DataCenterIndex home = DataCenterAt(i);
    if (request.prefix || cell.HomeOf(cell.SlotOf(cell.KeyTagOf(request.key))) == home) {
      watch.homes.emplace(home, Subscription());
    }
  }
  watch.request = std::move(request);
  if (absl::Status status = ReadToken(watch); !status.ok()) {
    return observer(WatchFailed{std::move(status)});
  }
  watch.observer = std::move(observer);
  Look(call, watches_.emplace(call, std::move(watch)).first->second);
  if (!std::exchange(ticking_, true)) Tick();
}

std::string Watcher::TokenOf(const Watch& watch) const {
  ByteWriter w;
  for (const auto& [home, subscription] : watch.homes) {
    w.U8(subscription.told.has_value() ? 1 : 0);
    if (!subscription.told.has_value()) continue;
    w.U64(subscription.told->index.value()).Raw(subscription.told->id.key_tag.span());
    w.U64(subscription.told->id.version.value());
  }
  return MakeOpaqueToken(kWatchTokenLabel, context_.cell(), BindingOf(watch.request), w.span());
}

absl::Status Watcher::ReadToken(Watch& watch) const {
  if (watch.request.resume_token.empty()) return absl::OkStatus();
  const absl::StatusOr<Bytes> place = OpenOpaqueToken(
      kWatchTokenLabel, context_.cell(), BindingOf(watch.request), watch.request.resume_token);
  absl::Status status = place.status();
  if (place.ok()) {
    ByteReader r(*place);
    for (auto& [home, subscription] : watch.homes) {
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
  if (watches_.empty()) {
    ticking_ = false;
    return;
  }
  for (auto& [call, watch] : watches_) {
    Look(call, watch);
    if (watch.stands && context_.now() - watch.progress_told >= kProgressEvery) {
      TellProgress(watch);
    }
  }
  context_.executor().PostAfter(kTickEvery, [this] { Tick(); });
}

void Watcher::Look(CallId call, Watch& watch) {
  for (auto& [home, subscription] : watch.homes) {
    const std::optional<NodeIndex> sequencer = homes_.SequencerOf(home);
    if (!sequencer.has_value()) continue;
    const absl::Duration patience =
        (subscription.received == 0 ? kAskAgainAfter : kHomeSilentAfter) +
        2 * peers_.RoundTrip(*sequencer);
    if (subscription.id == 0 || subscription.sequencer != *sequencer ||
        context_.now() - subscription.heard > patience) {
      Subscribe(call, watch, subscription, *sequencer);
    }
  }
}

void Watcher::Subscribe(CallId call, const Watch& watch, Subscription& subscription,
                        NodeIndex sequencer) {
  WatchOpen open;
  open.replaces = subscription.id;
  subscriptions_.erase(subscription.id);
  do {
    const auto drawn = context_.parts.entropy->Draw<sizeof(SubscriptionId)>();
    open.id = ByteReader(drawn).U64();
  } while (open.id == 0 || subscriptions_.contains(open.id));
  subscriptions_.emplace(open.id, std::pair(call, DataCenterOf(sequencer)));
  subscription.id = open.id;
  subscription.sequencer = sequencer;
  subscription.received = 0;
  subscription.heard = context_.now();
  open.key = watch.request.key;
  open.prefix = watch.request.prefix;
  open.after = subscription.told;
  context_.Send(sequencer, std::move(open));
}

void Watcher::On(NodeIndex from, const WatchBatch& batch) {
  const auto it = subscriptions_.find(batch.id);
  if (it == subscriptions_.end()) {
    context_.Send(from, WatchAck{batch.id, batch.number, /*over=*/true});
    return;
  }
  const auto [call, home] = it->second;
  Watch& watch = watches_.at(call);
  Subscription& subscription = watch.homes.at(home);
  if (from != subscription.sequencer || batch.number <= subscription.received) return;
  if (batch.number != subscription.received + 1) {  // something before it was lost
    return Subscribe(call, watch, subscription, subscription.sequencer);
  }
  subscription.received = batch.number;
  subscription.heard = context_.now();
  context_.Send(from, WatchAck{batch.id, batch.number, /*over=*/false});
  for (const WatchedVersion& change : batch.changes) {
    subscription.told = {change.visible_at,
                         {context_.cell().KeyTagOf(change.key), change.version.version}};
    watch.observer(WatchChange{change.key, change.version, TokenOf(watch)});
  }
  subscription.told = batch.position;
  subscription.answered = true;
  const bool stands = std::all_of(watch.homes.begin(), watch.homes.end(),
                                  [](const auto& h) { return h.second.answered; });
  if (stands && !std::exchange(watch.stands, true)) TellProgress(watch);
}

void Watcher::TellProgress(Watch& watch) {
  watch.progress_told = context_.now();
  watch.observer(WatchProgress{TokenOf(watch)});
}

void Watcher::Unsubscribe(Subscription& subscription) {
  if (subscription.id == 0) return;
  subscriptions_.erase(subscription.id);
  context_.Send(subscription.sequencer, WatchAck{subscription.id, 0, /*over=*/true});
}

void Watcher::Forget(CallId call) {
  const auto it = watches_.find(call);
  if (it == watches_.end()) return;
  for (auto& [home, subscription] : it->second.homes) Unsubscribe(subscription);
  watches_.erase(it);
}

void Watcher::StopAll(const absl::Status& status) {
  subscriptions_.clear();
  for (const auto& [call, watch] : std::exchange(watches_, {})) {
    watch.observer(WatchFailed{status});
  }
}

}  // namespace worldb::engine
