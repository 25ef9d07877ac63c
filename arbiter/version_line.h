// The closed versions of one key: those above a floor, oldest first, without a gap.
//
// Versions count from 1. What lies at or below the floor was closed once and is not kept any more; while
// nothing is pruned the floor is 0. Whoever asks by version asks here, and nobody computes a place.
// Errors:  none; what is asked for out of range is a mistake of our own, except by Find() and FirstAbove().
// Threads: as HomeState, whose value it is.
// Source:  ARCHITECTURE.md, invariant 6.
#ifndef WORLDB_ARBITER_VERSION_LINE_H_
#define WORLDB_ARBITER_VERSION_LINE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "arbiter/checkpoint.h"
#include "arbiter/log_entry.h"
#include "arbiter/outcome.h"
#include "arbiter/stamp.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"

namespace worldb::arbiter {

// One closed version of one key.
struct ClosedVersion {
  RoundId id;
  Slot slot;
  OpKind kind = OpKind::kSet;
  OpId op;  // the winner
  Stamp stamp;
  CommitmentId commitment;
  ScriptId script;
  std::uint64_t payload_bytes = 0;
  NodeSet staged;                           // triad nodes the log names as having the payload
  absl::Time closed_earliest;               // e(w)
  OutcomeKind outcome = OutcomeKind::kWon;  // or VOID
  // What the log says it has spread to, less what was lost since; and what has been announced, which is never
  // taken back: SAFE is announced in version order.
  Level reached = Level::kDecided;
  Level announced = Level::kDecided;
  NodeSet held;
  bool settled =
      false;  // was FULL once: nobody has its payload any more, and nobody scatters it again
  Fairness fairness = Fairness::kTimeout;
  // The entry from which on LATEST may answer with it: SAFE, or HELD while a data center is OUT, and
  // every earlier version of the key visible or VOID. 0: not yet.
  LogIndex visible_at;
  RowSum row_sum;  // of its row in the last checkpoint

  // What may be told of it now.
  Level level() const { return std::min(announced, reached); }
};

class VersionLine {
 public:
  explicit VersionLine(Version floor = Version()) : floor_(floor) {}

  Version floor() const { return floor_; }
  // The newest version ever closed: the floor when none is kept.
  Version Newest() const { return Version(floor_.value() + versions_.size()); }
  bool Has(Version version) const { return floor_ < version && version <= Newest(); }

  // REQUIRES: Has(version). References stay valid until the next Push().
  ClosedVersion& At(Version version) { return versions_[PlaceOf(version)]; }
  const ClosedVersion& At(Version version) const { return versions_[PlaceOf(version)]; }
  // Null unless Has(version).
  ClosedVersion* Find(Version version) { return Has(version) ? &At(version) : nullptr; }
  const ClosedVersion* Find(Version version) const { return Has(version) ? &At(version) : nullptr; }
  // The oldest kept version that is newer; null when there is none.
  const ClosedVersion* FirstAbove(Version version) const {
    return Find(std::max(version, floor_).Next());
  }

  // REQUIRES: it is the one after Newest().
  void Push(ClosedVersion closed) {
    WORLDB_CHECK(closed.id.version == Newest().Next());
    versions_.push_back(std::move(closed));
  }

  // All that are kept, oldest first.
  std::span<const ClosedVersion> span() const { return versions_; }

 private:
  std::size_t PlaceOf(Version version) const {
    WORLDB_CHECK(Has(version));
    return static_cast<std::size_t>(version.value() - floor_.value() - 1);
  }

  Version floor_;
  std::vector<ClosedVersion> versions_;
};

}  // namespace worldb::arbiter

#endif  // WORLDB_ARBITER_VERSION_LINE_H_
