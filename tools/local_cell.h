// A whole cell in one process: nine nodes over real threads and real stores, with the delays of three
// data centers between them. No gRPC; see tools/demo_cell.h for the endpoints.
//
// On disk, below the data directory:
//   cell                   the cell directory (engine/cell/cell.h)
//   nodes/NAME/secrets     what one node alone knows
//   nodes/NAME/store/      its store
//   logs/DATA_CENTER/      the accept log of one triad
//   lock                   held while a process uses the directory
// The first start makes them, `cell` last: a directory with nodes but no cell is half-made. Nothing is made
// later: a store or a log that is missing is a disk that is missing, and an empty one in its place would
// answer for what it never held. Where the log or most stores of one data center are missing, and nothing
// of the other two, the cell opens without it.
// Errors:  FailedPrecondition for a directory that is in use, half-made or something else's, and for a
//          store or log that is missing; DataLoss for damaged files; else as the store says.
// Threads: one caller at a time; a node may be called from any thread while it runs.
// Secrets: the nodes' secrets, in memory and in files of mode 0600.
#ifndef WORLDB_TOOLS_LOCAL_CELL_H_
#define WORLDB_TOOLS_LOCAL_CELL_H_

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "arbiter/latency_window.h"
#include "engine/cell/cell.h"
#include "engine/local/in_process_network.h"
#include "engine/local/log_handle.h"
#include "engine/local/strand_executor.h"
#include "engine/local/system_clock.h"
#include "engine/node/node.h"
#include "engine/rocks/rocks_store.h"
#include "tools/files.h"

namespace worldb::tools {

// Round trips between the data centers of a local cell. Illustrative figures, not measurements.
struct WanDelays {
  absl::Duration virginia_frankfurt = absl::Milliseconds(90);
  absl::Duration virginia_tokyo = absl::Milliseconds(150);
  absl::Duration frankfurt_tokyo = absl::Milliseconds(230);
  absl::Duration inside = absl::Microseconds(400);

  static WanDelays None();
  // Half the round trip.
  absl::Duration OneWay(NodeIndex from, NodeIndex to) const;
};

class LocalCell {
 public:
  struct Options {
    std::string data_dir;
    arbiter::WindowLimits window;
    absl::Duration clock_bound = absl::Milliseconds(1);
    WanDelays delays;
    // Added to what the cell has; FailedPrecondition when they contradict it.
    std::vector<std::pair<std::string, engine::CellScripts::ScriptPtr>> scripts;  // by name
    std::vector<std::pair<std::string, std::string>> namespaces;  // key prefix, name of a script
    // Refuses what would be an outage.
    bool needs_all_disks = false;
  };
  // A data center none of whose nodes can start in this process.
  struct Outage {
    DataCenterIndex data_center;
    std::string cause;  // which path is missing, as one clause
  };
  static constexpr absl::Duration kNodeStartTimeMax = absl::Seconds(60);

  // What the data centers of every local cell are called.
  static const engine::Cell::Names& DataCenterNames();
  // Opens or makes the data directory and opens the logs. No node runs yet.
  static absl::StatusOr<std::unique_ptr<LocalCell>> Open(const Options& options);
  // Stops every node.
  ~LocalCell();
  LocalCell(const LocalCell&) = delete;
  LocalCell& operator=(const LocalCell&) = delete;

  // Opens the node's store and waits until it is ready. `new_disk`: the store is gone for good, and an
  // empty one takes its place; only where there is none, and while both other nodes of the triad have
  // theirs, so that what the home knows is there to be fetched. FailedPrecondition, and nothing is made, if
  // IsOut(index). REQUIRES: it does not run.
  absl::Status StartNode(NodeIndex index, bool new_disk = false);
  // Ends its calls, closes it and its store. REQUIRES: it runs, and nobody else uses node(index).
  void StopNode(NodeIndex index);
  bool IsRunning(NodeIndex index) const { return nodes_[index.value()] != nullptr; }
  // REQUIRES: it runs.
  engine::Node& node(NodeIndex index);

  // Found out at Open(), and the same from then on.
  const std::optional<Outage>& outage() const { return identity_.outage; }
  bool IsOut(NodeIndex index) const;

  // What the node says of itself, or nothing when it does not answer in time. REQUIRES: it runs.
  std::optional<engine::NodeStatus> StatusOf(NodeIndex index, absl::Duration timeout);

  struct StoredRows {
    std::vector<engine::StoreRow> rows;
    std::vector<engine::StoreRow> blobs;
  };
  // All that lies in the store of a node that does not run. REQUIRES: it does not run.
  absl::StatusOr<StoredRows> ReadRows(NodeIndex index);

  const std::shared_ptr<const engine::Cell>& cell() const { return identity_.cell; }
  // REQUIRES: its data center is not out.
  const engine::NodeSecrets& secrets(NodeIndex index) const;
  const std::string& data_dir() const { return options_.data_dir; }
  std::string store_dir(NodeIndex index) const;

 private:
  struct Identity {
    std::shared_ptr<const engine::Cell> cell;
    std::optional<Outage> outage;
    // By node index; those of a data center that is out are not read.
    std::array<std::optional<engine::NodeSecrets>, kNodeCount> secrets;
  };
  struct TriadLog;
  struct RunningNode;

  LocalCell(const Options& options, std::unique_ptr<LockFile> lock, Identity identity);
  // With empty stores and logs.
  static absl::StatusOr<Identity> MakeIdentity(const std::string& data_dir);
  static absl::StatusOr<Identity> ReadIdentity(const Options& options);
  // Adds the scripts and namespaces of `options` to those of the cell, on disk too.
  static absl::Status AddScripts(const Options& options, Identity& identity);
  absl::Status OpenLogs();
  // Whether a start may go on: the store is there, or may be made.
  absl::Status CheckStore(NodeIndex index, bool new_disk) const;

  const Options options_;
  const std::unique_ptr<LockFile> lock_;
  const Identity identity_;
  const engine::ConfiguredBoundClock clock_;
  // Members below are destroyed before those above them, which they use.
  engine::ThreadPools pools_;
  engine::RocksResources resources_;
  engine::InProcessNetwork network_;
  std::array<std::unique_ptr<TriadLog>, kDataCenterCount> logs_;
  std::array<std::unique_ptr<RunningNode>, kNodeCount> nodes_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_LOCAL_CELL_H_
