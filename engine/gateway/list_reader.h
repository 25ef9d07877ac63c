// The gateway's side of List: asks the homes for names, merges what they tell, and makes the token with
// which a caller gets the next page.
//
// Errors:  InvalidArgument BAD_KEY, BAD_PAGE_TOKEN; ResourceExhausted SHED; Unavailable
//          TRIAD_UNAVAILABLE, naming the home.
// Bounds:  kListsMax calls; kToldBytesMax of names that homes told and no page has taken yet, beyond which a
//          call is told SHED.
// Threads: its node's executor.
#ifndef WORLDB_ENGINE_GATEWAY_LIST_READER_H_
#define WORLDB_ENGINE_GATEWAY_LIST_READER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/api/budget.h"
#include "engine/api/versions.h"
#include "engine/context/home_directory.h"
#include "engine/context/node_self.h"
#include "engine/context/peer_table.h"
#include "engine/gateway/name_merge.h"
#include "engine/gateway/standing_questions.h"
#include "engine/messages/home_questions.h"

namespace worldb::engine {

class ListReader {
 public:
  static constexpr std::size_t kListsMax = 1024;
  static constexpr std::size_t kToldBytesMax = std::size_t{64} << 20;
  using Done = std::function<void(absl::StatusOr<ListReply>)>;

  // All of them outlive this object.
  ListReader(NodeSelf& self, const HomeDirectory& homes, const PeerTable& peers)
      : self_(self), questions_(self, homes, peers, kListsMax * kDataCenterCount) {}

  void List(ListRequest request, Done done);
  void TakeReply(NodeIndex from, ListQueryReply reply);
  void StopAll(const absl::Status& status);

 private:
  using ListId = std::uint64_t;
  struct Call {
    Bytes prefix;
    NameMerge merge;
    Done done;
    Executor::TimerId timer = 0;
    std::array<RequestId, kDataCenterCount> questions{};  // by home; 0: none
    std::uint64_t told_bytes = 0;
    Budget::Charge charge = {};  // for that
  };
  // What a question is for.
  struct Piece {
    ListId list = 0;
    DataCenterIndex home;
  };

  void Advance(ListId id);
  ListReply PageOf(Call& call) const;
  void OnTimeout(ListId id);
  void Finish(ListId id, absl::StatusOr<ListReply> reply);

  NodeSelf& self_;
  ListId last_list_ = 0;
  std::map<ListId, Call> lists_;
  StandingQuestions<Piece> questions_;
  Budget told_{kListsMax * kDataCenterCount, kToldBytesMax};
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_LIST_READER_H_
