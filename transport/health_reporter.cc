#include "transport/health_reporter.h"

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/time/clock.h"

namespace worldb::transport {
namespace {

// The node may answer after nobody waits any more, so both sides own it.
struct Answer {
  Mutex mu;
  CondVar arrived;
  std::optional<bool> well ABSL_GUARDED_BY(mu);
};

bool IsWell(const absl::StatusOr<engine::NodeStatus>& status) {
  return status.ok() && status->may_stamp && status->home.serving;
}

}  // namespace

void HealthReporter::Enable() {
  static std::once_flag once;
  std::call_once(once, [] { grpc::EnableDefaultHealthCheckService(true); });
}

HealthReporter::HealthReporter(engine::NodeApi& node, const ConnectionAcceptor& acceptor,
                               grpc::HealthCheckServiceInterface& health,
                               std::vector<std::string> services)
    : node_(node), acceptor_(acceptor), health_(health), services_(std::move(services)) {
  Publish(false);
  thread_ = std::thread([this] { Run(); });
}

HealthReporter::~HealthReporter() {
  {
    MutexLock lock(mu_);
    ending_ = true;
    ending_changed_.NotifyAll();
  }
  thread_.join();
  Publish(false);
  health_.Shutdown();
}

void HealthReporter::Run() {
  while (true) {
    Publish(acceptor_.HasRoom() && Ask());
    const absl::Time next = absl::Now() + kRefreshEvery;
    MutexLock lock(mu_);
    while (!ending_ && absl::Now() < next) ending_changed_.WaitFor(mu_, next - absl::Now());
    if (ending_) return;
  }
}

bool HealthReporter::Ask() {
  const auto answer = std::make_shared<Answer>();
  node_.Status([answer](const absl::StatusOr<engine::NodeStatus>& status) {
    MutexLock lock(answer->mu);
    answer->well = IsWell(status);
    answer->arrived.NotifyAll();
  });
  const absl::Time deadline = absl::Now() + kRefreshEvery;
  MutexLock lock(answer->mu);
  while (!answer->well.has_value() && absl::Now() < deadline) {
    answer->arrived.WaitFor(answer->mu, deadline - absl::Now());
  }
  return answer->well.value_or(false);
}

void HealthReporter::Publish(bool serving) {
  health_.SetServingStatus("", serving);
  for (const std::string& service : services_) health_.SetServingStatus(service, serving);
}

}  // namespace worldb::transport
