// A client with thousands of calls in flight and no thread of its own for any: for programs that put
// load on a cell.
//
// The calls to one endpoint share a session (KeyValue.Session). gRPC's callback threads (two in a process
// of two cores) run the observers. A call goes to the one endpoint named for it: no failover, no retry. What
// is heard is cut down to what such a program counts; Client tells it all.
// Errors:  as Client's, of one endpoint: reason and details of engine/cell/errors.h where the server
//          spoke, otherwise gRPC's code alone.
// Threads: any.
// Secrets: values; wiped here after use, best effort.
#ifndef WORLDB_TRANSPORT_ASYNC_CLIENT_H_
#define WORLDB_TRANSPORT_ASYNC_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "arbiter/outcome.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::transport {

// Hears of one call; its methods run one after the other, on gRPC's threads, and must not block.
// Outlives the call. OnEnd comes last, exactly once, and may start the next call with the same
// observer.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  // Of a Set: how far it has come. kDecided means won; levels in between may be left out.
  virtual void OnReached(arbiter::Level) {}
  // Of a Set: it ended otherwise than WON.
  virtual void OnNotWon(arbiter::OutcomeKind) {}
  // Of a Get: the newest value; gone when this returns.
  virtual void OnValue(ByteSpan) {}
  // OK also for a Set that did not win.
  virtual void OnEnd(const absl::Status& status) = 0;
};

class AsyncClient {
 public:
  // Endpoints as Client takes them. Connects with the first call.
  static absl::StatusOr<std::unique_ptr<AsyncClient>> Create(std::vector<std::string> endpoints);
  // REQUIRES: every call has ended.
  ~AsyncClient();
  AsyncClient(const AsyncClient&) = delete;
  AsyncClient& operator=(const AsyncClient&) = delete;

  const std::vector<std::string>& endpoints() const { return endpoints_; }

  // A Set without a base that ends once it has reached `until`. `value` becomes the request's.
  void Set(std::size_t endpoint_index, ByteSpan key, std::string value, const OpId& op,
           arbiter::Level until, absl::Duration timeout, CallObserver& observer);
  // Get LATEST.
  void Get(std::size_t endpoint_index, ByteSpan key, absl::Duration timeout,
           CallObserver& observer);
  // To be called about once a second: ends calls whose servers do not keep their time.
  void EndOverdue();

 private:
  class Impl;
  AsyncClient(std::vector<std::string> endpoints, std::unique_ptr<Impl> impl);
  const std::vector<std::string> endpoints_;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_ASYNC_CLIENT_H_
