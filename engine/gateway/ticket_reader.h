// Answers "how did this op end?" at any node, by asking the home the ticket names.
//
// The sequencer is asked first, the whole triad when it does not answer: any replica that has the op
// on record knows its outcome, and outcomes never change. Who wants to wait for an end asks the
// sequencer to answer again, and asks anew every now and then, because sequencers change.
// Errors:  InvalidArgument BAD_TICKET; NotFound UNKNOWN_TICKET when the home has no such op on record;
//          ResourceExhausted SHED; Unavailable TRIAD_UNAVAILABLE.
// Bounds:  kTicketCallsMax calls.
// Threads: its node's executor.
#ifndef WORLDB_ENGINE_GATEWAY_TICKET_READER_H_
#define WORLDB_ENGINE_GATEWAY_TICKET_READER_H_

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "arbiter/ticket.h"
#include "engine/api/reads.h"
#include "engine/context/home_directory.h"
#include "engine/context/node_self.h"
#include "engine/messages/asked.h"
#include "engine/messages/home_questions.h"

namespace worldb::engine {

class TicketReader {
 public:
  static constexpr std::size_t kTicketCallsMax = 16'384;
  using Done = std::function<void(absl::StatusOr<TicketStatus>)>;

  // Both outlive this object.
  TicketReader(NodeSelf& self, const HomeDirectory& homes)
      : self_(self), homes_(homes), calls_(self.request_ids(), kTicketCallsMax) {}

  // Without `until`, answers with what is known now.
  void Get(const std::string& text, std::optional<arbiter::Level> until, absl::Duration timeout,
           Done done);
  void TakeReply(NodeIndex from, const TicketReply& reply);
  void StopAll(const absl::Status& status);

 private:
  struct Call {
    arbiter::Ticket ticket;
    std::optional<arbiter::Level> until;
    Done done;
    absl::Duration deadline;
    Executor::TimerId timer = 0;
    std::optional<TicketStatus> known;  // not what is waited for yet
  };
  enum class Whom { kSequencer, kWholeTriad };

  void Ask(RequestId id, Whom whom);
  void TakeFacts(RequestId id, Call& call, const TicketFacts& facts);
  void OnDeadline(RequestId id);
  void Finish(RequestId id, absl::StatusOr<TicketStatus> status);
  void Finish(const Call& call, absl::StatusOr<TicketStatus> status);

  NodeSelf& self_;
  const HomeDirectory& homes_;
  Asked<Call> calls_;  // of the whole triad, whoever of it is asked first
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_TICKET_READER_H_
