// Facts about versions and data centers that wait to be logged with the next entry.
//
// Whoever finds one out writes it down here; whoever builds entries takes them from here. So the two
// need not know each other.
// Bounds:  one level, one loss and one end VOID for each version, of those that whoever notes them looks
//          at; one outage for each data center; restagings are as many as their answers: the scatterer has
//          a bound for those.
// Threads: its node's executor.
#ifndef WORLDB_ENGINE_HOME_LOG_NOTES_H_
#define WORLDB_ENGINE_HOME_LOG_NOTES_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "arbiter/log_entry.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::engine {

class LogNotes {
 public:
  static constexpr std::size_t kLevelsPerEntryMax = 1536;
  static constexpr std::size_t kLossesPerEntryMax = 512;
  static constexpr std::size_t kNotesPerEntryMax = 512;

  // From here on, and until Close(), this node writes the log; `wake` runs with every note. While
  // closed, notes are ignored: whoever leads then finds out for itself.
  void Open(std::function<void()> wake);
  void Close();
  bool open() const { return wake_ != nullptr; }

  // Of several levels of one version the highest counts, with all who hold it.
  void NoteLevel(const arbiter::LevelReached& level);
  void NoteVoid(const arbiter::VersionVoid& lost);
  void NoteRestaged(const arbiter::Restaged& restaged);
  // Of several losses of one version all count, with the lowest level.
  void NoteLost(const arbiter::ShareLost& lost);
  // Who holds the version once all that is noted, and what the entry under way carries, is applied to
  // `logged`: levels to note are made of this.
  NodeSet HeldThen(const arbiter::RoundId& version, NodeSet logged) const;
  // The data center is gone for now, or back, as far as this node can tell. The last word counts.
  void NoteOutage(DataCenterIndex data_center, bool out);

  // Adds what waits to the records of an entry, up to what one may carry; what the log says already
  // (`out`: the data centers it marks as gone) is dropped.
  void MoveTo(std::vector<arbiter::LogRecord>& records, const std::set<DataCenterIndex>& out);
  // An entry with these records was not written: what it carried of here waits again.
  void TakeBack(const std::vector<arbiter::LogRecord>& records);

 private:
  using Levels = std::map<arbiter::RoundId, arbiter::LevelReached>;
  using Losses = std::map<arbiter::RoundId, arbiter::ShareLost>;
  void AddLevel(const arbiter::LevelReached& level);
  void AddVoid(const arbiter::VersionVoid& lost);
  void AddLost(const arbiter::ShareLost& lost);

  std::function<void()> wake_;  // null while closed
  Levels levels_;
  std::deque<arbiter::LogRecord> notes_;  // VersionVoid, Restaged: in the order they were made
  std::set<arbiter::RoundId> voids_;      // of notes_
  std::map<DataCenterIndex, bool> outages_;
  Losses losses_;
  // Of the entry that was made last, until the next one: one is under way at a time.
  Levels moved_levels_;
  Losses moved_losses_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_LOG_NOTES_H_
