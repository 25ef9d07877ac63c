// A session with one endpoint, from the client's side: ops of many callers on one stream.
//
// What is started while a message is on its way travels together in the next one, as far as the server's
// credit goes; the rest waits here. A session that broke takes its ops along; the next op opens another.
// Errors:  of an op, what the server said of it; of all ops of a session that broke, gRPC's status.
//          DeadlineExceeded of an op whose time was up before there was credit for it, and of all ops of a
//          session whose server was silent about one for `silence` after its time: that session is given up.
// Threads: any. Observers are run on gRPC's threads, of one session one after the other.
#ifndef WORLDB_TRANSPORT_CLIENT_SESSION_H_
#define WORLDB_TRANSPORT_CLIENT_SESSION_H_

#include <grpcpp/channel.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cryptoscatter/base/mutex.h"
#include "worldb/v1/key_value.grpc.pb.h"

namespace worldb::transport {

// Hears of one op; outlives it.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  // The event's value is wiped when this returns.
  virtual void OnEvent(const v1::SessionEvent& event) = 0;
  // Last, exactly once; may start another op. OK when the server ended it with an event.
  virtual void OnEnd(const absl::Status& status) = 0;
};

class ClientSession {
 public:
  static constexpr absl::Duration kSilence = absl::Seconds(5);

  // Connects with the first op.
  explicit ClientSession(std::shared_ptr<grpc::Channel> channel, absl::Duration silence = kSilence);
  // REQUIRES: every op has ended.
  ~ClientSession();
  ClientSession(const ClientSession&) = delete;
  ClientSession& operator=(const ClientSession&) = delete;

  // `op` gets its id and timeout here.
  void Start(v1::SessionOp op, absl::Duration timeout, SessionObserver& observer);
  // To be called now and then: ends what ran out of time without a word of the server.
  void EndOverdue();

 private:
  class Stream;

  const std::unique_ptr<v1::KeyValue::Stub> stub_;
  const absl::Duration silence_;
  Mutex mu_;
  std::shared_ptr<Stream> stream_ ABSL_GUARDED_BY(mu_);
};

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_CLIENT_SESSION_H_
