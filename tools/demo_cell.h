// A local cell with its nine public endpoints, each of whose nodes can be stopped and started.
//
// One thread of its own does all starting and stopping; everything else only asks it to. Stopping the
// last node of a data center declares it OUT; so does a start without its disks (LocalCell::outage()).
// Threads: any, except that Start and the destructor belong to the owner.
#ifndef WORLDB_TOOLS_DEMO_CELL_H_
#define WORLDB_TOOLS_DEMO_CELL_H_

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "cryptoscatter/base/mutex.h"
#include "tools/local_cell.h"
#include "transport/demo_control.h"
#include "transport/node_service.h"

namespace worldb::tools {

class DemoCell final : public transport::DemoControl {
 public:
  struct Options {
    LocalCell::Options cell;
    int port = 0;  // of the first endpoint, the others follow; 0: nine free ones
    std::vector<std::string> new_disks = {};  // nodes whose stores are gone for good
  };
  static constexpr absl::Duration kStopGrace = absl::Milliseconds(300);
  static constexpr absl::Duration kSettleTimeMax = absl::Seconds(10);
  static constexpr std::size_t kOrdersMax = 64;

  // All nodes run, listen and serve their homes when it returns: nine, or six where a data center is
  // out. With `new_disks`, all other disks must be there.
  static absl::StatusOr<std::unique_ptr<DemoCell>> Start(const Options& options);
  // Stops everything.
  ~DemoCell() override;
  DemoCell(const DemoCell&) = delete;
  DemoCell& operator=(const DemoCell&) = delete;

  // "127.0.0.1:PORT"; the same for the life of the cell.
  std::string endpoint(NodeIndex index) const;
  // Of all nodes that are not out.
  std::vector<std::string> endpoints() const;
  const LocalCell& cell() const { return *cell_; }

  // False if it was so already. When StopNodeNow returns, the endpoint refuses connections and the
  // other two nodes of its triad have settled who writes the accept log; when StartNodeNow does, the
  // node serves its home. Neither waits longer than kSettleTimeMax for that.
  absl::StatusOr<bool> StopNodeNow(NodeIndex index);
  absl::StatusOr<bool> StartNodeNow(NodeIndex index);

  // transport::DemoControl
  void StopNode(std::string node, std::string asked, Done done) override;
  void StartNode(std::string node, bool new_disk, Done done) override;

 private:
  using Order = std::function<void()>;
  explicit DemoCell(std::unique_ptr<LocalCell> cell) : cell_(std::move(cell)) {}

  void GiveOrder(Order order, const Done& refused);
  absl::StatusOr<bool> Await(std::function<void(Done)> order);
  void RunOrders();
  // On the thread that runs orders, or before it was started.
  absl::Status Raise(NodeIndex index, bool new_disk);
  void Lower(NodeIndex index);
  // Tells every running node at once what their logs would only find out after a silence.
  void DeclareOut(DataCenterIndex dc);
  int RunningCount() const;
  int RunningCountIn(DataCenterIndex dc) const;
  // One node of the triad writes its log and all that run apply it; true at once where fewer than two
  // nodes run, since nothing can be settled there.
  bool IsSettled(DataCenterIndex dc);
  bool AwaitSettled(DataCenterIndex dc);

  const std::unique_ptr<LocalCell> cell_;
  std::array<int, kNodeCount> ports_{};  // set before the thread starts, then only read
  std::array<std::unique_ptr<transport::NodeService>, kNodeCount> services_;

  Mutex mu_;
  CondVar changed_;
  std::deque<Order> orders_ ABSL_GUARDED_BY(mu_);
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_DEMO_CELL_H_
