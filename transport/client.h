// A client of a cell: one list of endpoints, tried in order until one answers.
//
// A call moves on to the next endpoint when the present one cannot be reached, is stopping or has no
// clock, and nothing has been heard of the call yet; a Set or Delete then keeps its op id and raises
// its attempt, so it happens once whatever was delivered before. A Watch goes on at another endpoint
// from its last token whenever one lets it down. Every call ends by its timeout.
// Errors:  a status with reason (engine/cell/errors.h, transport/reasons.h) and details; "endpoint" and
//          "cause" among them say who failed and how. When no endpoint can be reached: Unavailable,
//          NO_ENDPOINT, or OUTCOME_UNKNOWN if one of them may have taken the write.
// Threads: any; calls block the calling thread.
// Secrets: values; wiped after use, best effort.
#ifndef WORLDB_TRANSPORT_CLIENT_H_
#define WORLDB_TRANSPORT_CLIENT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "arbiter/log_entry.h"
#include "cryptoscatter/base/bytes.h"
#include "engine/api/node_api.h"
#include "transport/client_types.h"

namespace worldb::transport {

struct SetOptions {
  OpId op;
  arbiter::Base base;
  Version seen;
  std::optional<ContentTag> content_tag;
  std::uint32_t attempt = 0;  // of the first try made here
  std::string script;         // Set only: a name the cell knows; empty: as its namespace says
  // The call returns once this level is reached, or with an outcome other than WON.
  arbiter::Level until = arbiter::Level::kSafe;
  absl::Duration timeout = absl::Seconds(10);
};

struct WatchOptions {
  bool prefix = false;       // the key is a prefix, which may be empty
  std::string resume_token;  // empty: from now on
  absl::Duration timeout = absl::Seconds(10);
};

class Client {
 public:
  // Endpoints are HOST:PORT. There is no TLS yet, so only loopback ones are taken; InvalidArgument
  // names the one at fault. Connects with the first call.
  static absl::StatusOr<std::unique_ptr<Client>> Create(std::vector<std::string> endpoints);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // OK means the outcome is known as far as `until` asks: see decision and level. `on_event` (may be
  // empty) runs on the calling thread for each event.
  absl::StatusOr<SetResult> Set(ByteSpan key, ByteSpan value, const SetOptions& options,
                                const std::function<void(const SetEvent&)>& on_event = {});
  // As Set, for a write without a value. The base cannot be ABSENT.
  absl::StatusOr<SetResult> Delete(ByteSpan key, const SetOptions& options,
                                   const std::function<void(const SetEvent&)>& on_event = {});
  absl::StatusOr<GetResult> Get(ByteSpan key, engine::ReadMode mode, Version version,
                                absl::Duration timeout);
  absl::StatusOr<TicketResult> TicketGet(const std::string& ticket, absl::Duration timeout);
  // What is known once the write has reached `until`, has ended otherwise, or the time is up.
  absl::StatusOr<TicketResult> TicketWait(const std::string& ticket, arbiter::Level until,
                                          absl::Duration timeout);
  // One page; 0 stands for the server's own page size. The token comes from the page before.
  absl::StatusOr<ListResult> List(ByteSpan prefix, int page_size, const std::string& page_token,
                                  absl::Duration timeout);
  absl::StatusOr<HistoryResult> History(ByteSpan key, int page_size, const std::string& page_token,
                                        absl::Duration timeout);
  // Until `on_update` returns false or the time is up. It runs on the calling thread, with a token as
  // soon as the watch stands. A resumed watch may repeat changes. An error carries the last token among
  // its details: NO_ENDPOINT when nothing could be reached at the start, or at the end.
  absl::StatusOr<WatchEnd> Watch(ByteSpan key, const WatchOptions& options,
                                 const std::function<bool(const WatchUpdate&)>& on_update);
  // The data center that is home to the key; no other node is asked for it.
  absl::StatusOr<std::string> Locate(ByteSpan key, absl::Duration timeout);
  // Of one node, without failover.
  absl::StatusOr<NodeResult> Status(std::size_t endpoint_index, absl::Duration timeout);
  // Demo only. False if nothing had to change.
  absl::StatusOr<bool> StopNode(const std::string& node, absl::Duration timeout);
  absl::StatusOr<bool> StartNode(const std::string& node, bool new_disk, absl::Duration timeout);

  const std::vector<std::string>& endpoints() const { return endpoints_; }

 private:
  class Impl;
  // `open` starts the call at one endpoint, as the given attempt.
  template <typename Open>
  absl::StatusOr<SetResult> Write(const SetOptions& options,
                                  const std::function<void(const SetEvent&)>& on_event, Open open);
  Client(std::vector<std::string> endpoints, std::unique_ptr<Impl> impl);
  const std::vector<std::string> endpoints_;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_CLIENT_H_
