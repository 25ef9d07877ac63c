// Answers "how did this op end?" at any node, by asking the home the ticket names.
//
// The sequencer is asked first, the whole triad when it does not answer: any replica that has the op
// on record knows its outcome, and outcomes never change. Who wants to wait for an end asks the
// sequencer to answer again, and asks anew every now and then, because sequencers change.
// Errors:  InvalidArgument BAD_TICKET; NotFound UNKNOWN_TICKET when the home has no such op on record;
//          Unavailable TRIAD_UNAVAILABLE.
// Threads: its node's executor.
#ifndef WORLDB_ENGINE_GATEWAY_TICKET_READER_H_
#define WORLDB_ENGINE_GATEWAY_TICKET_READER_H_

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "arbiter/ticket.h"
#include "engine/api/node_api.h"
#include "engine/context/home_directory.h"
#include "engine/context/node_context.h"

namespace worldb::engine {

class TicketReader {
 public:
  using Done = std::function<void(absl::StatusOr<TicketStatus>)>;

  TicketReader(NodeContext& context, const HomeDirectory& homes)
      : context_(context), homes_(homes) {}

  // Without `until`, answers with what is known now.
  void Get(const std::string& text, std::optional<arbiter::Level> until, absl::Duration timeout,
           Done done);
  void StopAll(const absl::Status& status);
  void On(NodeIndex from, const TicketReply& reply);

 private:
  struct Call {
    arbiter::Ticket ticket;
    std::optional<arbiter::Level> until;
    Done done;
    absl::Duration deadline;
    Executor::TimerId timer = 0;
    std::optional<TicketStatus> known;  // not what is waited for yet
  };
  void Ask(RequestId id, bool whole_triad);
  void OnDeadline(RequestId id);
  void Finish(RequestId id, absl::StatusOr<TicketStatus> status);

  NodeContext& context_;
  const HomeDirectory& homes_;
  std::map<RequestId, Call> calls_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_TICKET_READER_H_
