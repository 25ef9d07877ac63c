#include "transport/client_session.h"

#include <grpcpp/alarm.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/clock.h"
#include "transport/message_fields.h"
#include "transport/status_translation.h"

namespace worldb::transport {
namespace {

constexpr absl::Duration kLookEvery = absl::Seconds(1);
// Of one message, unless a single op is larger.
constexpr std::size_t kMessageBytesMax = std::size_t{1} << 20;

void WipeValue(v1::SessionOp& op) {
  if (op.has_set()) WipeString(*op.mutable_set()->mutable_value());
}

}  // namespace

// One stream; kept by gRPC until it is done.
class ClientSession::Stream final
    : public grpc::ClientBidiReactor<v1::SessionRequest, v1::SessionResponse>,
      public std::enable_shared_from_this<Stream> {
 public:
  static std::shared_ptr<Stream> Open(v1::KeyValue::Stub& stub) {
    auto stream = std::make_shared<Stream>();
    stream->self_ = stream;
    stub.async()->Session(&stream->context_, stream.get());
    stream->AddHold();  // writes begin on any thread: the call outlives them
    stream->StartRead(&stream->response_);
    stream->StartCall();
    stream->Look();
    return stream;
  }

  // False when it is over, and took nothing.
  bool Start(v1::SessionOp& op, absl::Duration timeout, SessionObserver& observer) {
    {
      MutexLock lock(mu_);
      if (broken_) return false;
      op.set_id(++last_id_);
      op.set_timeout_nanoseconds(absl::ToInt64Nanoseconds(timeout));
      const std::uint64_t bytes = op.ByteSizeLong();
      ops_[op.id()] = {&observer, bytes, absl::Now() + timeout + kSilence};
      waiting_.push_back({std::move(op), bytes});
    }
    Pump();
    return true;
  }

  // Ends the stream and waits for it.
  void Close() {
    context_.TryCancel();
    MutexLock lock(mu_);
    while (!over_) ended_.Wait(mu_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return NothingFollows();
    {
      MutexLock lock(mu_);
      holding_ = true;
      if (response_.has_credit()) credit_ = response_.credit();
    }
    for (v1::SessionEvent& event : *response_.mutable_events()) {
      Tell(event);
      if (event.has_value()) WipeString(*event.mutable_value()->mutable_value());
    }
    response_.Clear();
    {
      MutexLock lock(mu_);
      holding_ = false;
    }
    Pump();
    StartRead(&response_);
  }

  void OnWriteDone(bool ok) override {
    {
      MutexLock lock(mu_);
      for (v1::SessionOp& op : *request_.mutable_ops()) WipeValue(op);
      request_.Clear();
      writing_ = false;
      broken_ |= !ok;
    }
    Pump();
    LetGo();
  }

  void OnDone(const grpc::Status& status) override {
    const std::shared_ptr<Stream> last = std::move(self_);
    std::vector<SessionObserver*> left;
    {
      MutexLock lock(mu_);
      for (const auto& [id, op] : ops_) left.push_back(op.observer);
      ops_.clear();
      for (Waiting& waiting : waiting_) WipeValue(waiting.op);
      waiting_.clear();
    }
    alarm_.Cancel();
    const absl::Status why = status.ok() ? absl::UnavailableError("the server ended the session")
                                         : FromGrpcStatus(status);
    for (SessionObserver* observer : left) observer->OnEnd(why);
    MutexLock lock(mu_);
    over_ = true;
    ended_.NotifyAll();
  }

 private:
  struct Op {
    SessionObserver* observer = nullptr;
    std::uint64_t bytes = 0;
    absl::Time given_up;
  };
  struct Waiting {
    v1::SessionOp op;
    std::uint64_t bytes = 0;
  };

  void Tell(const v1::SessionEvent& event) {
    SessionObserver* observer = nullptr;
    {
      MutexLock lock(mu_);
      const auto op = ops_.find(event.id());
      if (op == ops_.end()) return;
      observer = op->second.observer;
      if (event.last()) {
        --sent_ops_;
        sent_bytes_ -= op->second.bytes;
        ops_.erase(op);
      }
    }
    observer->OnEvent(event);
    if (!event.last()) return;
    observer->OnEnd(event.has_error() ? FromRpcStatus(event.error()) : absl::OkStatus());
  }

  // Sends what waits, as far as the credit goes.
  void Pump() {
    {
      MutexLock lock(mu_);
      if (writing_ || holding_ || broken_) return;
      std::size_t bytes = 0;
      while (!waiting_.empty() && HasCreditFor(waiting_.front().bytes)) {
        Waiting& next = waiting_.front();
        bytes += next.bytes;
        if (request_.ops_size() > 0 && bytes > kMessageBytesMax) break;
        if (ops_.contains(next.op.id())) {
          ++sent_ops_;
          sent_bytes_ += next.bytes;
          *request_.add_ops() = std::move(next.op);
        }
        waiting_.pop_front();
      }
      if (request_.ops_size() == 0) return;
      writing_ = true;
    }
    StartWrite(&request_);
  }

  // The last read: no write begins any more.
  void NothingFollows() {
    {
      MutexLock lock(mu_);
      broken_ = true;
      read_ended_ = true;
    }
    LetGo();
  }

  // Of the hold on the call, once nothing is under way on it and nothing will be.
  void LetGo() {
    {
      MutexLock lock(mu_);
      if (!read_ended_ || writing_ || std::exchange(let_go_, true)) return;
    }
    RemoveHold();
  }

  // A single op may have more bytes than the credit.
  bool HasCreditFor(std::uint64_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return sent_ops_ < credit_.ops() && (sent_ops_ == 0 || sent_bytes_ + bytes <= credit_.bytes());
  }

  // Now and then: whose time is up long since, and nothing was heard of it.
  void Look() {
    alarm_.Set(absl::ToChronoTime(absl::Now() + kLookEvery),
               [stream = shared_from_this()](bool ok) {
                 if (ok && stream->GiveUp()) stream->Look();
               });
  }

  // False once the stream is over.
  bool GiveUp() {
    std::vector<SessionObserver*> silent;
    {
      MutexLock lock(mu_);
      if (over_) return false;
      const absl::Time now = absl::Now();
      for (auto op = ops_.begin(); op != ops_.end();) {
        const auto next = std::next(op);
        if (op->second.given_up < now) {
          silent.push_back(op->second.observer);
          ops_.erase(op);
        }
        op = next;
      }
    }
    // A server that does not keep its own time will not do better.
    if (!silent.empty()) context_.TryCancel();
    for (SessionObserver* observer : silent) {
      observer->OnEnd(absl::DeadlineExceededError("the server said nothing in time"));
    }
    return true;
  }

  grpc::ClientContext context_;
  grpc::Alarm alarm_;
  std::shared_ptr<Stream> self_;  // until OnDone
  v1::SessionRequest request_;    // changes under the lock; gRPC reads it while `writing_`
  v1::SessionResponse response_;  // gRPC's while it reads

  Mutex mu_;
  CondVar ended_;
  absl::flat_hash_map<std::uint64_t, Op> ops_ ABSL_GUARDED_BY(mu_);
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mu_);
  v1::SessionCredit credit_ ABSL_GUARDED_BY(mu_);  // none before the server has said so
  std::uint64_t sent_ops_ ABSL_GUARDED_BY(mu_) = 0;
  std::uint64_t sent_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  std::uint64_t last_id_ ABSL_GUARDED_BY(mu_) = 0;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool holding_ ABSL_GUARDED_BY(mu_) =
      false;  // events are being told: what they start travels together
  bool broken_ ABSL_GUARDED_BY(mu_) = false;  // nothing can be sent any more
  bool read_ended_ ABSL_GUARDED_BY(mu_) = false;
  bool let_go_ ABSL_GUARDED_BY(mu_) = false;
  bool over_ ABSL_GUARDED_BY(mu_) = false;  // everybody was told
};

ClientSession::ClientSession(std::shared_ptr<grpc::Channel> channel)
    : stub_(v1::KeyValue::NewStub(std::move(channel))) {}

ClientSession::~ClientSession() {
  std::shared_ptr<Stream> stream;
  {
    MutexLock lock(mu_);
    stream = std::move(stream_);
  }
  if (stream != nullptr) stream->Close();
}

void ClientSession::Start(v1::SessionOp op, absl::Duration timeout, SessionObserver& observer) {
  while (true) {
    std::shared_ptr<Stream> stream;
    {
      MutexLock lock(mu_);
      if (stream_ == nullptr) stream_ = Stream::Open(*stub_);
      stream = stream_;
    }
    if (stream->Start(op, timeout, observer)) return;
    MutexLock lock(mu_);
    if (stream_ == stream) stream_.reset();
  }
}

}  // namespace worldb::transport
