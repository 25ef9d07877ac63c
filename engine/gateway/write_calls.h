// The Sets and Deletes that callers wait for, and what each is told.
//
// In this order, each at most once: on record (ACCEPTED, with the ticket), decided, then higher and
// higher levels, until the one it waits for. News that comes out of order says that earlier news
// was lost, with a sequencer or on the way: then the home is asked for the whole story, and so it
// is for a call of which nothing was heard for a while. When its time is up a call fails and says
// how far the op had come; the op itself goes on.
// Bounds:  calls are bounded where they are admitted (Admission::kCallsMax); kAskedMax questions
//          wait for an answer, one more forgets the oldest, and its call asks again later. A tick
//          asks kAsksPerTickMax.
// Errors:  a call whose time is up: Unavailable (TRIAD_UNAVAILABLE), DeadlineExceeded
//          (OUTCOME_UNKNOWN) or FailedPrecondition (TOLERANCE_NOT_REACHED), with ticket, op id,
//          home and level wanted.
// Threads: its node's executor.
#ifndef WORLDB_ENGINE_GATEWAY_WRITE_CALLS_H_
#define WORLDB_ENGINE_GATEWAY_WRITE_CALLS_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/api/node_api.h"
#include "engine/cell/errors.h"
#include "engine/context/home_directory.h"
#include "engine/context/node_self.h"
#include "engine/gateway/admission.h"
#include "engine/messages/asked.h"
#include "engine/messages/home_questions.h"
#include "engine/messages/stream_messages.h"

namespace worldb::engine {

class WriteCalls {
 public:
  // A call of which nothing was heard for this long is asked for.
  static constexpr absl::Duration kCallQuietAfter = absl::Seconds(1);
  static constexpr absl::Duration kTickEvery = absl::Milliseconds(100);
  static constexpr std::size_t kAsksPerTickMax = 200;
  static constexpr std::size_t kAskedMax = 50'000;

  // Both outlive this object.
  WriteCalls(NodeSelf& self, const HomeDirectory& homes);

  // Asks for quiet calls from now on.
  void Start();

  // Takes the observer and the call's charge out of `set`.
  void Begin(AdmittedSet& set);
  bool Has(CallId call) const { return calls_.contains(call); }
  // The op's frame, so that a refusal of it can be told from one of an earlier try.
  void SetFrame(CallId call, FrameNumber number);
  // Both do nothing for a call that is over.
  void Fail(CallId call, absl::Status status);
  void Forget(CallId call);
  // Unavailable OUTCOME_UNKNOWN for every call: what is stopped here may be on record at its home, or on its way.
  void StopAll();
  // What the home had told of its calls may be lost: another sequencer leads it.
  void AskAbout(DataCenterIndex home);

  // Of a node of another home they are ignored.
  void TakeNotices(NodeIndex from, const OpNotices& notices);
  // Of anybody but whom was asked it is ignored.
  void TakeTicket(NodeIndex from, const TicketReply& reply);

  std::size_t count() const { return calls_.size(); }
  std::size_t asked_count() const { return asked_.size(); }

 private:
  struct Call {
    OpId op;
    arbiter::OpIdentity identity;  // what is on record under the id must be this
    Slot slot;
    DataCenterIndex home;
    SetObserver observer;
    Budget::Charge charge;
    Executor::TimerId timer = 0;
    FrameNumber frame;     // 0 until it has one
    absl::Duration heard;  // when something was last heard of it
    bool accepted = false;
    bool decided = false;  // and won, or the call would be over
    arbiter::Level until = arbiter::Level::kFull;
    arbiter::Level level = arbiter::Level::kAccepted;
    NodeSet held;  // as of `level`
  };

  void AskForQuietOnes();
  void Ask(const Call& call);
  void Hear(DataCenterIndex home, const OpNotice& notice);
  void Hear(CallId id, Call& call, const NoticeAccepted& accepted);
  void Hear(CallId id, Call& call, const arbiter::Outcome& outcome);
  void Hear(CallId id, Call& call, const NoticeLevel& level);
  void Hear(CallId id, Call& call, const NoticeRefused& refused);
  // Ends the call if that was the end of it.
  void Tell(CallId id, const Call& call, const SetEvent& event);
  void End(CallId id);

  std::string TicketOf(const Call& call) const;
  ErrorDetails DetailsFor(const Call& call) const;
  absl::Status StoppedError(const Call& call) const;
  // Why the call knows no end when its time is up.
  absl::Status TimeoutError(const Call& call) const;
  absl::Status NotRecorded(const Call& call, const ErrorDetails& details) const;
  absl::Status NotDecided(const Call& call, const ErrorDetails& details) const;
  absl::Status LevelNotReached(const Call& call, ErrorDetails details) const;

  NodeSelf& self_;
  const HomeDirectory& homes_;
  std::map<CallId, Call> calls_;
  absl::flat_hash_map<OpId, std::vector<CallId>> calls_of_;
  Asked<OpId> asked_;
  CallId asked_last_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_WRITE_CALLS_H_
