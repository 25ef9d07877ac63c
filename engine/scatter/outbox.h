// What waits for one node, what is on its way to it, and whether the node rests.
//
// A core: deliveries are offered, batches come out; answers, silence and time come in, and it says which
// versions are not on their way any more. It knows of a share no more than its version and its size.
//
// A node that is up but takes nothing (its disk is full, or it is stuck) must not hold up the versions of
// all others: their memory would be bound in shares that it never takes. So it rests. It is offered
// nothing, but after a while it is tried with one version; if it does not take that one either, it rests
// twice as long. The first receipt ends the rest.
// Bounds:  kWaitingMax deliveries wait; what is offered beyond is not taken. kBatchesUnderWayMax batches
//          of kDeliveriesPerBatchMax deliveries are under way, of kBatchBytesMax and at most one delivery
//          more; what is owed goes alone.
// Threads: one owner.
#ifndef WORLDB_ENGINE_SCATTER_OUTBOX_H_
#define WORLDB_ENGINE_SCATTER_OUTBOX_H_

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "arbiter/log_entry.h"
#include "cryptoscatter/records.h"
#include "engine/messages/asked.h"

namespace worldb::engine {

struct ShareDelivery;

class Outbox {
 public:
  static constexpr std::size_t kWaitingMax = 8192;
  static constexpr std::size_t kDeliveriesPerBatchMax = 256;
  static constexpr std::size_t kBatchBytesMax = std::size_t{4} << 20;
  static constexpr std::size_t kBatchesUnderWayMax = 8;
  // What is offered within this time of the last batch travels together: each batch costs two signatures.
  static constexpr absl::Duration kSendEvery = absl::Milliseconds(20);
  // The same after a batch of so many.
  static constexpr absl::Duration kSendEveryWhenBusy = absl::Milliseconds(50);
  static constexpr std::size_t kBusyBatch = 16;
  static constexpr absl::Duration kAnswerPatience = absl::Seconds(3);
  // A node that is owed a share fetches fragments from others first.
  static constexpr absl::Duration kRebuildPatience = absl::Seconds(20);
  static constexpr absl::Duration kRestMin = absl::Seconds(1);
  static constexpr absl::Duration kRestMax = absl::Seconds(30);

  using Versions = std::vector<arbiter::RoundId>;
  struct Delivery {
    arbiter::RoundId version;
    cryptoscatter::ReceiptClaim claim;           // what its receipt will say
    std::shared_ptr<const ShareDelivery> share;  // handed on, never looked into
    std::size_t bytes = 0;
    bool owed = false;  // without its fragment
  };
  // What a batch under way brings: of each delivery, in order.
  struct Sent {
    Versions versions;
    std::vector<cryptoscatter::ReceiptClaim> claims;
  };
  struct Batch {
    RequestId id = 0;
    bool owed = false;        // one share, which the node has to complete
    absl::Duration patience;  // call TakeSilence() so much later
    std::vector<std::shared_ptr<const ShareDelivery>> shares;
  };
  struct Effects {
    Versions taken_back;                       // not on their way any more
    std::optional<absl::Duration> look_after;  // call IsToBeTried() so much later
    bool woke = false;                         // its rest is over: offer it all that it lacks
  };

  // `ids` outlives this object.
  Outbox(NodeIndex node, RequestIds& ids) : node_(node), under_way_(ids, kBatchesUnderWayMax) {}

  // -- out

  // False when too much waits already. REQUIRES: the version neither waits nor is under way.
  bool Offer(Delivery delivery);
  bool waits() const { return !waiting_.empty(); }
  // How long to wait before calling NextBatch(), so that more gathers. What is owed goes alone.
  absl::Duration PauseBeforeSend(absl::Duration now) const {
    if (!waiting_.empty() && waiting_.front().owed) return absl::ZeroDuration();
    return std::max(absl::ZeroDuration(), send_again_ - now);
  }
  // What to send now; nullopt when nothing waits, or enough is under way.
  std::optional<Batch> NextBatch(absl::Duration now);

  // -- in

  // Null when the batch is not under way (any more).
  const Sent* UnderWay(RequestId id) { return under_way_.Find(node_, id); }
  // `held`: of those, in the same order, what the node proved to hold. `gave_receipts`: any at all.
  Effects TakeAnswer(RequestId id, const Versions& held, bool gave_receipts, absl::Duration now);
  // The batch's patience has run out; nothing follows if it was answered.
  Effects TakeSilence(RequestId id, absl::Duration now);

  // -- rest

  bool resting() const { return resting_; }
  // It has rested long enough and is to be offered one version: call TryWith(), or Wake() when there is
  // none that it lacks.
  bool IsToBeTried(absl::Duration now) const;
  void TryWith(const arbiter::RoundId& version) { tried_with_ = version; }
  bool IsTriedWith(const arbiter::RoundId& version) const { return tried_with_ == version; }
  // It is back after silence, or there is nothing to try it with: it rests no longer.
  void Wake();

  // Forgets everything.
  void Clear();

 private:
  void TakeBackWaiting(Versions& taken_back);
  void Rest(absl::Duration now, Effects& effects);

  NodeIndex node_;
  std::deque<Delivery> waiting_;
  absl::Duration send_again_ = -absl::InfiniteDuration();
  Asked<Sent> under_way_;
  bool resting_ = false;
  std::optional<arbiter::RoundId> tried_with_;  // it rests on for all others
  absl::Duration rest_length_ = absl::ZeroDuration();
  absl::Duration rest_until_ = absl::ZeroDuration();
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SCATTER_OUTBOX_H_
