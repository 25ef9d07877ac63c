#include "transport/client_session.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/client_callback.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "transport/message_fields.h"
#include "transport/status_translation.h"

namespace worldb::transport {
namespace {

// Of one message, unless a single op is larger.
constexpr std::size_t kMessageBytesMax = std::size_t{1} << 20;
// What an op's time takes up in a message.
constexpr std::size_t kTimeoutBytes = 11;

absl::Duration Elapsed() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

void WipeValue(v1::SessionOp& op) {
  if (op.has_set()) WipeString(*op.mutable_set()->mutable_value());
}

}  // namespace

// One stream; kept by gRPC until it is done.
class ClientSession::Stream final
    : public grpc::ClientBidiReactor<v1::SessionRequest, v1::SessionResponse>,
      public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(absl::Duration silence) : silence_(silence) {}

  // Once. Ops may be started before: nothing is sent until the server has told its credit.
  void Begin(v1::KeyValue::Stub& stub) {
    self_ = shared_from_this();
    stub.async()->Session(&context_, this);
    AddHold();  // writes begin on any thread: the call outlives them
    StartRead(&response_);
    StartCall();
  }

  // False when nothing can be sent on it any more, and nothing was taken.
  bool Start(v1::SessionOp& op, absl::Duration timeout, SessionObserver& observer) {
    {
      MutexLock lock(mu_);
      if (broken_) return false;
      op.set_id(++last_id_);
      const std::uint64_t bytes = op.ByteSizeLong() + kTimeoutBytes;
      ops_[op.id()] = {&observer, bytes, Elapsed() + timeout};
      waiting_.push_back({std::move(op), bytes});
    }
    Pump();
    return true;
  }

  void EndOverdue() {
    std::vector<SessionObserver*> overdue;
    bool silent = false;
    {
      MutexLock lock(mu_);
      const absl::Duration now = Elapsed();
      for (auto op = ops_.begin(); op != ops_.end();) {
        const auto next = std::next(op);
        if (op->second.sent) {
          silent |= op->second.deadline + silence_ < now;
        } else if (op->second.deadline < now) {
          overdue.push_back(op->second.observer);
          ops_.erase(op);
        }
        op = next;
      }
      silent_ |= silent;
    }
    // A server that does not keep its own time will not do better for the others: OnDone() ends them all.
    if (silent) context_.TryCancel();
    for (SessionObserver* observer : overdue) {
      observer->OnEnd(absl::DeadlineExceededError(
          "the time was up before the session had credit for the op; nothing was sent"));
    }
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
    bool silent = false;
    {
      MutexLock lock(mu_);
      silent = silent_;
      for (const auto& [id, op] : ops_) left.push_back(op.observer);
      ops_.clear();
      for (Waiting& waiting : waiting_) WipeValue(waiting.op);
      waiting_.clear();
    }
    const absl::Status why =
        silent ? absl::DeadlineExceededError("the server said nothing in time, and was given up")
        : status.ok() ? absl::UnavailableError("the server ended the session")
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
    absl::Duration deadline;  // of this machine's steady clock
    bool sent = false;
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
      const absl::Duration now = Elapsed();
      std::size_t bytes = 0;
      while (!waiting_.empty() && HasCreditFor(waiting_.front().bytes)) {
        Waiting& next = waiting_.front();
        bytes += next.bytes;
        if (request_.ops_size() > 0 && bytes > kMessageBytesMax) break;
        if (const auto op = ops_.find(next.op.id()); op != ops_.end()) {
          op->second.sent = true;
          ++sent_ops_;
          sent_bytes_ += next.bytes;
          const absl::Duration left = std::max(absl::Nanoseconds(1), op->second.deadline - now);
          next.op.set_timeout_nanoseconds(absl::ToInt64Nanoseconds(left));
          *request_.add_ops() = std::move(next.op);
        } else {
          WipeValue(next.op);
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

  const absl::Duration silence_;
  grpc::ClientContext context_;
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
  // Events are being told: what they start travels together.
  bool holding_ ABSL_GUARDED_BY(mu_) = false;
  bool silent_ ABSL_GUARDED_BY(mu_) = false;  // given up
  bool broken_ ABSL_GUARDED_BY(mu_) = false;  // nothing can be sent any more
  bool read_ended_ ABSL_GUARDED_BY(mu_) = false;
  bool let_go_ ABSL_GUARDED_BY(mu_) = false;
  bool over_ ABSL_GUARDED_BY(mu_) = false;  // everybody was told
};

ClientSession::ClientSession(std::shared_ptr<grpc::Channel> channel, absl::Duration silence)
    : stub_(v1::KeyValue::NewStub(std::move(channel))), silence_(silence) {}

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
    bool fresh = false;
    {
      MutexLock lock(mu_);
      fresh = stream_ == nullptr;
      if (fresh) stream_ = std::make_shared<Stream>(silence_);
      stream = stream_;
    }
    const bool taken = stream->Start(op, timeout, observer);
    if (fresh) stream->Begin(*stub_);
    if (taken) return;
    MutexLock lock(mu_);
    if (stream_ == stream) stream_.reset();
  }
}

void ClientSession::EndOverdue() {
  std::shared_ptr<Stream> stream;
  {
    MutexLock lock(mu_);
    stream = stream_;
  }
  if (stream != nullptr) stream->EndOverdue();
}

}  // namespace worldb::transport
