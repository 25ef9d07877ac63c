#include "engine/local/in_process_network.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/mutex.h"

namespace worldb::engine {

class InProcessNetwork::Endpoint final : public PeerNetwork {
 public:
  Endpoint(std::shared_ptr<Hub> hub, NodeIndex self, std::uint64_t attachment)
      : hub_(std::move(hub)), self_(self), attachment_(attachment) {}
  ~Endpoint() override;

  void Send(NodeIndex to, PeerMessage message) override;
  void SetHandler(std::function<void(NodeIndex from, PeerMessage)> handler) override;

 private:
  const std::shared_ptr<Hub> hub_;
  const NodeIndex self_;
  const std::uint64_t attachment_;
};

// Kept alive by delivery tasks that are still queued when the network goes.
class InProcessNetwork::Hub : public std::enable_shared_from_this<InProcessNetwork::Hub> {
 public:
  using Handler = std::shared_ptr<const std::function<void(NodeIndex, PeerMessage)>>;

  Hub(DelayFunction delay, const Options& options) : options_(options), delay_(std::move(delay)) {}

  std::uint64_t Attach(NodeIndex node, Executor& executor) {
    const std::uint64_t attachment = ++last_attachment_;
    Port& port = PortOf(node);
    MutexLock lock(port.mu);
    WORLDB_CHECK(port.attachment == 0);
    port.attachment = attachment;
    port.executor = &executor;
    attachments_[node.value()] = attachment;
    return attachment;
  }

  // What is delivered already runs the one before.
  void SetHandler(NodeIndex node, std::uint64_t attachment, Handler handler) {
    Port& port = PortOf(node);
    MutexLock lock(port.mu);
    if (port.attachment == attachment) port.handler.swap(handler);
  }

  // `attachment` 0 stands for whichever there is.
  void Detach(NodeIndex node, std::uint64_t attachment) {
    Handler dropped;
    {
      Port& port = PortOf(node);
      MutexLock lock(port.mu);
      if (port.attachment == 0 || (attachment != 0 && port.attachment != attachment)) return;
      port.attachment = 0;
      port.executor = nullptr;
      port.handler.swap(dropped);
      attachments_[node.value()] = 0;
    }
    DropInFlight(node);
  }

  void SetRunning(NodeIndex node, bool running) {
    stopped_[node.value()] = !running;
    if (!running) DropInFlight(node);
  }

  void SetLinkUp(NodeIndex from, NodeIndex to, bool up) {
    Port& port = PortOf(to);
    MutexLock lock(port.mu);
    Link& link = port.links[from.value()];
    link.up = up;
    if (!up) Drop(link);
  }

  void Send(NodeIndex from, std::uint64_t attachment, NodeIndex to, PeerMessage message);
  std::uint64_t lost_count() const { return lost_count_; }

 private:
  struct Message {
    absl::Duration due;  // in the receiver's elapsed time
    PeerMessage body;
  };
  struct Link {
    bool up = true;
    // A delivery task is on its way for the attachment of this number; 0: none is.
    std::uint64_t delivery = 0;
    std::deque<Message> queue;
  };
  // The receiving side of one node: its nine incoming links.
  struct Port {
    Mutex mu;
    std::uint64_t attachment ABSL_GUARDED_BY(mu) = 0;  // 0: not attached
    Executor* executor ABSL_GUARDED_BY(mu) = nullptr;
    Handler handler ABSL_GUARDED_BY(mu);
    std::array<Link, kNodeCount> links ABSL_GUARDED_BY(mu);
  };

