// Tells watchers, at the sequencer of a home, which versions became visible: LATEST may answer with
// them.
//
// All versions lie in one journal, in the order in which they became visible; a watcher is a filter and
// a place in it. So catching up after a resume and following live are the same thing, and a watcher
// costs a few hundred bytes however far behind it is. Batches are acknowledged; with
// kBatchesUnderWayMax of them under way a watcher waits, and one that stays silent is forgotten: its
// gateway asks again from where it was.
// Bounds:  kWatchersMax; one more is ignored, and its gateway asks again.
// Threads: its node's executor.
// Source:  docs/protocol.md 6; ARCHITECTURE.md, "Names, listings and watches".
#ifndef WORLDB_ENGINE_DESKS_WATCH_DESK_H_
#define WORLDB_ENGINE_DESKS_WATCH_DESK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "arbiter/home_state.h"
#include "engine/context/node_self.h"
#include "engine/desks/visible_journal.h"
#include "engine/home/name_index.h"
#include "engine/messages/watch_messages.h"

namespace worldb::engine {

class WatchDesk {
 public:
  static constexpr std::size_t kWatchersMax = 16'384;
  static constexpr std::uint64_t kBatchesUnderWayMax = 4;
  static constexpr std::size_t kChangesPerBatchMax = 64;
  static constexpr std::size_t kBatchBytesMax = std::size_t{64} << 10;
  // Versions looked at in one event.
  static constexpr std::size_t kLookedAtMax = 4096;
  // A watcher is sent something at least this often, and heard of no longer than that ago.
  static constexpr absl::Duration kBeatEvery = absl::Seconds(1);
  static constexpr absl::Duration kWatcherSilentAfter = absl::Seconds(10);

  // All of them outlive this object.
  WatchDesk(const NodeSelf& self, const arbiter::HomeState& state, NameIndex& names)
      : self_(self), state_(state), names_(names) {}

  // REQUIRES: the state includes a READ mark appended since the request came in. Ignored when there
  // are too many watchers.
  void Open(NodeIndex from, const WatchOpen& request);
  void TakeAck(NodeIndex from, const WatchAck& ack);
  // What followed from the entry just applied.
  void OnEffects(const std::vector<arbiter::Effect>& effects);
  // To be called every few tens of milliseconds.
  void Tick();
  // Whoever watches asks the next sequencer.
  void Clear();

 private:
  struct Watcher {
    NodeIndex from;
    Bytes key;
    bool prefix = false;
    KeyTag key_tag;  // of a key
    VisibleJournal::Place next = 0;
    bool at_end = false;     // nothing for it lies between `next` and the end
    bool stalled = false;    // what comes next has no known name yet
    WatchPosition told;      // while not at the end
    std::uint64_t sent = 0;  // number of the last batch
    std::uint64_t acked = 0;
    absl::Duration sent_at;
    absl::Duration heard;
    bool may_send() const { return sent - acked < kBatchesUnderWayMax; }
  };

  bool Matches(const Watcher& watcher, const WatchPosition& item, const Bytes* name) const;
  void Serve(SubscriptionId id);
  // False when its place in the journal did not get further.
  bool Fill(Watcher& watcher, WatchBatch& batch);
  void Send(SubscriptionId id, Watcher& watcher, WatchBatch batch);
  void WakeAt(VisibleJournal::Place place, std::set<SubscriptionId>& woken);
  void CloseFor(NodeIndex from, SubscriptionId id);
  void Close(SubscriptionId id);
  WatchPosition End() const;

  const NodeSelf& self_;
  const arbiter::HomeState& state_;
  NameIndex& names_;
  VisibleJournal journal_;  // kept while somebody watches
  std::map<SubscriptionId, Watcher> watchers_;
  absl::flat_hash_map<KeyTag, std::set<SubscriptionId>> of_key_;
  std::set<SubscriptionId> of_prefix_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_DESKS_WATCH_DESK_H_
