// The gateway's side of History: asks the key's home for versions, and makes the token with which a
// caller gets the next page.
//
// Errors:  InvalidArgument BAD_KEY, BAD_PAGE_TOKEN; NotFound NO_SUCH_KEY; ResourceExhausted SHED;
//          Unavailable TRIAD_UNAVAILABLE, naming the home.
// Bounds:  kHistoriesMax calls.
// Threads: its node's executor.
#ifndef WORLDB_ENGINE_GATEWAY_HISTORY_READER_H_
#define WORLDB_ENGINE_GATEWAY_HISTORY_READER_H_

#include <cstddef>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/api/versions.h"
#include "engine/context/home_directory.h"
#include "engine/context/node_self.h"
#include "engine/context/peer_table.h"
#include "engine/gateway/standing_questions.h"
#include "engine/messages/home_questions.h"

namespace worldb::engine {

class HistoryReader {
 public:
  static constexpr std::size_t kHistoriesMax = 4096;
  using Done = std::function<void(absl::StatusOr<HistoryReply>)>;

  // All of them outlive this object.
  HistoryReader(NodeSelf& self, const HomeDirectory& homes, const PeerTable& peers)
      : self_(self), calls_(self, homes, peers, kHistoriesMax) {}

  void History(HistoryRequest request, Done done);
  void TakeReply(NodeIndex from, HistoryQueryReply reply);
  void StopAll(const absl::Status& status);

 private:
  struct Call {
    Bytes key;
    DataCenterIndex home;
    Done done;
    Executor::TimerId timer = 0;
  };

  absl::StatusOr<HistoryReply> PageOf(const Call& call, HistoryQueryReply reply) const;
  void OnTimeout(RequestId id);
  void Finish(const Call& call, absl::StatusOr<HistoryReply> reply);

  NodeSelf& self_;
  StandingQuestions<Call> calls_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_HISTORY_READER_H_
