// Whether a node takes a write in: checks it, finds room for it, and stamps it.
//
// All a caller may have got wrong is told before anything is consumed, and so is overload (SHED).
// Then the write is charged, to its home's budget until its frame is behind the logged cursor, and
// to the node's until its call is over. A value that rides in its frame is stamped right here, on
// the thread that saw its last byte, before it can queue anywhere; a larger one when it is staged.
// Stamp and frame number are issued in one step (invariant 10), and only while the clock's bound is
// within the licence (invariant 11).
// Bounds:  kPendingOpsMax, kPendingBytesMax and kCallsMax; above them a caller is told SHED.
// Errors:  InvalidArgument for what the request says; ResourceExhausted (SHED); Unavailable
//          (NO_CLOCK) for a node that may not stamp or is still starting.
// Threads: any, Start() alone once on the node's executor.
// Source:  docs/protocol.md 2; ARCHITECTURE.md invariants 10, 11, 24.
#ifndef WORLDB_ENGINE_GATEWAY_ADMISSION_H_
#define WORLDB_ENGINE_GATEWAY_ADMISSION_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "arbiter/clock.h"
#include "arbiter/stamp.h"
#include "arbiter/stamp_issuer.h"
#include "engine/api/budget.h"
#include "engine/api/node_api.h"
#include "engine/context/node_self.h"

namespace worldb::engine {

// Values up to this ride in the frame; larger ones are staged first and stamped then.
inline constexpr std::size_t kValueInFrameBytesMax = 16 * 1024;

// A Set that passed all checks. The parts of the gateway share it while it is sealed and staged;
// what a part needs alone (the value, the observer, a charge) it takes out.
struct AdmittedSet {
  CallId call = 0;
  SetRequest request;
  SetObserver observer;
  KeyTag key_tag;
  Slot slot;
  DataCenterIndex home;
  CellScripts::ScriptPtr script;
  std::optional<arbiter::Stamp> stamp;
  Budget::Charge of_home;   // until its frame is behind the cursor
  Budget::Charge of_calls;  // until its call is over
};
using AdmittedPtr = std::shared_ptr<AdmittedSet>;

class Admission {
 public:
  // What a node has under way to one home at most: from being taken in until behind the logged
  // cursor.
  static constexpr std::uint64_t kPendingOpsMax = 50'000;
  static constexpr std::uint64_t kPendingBytesMax = std::uint64_t{64} << 20;
  // Calls that wait for their end, all homes together. One may outlive its op's frame by far: it
  // waits for its level, or for its time to be up.
  static constexpr std::uint64_t kCallsMax = 200'000;

  // Both outlive this object. `clock_bound_max`: the licence to stamp.
  Admission(const NodeSelf& self, const arbiter::Clock& clock, absl::Duration clock_bound_max);

  // Makes it ready to stamp. `stream_epoch` is higher than any this node used before.
  void Start(StreamEpoch stream_epoch);
  // REQUIRES: started, and a higher one than before for this home.
  void Raise(DataCenterIndex home, StreamEpoch stream_epoch) { issuer_->Raise(home, stream_epoch); }
  // REQUIRES: started. Its clock was far ahead and was put right: only a higher epoch gets past its stamps.
  bool NeedsNewStream(DataCenterIndex home) const { return issuer_->NeedsNewStream(home); }

  // Nothing is consumed on error.
  absl::StatusOr<AdmittedPtr> Admit(CallId call, SetRequest request, SetObserver observer);
  // REQUIRES: Admit() gave it, without a stamp. It must be sent then, with a frame or as void.
  absl::Status Stamp(AdmittedSet& set);
  bool may_stamp() const;

  const Budget& budget(DataCenterIndex home) const { return of_homes_[home.value()]; }

 private:
  absl::Status CheckStarted() const;
  absl::Status ChargeFor(AdmittedSet& set);

  const NodeSelf& self_;
  const arbiter::Clock& clock_;
  const absl::Duration clock_bound_max_;
  std::array<Budget, kDataCenterCount> of_homes_;
  Budget of_calls_;
  std::unique_ptr<arbiter::StampIssuer> issuer_;  // once `started_`
  std::atomic<bool> started_ = false;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_ADMISSION_H_
