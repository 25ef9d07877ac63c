#include "tools/demo_cell.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/cell/errors.h"
#include "transport/reasons.h"

namespace worldb::tools {
namespace {

absl::Status UnknownNode(const std::string& name) {
  return engine::MakeError(absl::StatusCode::kNotFound, transport::reason::kUnknownNode,
                           absl::StrCat("no node \"", name, "\" in this cell; see worldb status"),
                           {{"node", name}});
}

}  // namespace

absl::StatusOr<std::unique_ptr<DemoCell>> DemoCell::Start(const Options& options) {
  LocalCell::Options cell_options = options.cell;
  cell_options.needs_all_disks |= !options.new_disks.empty();
  WORLDB_ASSIGN_OR_RETURN(std::unique_ptr<LocalCell> cell, LocalCell::Open(cell_options));
  std::unique_ptr<DemoCell> demo(new DemoCell(std::move(cell)));
  NodeSet new_disks;
  for (const std::string& name : options.new_disks) {
    const std::optional<NodeIndex> node = demo->cell_->cell()->FindNode(name);
    if (!node.has_value()) return UnknownNode(name);
    new_disks.Add(*node);
  }
  for (int i = 0; i < kNodeCount; ++i) {
    demo->ports_[i] = options.port == 0 ? 0 : options.port + i;
    if (demo->cell_->IsOut(NodeAt(i))) continue;
    WORLDB_RETURN_IF_ERROR(demo->Raise(NodeAt(i), new_disks.Has(NodeAt(i))));
  }
  for (int i = 0; i < kDataCenterCount; ++i) {
    if (!demo->AwaitSettled(DataCenterAt(i))) {
      return absl::UnavailableError(
          absl::StrCat("the triad of ", demo->cell_->cell()->data_center_name(DataCenterAt(i)),
                       " does not serve its keys; the machine may be overloaded"));
    }
  }
  if (demo->cell_->outage().has_value()) demo->DeclareOut(demo->cell_->outage()->data_center);
  demo->thread_ = std::thread([raw = demo.get()] { raw->RunOrders(); });
  return demo;
}

DemoCell::~DemoCell() {
  {
    MutexLock lock(mu_);
    ending_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
  for (int i = 0; i < kNodeCount; ++i) {
    if (cell_->IsRunning(NodeAt(i))) Lower(NodeAt(i));
  }
}

std::string DemoCell::endpoint(NodeIndex index) const {
  return absl::StrCat("127.0.0.1:", ports_[index.value()]);
}

std::vector<std::string> DemoCell::endpoints() const {
  std::vector<std::string> all;
  for (int i = 0; i < kNodeCount; ++i) {
    if (!cell_->IsOut(NodeAt(i))) all.push_back(endpoint(NodeAt(i)));
  }
  return all;
}

absl::Status DemoCell::Raise(NodeIndex index, bool new_disk) {
  WORLDB_RETURN_IF_ERROR(cell_->StartNode(index, new_disk));
  transport::NodeService::Options options;
  options.port = ports_[index.value()];
  options.demo = this;
  options.reflection = true;
  absl::StatusOr<std::unique_ptr<transport::NodeService>> service =
      transport::NodeService::Start(cell_->node(index), cell_->cell(), index, options);
  if (!service.ok()) {
    cell_->StopNode(index);
    return service.status();
  }
  services_[index.value()] = *std::move(service);
  if (options.port == 0) ports_[index.value()] = services_[index.value()]->port();
  return absl::OkStatus();
}

void DemoCell::Lower(NodeIndex index) {
  // The node first, so that calls in flight hear why they end; then its endpoint, which uses it.
  cell_->node(index).Stop();
  if (services_[index.value()] != nullptr) services_[index.value()]->Stop(kStopGrace);
  services_[index.value()].reset();
  cell_->StopNode(index);
}

void DemoCell::DeclareOut(DataCenterIndex dc) {
  for (int i = 0; i < kNodeCount; ++i) {
    if (cell_->IsRunning(NodeAt(i))) cell_->node(NodeAt(i)).DeclareOut(dc);
  }
}

int DemoCell::RunningCountIn(DataCenterIndex dc) const {
  int count = 0;
  for (int i = 0; i < kNodeCount; ++i) {
    const NodeIndex node = NodeAt(i);
    count += DataCenterOf(node) == dc && cell_->IsRunning(node) ? 1 : 0;
  }
  return count;
}

int DemoCell::RunningCount() const {
  int count = 0;
  for (int i = 0; i < kDataCenterCount; ++i) count += RunningCountIn(DataCenterAt(i));
  return count;
}

bool DemoCell::IsSettled(DataCenterIndex dc) {
  if (RunningCountIn(dc) < 2) return true;
  int sequencers = 0;
  for (int i = 0; i < kNodeCount; ++i) {
    const NodeIndex node = NodeAt(i);
    if (DataCenterOf(node) != dc || !cell_->IsRunning(node)) continue;
    const std::optional<engine::NodeStatus> status = cell_->StatusOf(node, kSettleTimeMax);
    if (!status.has_value() || !status->home.serving) return false;
    sequencers += status->home.sequencer ? 1 : 0;
  }
  return sequencers == 1;
}

bool DemoCell::AwaitSettled(DataCenterIndex dc) {
  constexpr absl::Duration kLookAgainAfter = absl::Milliseconds(10);
  const absl::Time deadline = absl::Now() + kSettleTimeMax;
  while (!IsSettled(dc)) {
    MutexLock lock(mu_);
    if (ending_ || absl::Now() >= deadline) return false;
    changed_.WaitFor(mu_, kLookAgainAfter);
  }
  return true;
}

void DemoCell::RunOrders() {
  while (true) {
    Order order;
    {
      MutexLock lock(mu_);
      while (orders_.empty() && !ending_) changed_.Wait(mu_);
      if (orders_.empty()) return;
      order = std::move(orders_.front());
      orders_.pop_front();
    }
    order();
  }
}

void DemoCell::GiveOrder(Order order, const Done& refused) {
  {
    MutexLock lock(mu_);
    if (!ending_ && orders_.size() < kOrdersMax) {
      orders_.push_back(std::move(order));
      changed_.NotifyAll();
      return;
    }
  }
  refused(absl::UnavailableError("the demo is stopping or busy"));
}

void DemoCell::StopNode(std::string node, std::string asked, Done done) {
  GiveOrder(
      [this, node, asked = std::move(asked), done] {
        const std::optional<NodeIndex> index = cell_->cell()->FindNode(node);
        if (!index.has_value()) return done(UnknownNode(node));
        if (!cell_->IsRunning(*index)) return done(false);
        if (RunningCount() == 1) {
          return done(engine::MakeError(
              absl::StatusCode::kFailedPrecondition, transport::reason::kLastNode,
              absl::StrCat(node, " is the last node running; nobody could start it again. ",
                           "Start another one first, or end the demo"),
              {{"node", node}}));
        }
        if (node == asked) {
          return done(engine::MakeError(
              absl::StatusCode::kUnavailable, transport::reason::kAskAnotherNode,
              absl::StrCat(node, " cannot stop itself and answer; ask through another node"),
              {{"node", node}}));
        }
        Lower(*index);
        if (RunningCountIn(DataCenterOf(*index)) == 0) DeclareOut(DataCenterOf(*index));
        AwaitSettled(DataCenterOf(*index));  // false: it is stopped all the same
        done(true);
      },
      done);
}

void DemoCell::StartNode(std::string node, bool new_disk, Done done) {
  GiveOrder(
      [this, node, new_disk, done] {
        const std::optional<NodeIndex> index = cell_->cell()->FindNode(node);
        if (!index.has_value()) return done(UnknownNode(node));
        if (cell_->IsRunning(*index)) return done(false);
        const absl::Status status = Raise(*index, new_disk);
        if (!status.ok()) return done(status);
        AwaitSettled(DataCenterOf(*index));  // false: it runs all the same
        done(true);
      },
      done);
}

absl::StatusOr<bool> DemoCell::Await(std::function<void(Done)> order) {
  Mutex mu;
  CondVar arrived;
  std::optional<absl::StatusOr<bool>> result;
  order([&](absl::StatusOr<bool> answer) {
    MutexLock lock(mu);
    result = std::move(answer);
    arrived.NotifyAll();
  });
  MutexLock lock(mu);
  while (!result.has_value()) arrived.Wait(mu);
  return *result;
}

absl::StatusOr<bool> DemoCell::StopNodeNow(NodeIndex index) {
  return Await([&](Done done) { StopNode(cell_->cell()->node(index).name, "", std::move(done)); });
}

absl::StatusOr<bool> DemoCell::StartNodeNow(NodeIndex index) {
  return Await([&](Done done) {
    StartNode(cell_->cell()->node(index).name, /*new_disk=*/false, std::move(done));
  });
}

}  // namespace worldb::tools
