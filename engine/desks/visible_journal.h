// The versions of a home in the order in which they became visible.
//
// Each has a place, a number that rises by one from version to version and is never given twice: what
// lies in front may be let go of without anybody's place changing. A version lies in the journal at a
// position (the entry that made it visible, its key tag and number), which says the same on every node
// and in every life of one; a place means something here alone.
// Bounds:  as many as the state has versions, as long as none is pruned.
// Threads: one owner.
// Source:  docs/protocol.md 6; ARCHITECTURE.md, "Names, listings and watches".
#ifndef WORLDB_ENGINE_DESKS_VISIBLE_JOURNAL_H_
#define WORLDB_ENGINE_DESKS_VISIBLE_JOURNAL_H_

#include <cstdint>
#include <deque>
#include <vector>

#include "arbiter/home_state.h"
#include "cryptoscatter/base/check.h"
#include "engine/messages/watch_messages.h"

namespace worldb::engine {

class VisibleJournal {
 public:
  using Place = std::uint64_t;

  // Begins anew, with every version that is visible in the state.
  void Begin(const arbiter::HomeState& state);
  // Goes on with what the entry just applied made visible.
  void Append(LogIndex applied, const std::vector<arbiter::Effect>& effects);
  // Lets go of everything.
  void Clear();

  // The oldest version held, and behind the newest.
  Place begin() const { return floor_; }
  Place end() const { return floor_ + items_.size(); }
  // REQUIRES: begin() <= place < end(). Valid until the next call that is not const.
  const WatchPosition& At(Place place) const {
    WORLDB_CHECK(floor_ <= place && place < end());
    return items_[place - floor_];
  }
  // Of the first version behind `position`, held or not.
  Place FirstAfter(const WatchPosition& position) const;

 private:
  std::deque<WatchPosition> items_;  // ascending
  Place floor_ = 0;                  // of items_.front()
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_DESKS_VISIBLE_JOURNAL_H_