  Port& PortOf(NodeIndex node) {
    WORLDB_CHECK(node.value() < kNodeCount);
    return ports_[node.value()];
  }
  void Drop(Link& link) {
    lost_count_ += link.queue.size();
    link.queue.clear();
  }
  void DropInFlight(NodeIndex node) {
    for (int i = 0; i < kNodeCount; ++i) {
      Port& port = PortOf(NodeAt(i));
      MutexLock lock(port.mu);
      for (int from = 0; from < kNodeCount; ++from) {
        if (NodeAt(i) == node || NodeAt(from) == node) Drop(port.links[from]);
      }
    }
  }
  // REQUIRES: the queue of `from` is not empty and no delivery is on its way.
  void ScheduleDelivery(Port& port, NodeIndex from, NodeIndex to, absl::Duration wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(port.mu);
  void Deliver(NodeIndex from, NodeIndex to, std::uint64_t attachment);

  const Options options_;
  const DelayFunction delay_;
  std::atomic<std::uint64_t> last_attachment_ = 0;
  std::atomic<std::uint64_t> lost_count_ = 0;
  // Written before DropInFlight passes over the ports and read under a port's lock, so that nothing
  // sent by a node slips in behind its stop.
  std::array<std::atomic<bool>, kNodeCount> stopped_{};
  std::array<std::atomic<std::uint64_t>, kNodeCount> attachments_{};
  std::array<Port, kNodeCount> ports_;
};

void InProcessNetwork::Hub::Send(NodeIndex from, std::uint64_t attachment, NodeIndex to,
                                 PeerMessage message) {
  Port& port = PortOf(to);
  MutexLock lock(port.mu);
  Link& link = port.links[from.value()];
  if (attachments_[from.value()] != attachment || port.attachment == 0 || !link.up ||
      stopped_[from.value()] || stopped_[to.value()] ||
      link.queue.size() >= options_.link_messages_max) {
    ++lost_count_;
    return;
  }
  const absl::Duration delay = delay_(from, to);
  absl::Duration due = port.executor->Elapsed() + delay;
  if (!link.queue.empty()) due = std::max(due, link.queue.back().due);
  link.queue.push_back({due, std::move(message)});
  if (link.delivery != port.attachment) ScheduleDelivery(port, from, to, delay);
}

void InProcessNetwork::Hub::ScheduleDelivery(Port& port, NodeIndex from, NodeIndex to,
                                             absl::Duration wait) {
  const std::uint64_t attachment = port.attachment;
  port.links[from.value()].delivery = attachment;
  Task deliver = [self = shared_from_this(), from, to, attachment] {
    self->Deliver(from, to, attachment);
  };
  if (wait > absl::ZeroDuration()) {
    port.executor->PostAfter(wait, std::move(deliver));
  } else {
    port.executor->Post(std::move(deliver));
  }
}

// Runs on the receiver's executor. Messages leave the queue one by one as they are handed over, so
// that a link cut by a handler loses the rest of the batch.
void InProcessNetwork::Hub::Deliver(NodeIndex from, NodeIndex to, std::uint64_t attachment) {
  Port& port = PortOf(to);
  absl::Duration now = absl::ZeroDuration();
  for (std::size_t i = 0;; ++i) {
    Handler handler;
    PeerMessage message;
    {
      MutexLock lock(port.mu);
      if (port.attachment != attachment) return;
      Link& link = port.links[from.value()];
      link.delivery = 0;
      if (link.queue.empty()) return;
      const absl::Duration due = link.queue.front().due;
      if (due > now) now = port.executor->Elapsed();
      if (due > now || i == options_.delivery_messages_max) {
        ScheduleDelivery(port, from, to, due - now);
        return;
      }
      link.delivery = attachment;
      message = std::move(link.queue.front().body);
      link.queue.pop_front();
      handler = port.handler;
    }
    if (handler == nullptr) {
      ++lost_count_;
    } else {
      (*handler)(from, std::move(message));
    }
  }
}

InProcessNetwork::Endpoint::~Endpoint() { hub_->Detach(self_, attachment_); }

void InProcessNetwork::Endpoint::Send(NodeIndex to, PeerMessage message) {
  hub_->Send(self_, attachment_, to, std::move(message));
}

void InProcessNetwork::Endpoint::SetHandler(std::function<void(NodeIndex, PeerMessage)> handler) {
  hub_->SetHandler(
      self_, attachment_,
      std::make_shared<const std::function<void(NodeIndex, PeerMessage)>>(std::move(handler)));
}

InProcessNetwork::InProcessNetwork(DelayFunction delay, const Options& options)
    : hub_(std::make_shared<Hub>(std::move(delay), options)) {}
InProcessNetwork::~InProcessNetwork() = default;

std::unique_ptr<PeerNetwork> InProcessNetwork::Attach(NodeIndex node, Executor& executor) {
  return std::make_unique<Endpoint>(hub_, node, hub_->Attach(node, executor));
}
void InProcessNetwork::Detach(NodeIndex node) { hub_->Detach(node, 0); }
void InProcessNetwork::SetRunning(NodeIndex node, bool running) { hub_->SetRunning(node, running); }
void InProcessNetwork::SetLinkUp(NodeIndex from, NodeIndex to, bool up) {
  hub_->SetLinkUp(from, to, up);
}
std::uint64_t InProcessNetwork::lost_count() const { return hub_->lost_count(); }

}  // namespace worldb::engine
