// The gateway's side of List and History: asks the homes, merges what they tell, and makes the token
// with which a caller gets the next page.
//
// Every home's names come in byte order, so the smallest one at the front of three is the next one, once
// each home has either told a next name or that there is none.
// Errors:  InvalidArgument BAD_KEY, BAD_PAGE_TOKEN; NotFound NO_SUCH_KEY; Unavailable
//          TRIAD_UNAVAILABLE, naming the home.
// Threads: its node's executor.
#ifndef WORLDB_ENGINE_GATEWAY_KEY_READER_H_
#define WORLDB_ENGINE_GATEWAY_KEY_READER_H_

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <utility>

#include "absl/status/statusor.h"
#include "engine/api/node_api.h"
#include "engine/context/home_directory.h"
#include "engine/context/node_context.h"
#include "engine/context/peer_table.h"

namespace worldb::engine {

class KeyReader {
 public:
  using ListDone = std::function<void(absl::StatusOr<ListReply>)>;
  using HistoryDone = std::function<void(absl::StatusOr<HistoryReply>)>;

  KeyReader(NodeContext& context, const HomeDirectory& homes, const PeerTable& peers)
      : context_(context), homes_(homes), peers_(peers) {}

  void List(ListRequest request, ListDone done);
  void History(HistoryRequest request, HistoryDone done);
  void StopAll(const absl::Status& status);
  void On(NodeIndex from, ListQueryReply reply);
  void On(NodeIndex from, const HistoryQueryReply& reply);

 private:
  using CallId = std::uint64_t;
  // What one home told of a listing.
  struct Told {
    std::deque<ListedKey> keys;  // not taken yet
    Bytes to;                    // told up to this name
    bool all = false;            // there are no further ones
    RequestId request = 0;       // under way, if not 0
  };
  struct ListCall {
    Bytes prefix;
    std::size_t page_size = 0;
    ListDone done;
    Executor::TimerId timer = 0;
    std::array<Told, kDataCenterCount> homes;
    ListReply reply;
  };
  struct HistoryCall {
    Bytes key;
    DataCenterIndex home;
    HistoryDone done;
    Executor::TimerId timer = 0;
  };

  // Sends the question to the home's sequencer, again and again until it is not wanted any more.
  template <typename Query>
  void Ask(DataCenterIndex home, Query query);
  void Merge(CallId id);
  void FinishList(CallId id, absl::StatusOr<ListReply> reply);
  void FinishHistory(RequestId id, absl::StatusOr<HistoryReply> reply);

  NodeContext& context_;
  const HomeDirectory& homes_;
  const PeerTable& peers_;
  CallId last_call_ = 0;
  std::map<CallId, ListCall> lists_;
  std::map<RequestId, std::pair<CallId, DataCenterIndex>> list_requests_;
  std::map<RequestId, HistoryCall> histories_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_KEY_READER_H_
