// A whole cell in virtual time: nine real nodes, three embedded logs, in-process links with the delays
// of the demo, fake disks and clocks. One thread, one seed. What nodes do costs virtual time
// (tests/support/charged_ports.h).
//
// Calls are recorded; nothing moves until the world runs.
#ifndef WORLDB_TESTS_SUPPORT_SIM_CELL_H_
#define WORLDB_TESTS_SUPPORT_SIM_CELL_H_

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/cell/cell.h"
#include "engine/local/in_process_network.h"
#include "engine/local/log_handle.h"
#include "engine/node/node.h"
#include "engine/offline/offline_rows.h"
#include "tests/support/charged_ports.h"
#include "tests/support/memory_store.h"
#include "tests/support/seeded_entropy.h"
#include "tests/support/sim_clock.h"
#include "tests/support/sim_executor.h"

namespace worldb::testing {

// One Set as its caller saw it.
struct SetRecord {
  OpId op;
  std::vector<engine::SetEvent> events;
  std::vector<absl::Duration> times;  // of the events

  std::optional<engine::SetAccepted> accepted() const;
  std::optional<arbiter::Outcome> outcome() const;
  arbiter::Level level() const;  // highest reached
  std::optional<absl::Status> failed() const;
  bool ended() const;
};

// One Watch as its caller saw it.
struct WatchRecord {
  int node = 0;
  engine::CallId call = 0;
  std::vector<engine::WatchChange> changes;
  std::vector<absl::Duration> times;  // of the changes
  std::vector<engine::WatchProgress> progress;
  std::optional<absl::Status> failed;

  // Of the last event that has one.
  std::string resume_token;
  // "name:version", in the order told.
  std::vector<std::string> Told() const;
};

// One question as its caller saw it.
template <typename Reply>
struct Inquiry {
  absl::Duration asked;
  absl::Duration answered;
  std::optional<absl::StatusOr<Reply>> reply;  // nullopt: not yet, or its node died
};

class SimCell {
 public:
  struct Options {
    std::uint64_t seed = 1;
    engine::CellScripts scripts;
    CrashModel crash_model = CrashModel::kSuffix;
    engine::NodeOptions node{.window = {2.0, absl::Milliseconds(20), absl::Milliseconds(400)}};
  };
  SimCell() : SimCell(Options{}) {}
  explicit SimCell(Options options);
  ~SimCell();

  // Starts the log of its data center too, if that was lost with a crash.
  void StartNode(int index);
  // What this node's road to its log does from its next start on.
  void SetLogFaults(int index, const ChargedLog::Faults& faults) {
    members_[index].log_faults = faults;
  }
  // As `node stop` does: calls end, nothing of the node runs any more.
  void StopNode(int index);
  // As a power cut does: unsynced writes are lost as the disk's crash model says.
  void CrashNode(int index, Kept kept = Kept::kSome);
  // Three nodes and their log at once.
  void CrashDataCenter(int dc, Kept kept = Kept::kSome);
  // As `kill -9` of a demo, or the power cut of its machine: all nodes and logs at once.
  void CrashProcess(Kept kept = Kept::kSome);
  void StartAllNodes();
  void StopDataCenter(int dc);
  void StartDataCenter(int dc);
  // To every node that runs, as `node stop` of a data center's third node does.
  void DeclareOut(int dc);
  bool running(int index) const { return members_[index].node != nullptr; }

  // A key whose home is `dc`.
  std::string KeyAt(int dc, absl::string_view name = "key") const;
  struct SetOptions {
    std::optional<OpId> op;
    arbiter::OpKind kind = arbiter::OpKind::kSet;
    arbiter::Base base;
    Version seen;
    std::uint32_t attempt = 0;
    std::optional<ContentTag> content_tag;
    std::optional<ScriptId> script;
    absl::Duration timeout = absl::Seconds(10);
  };
  std::shared_ptr<SetRecord> Set(int node, absl::string_view key, absl::string_view value,
                                 SetOptions options);
  std::shared_ptr<SetRecord> Set(int node, absl::string_view key, absl::string_view value) {
    return Set(node, key, value, SetOptions());
  }
  // Sets, and runs until it reached `level` or ended.
  std::shared_ptr<SetRecord> SetAndWait(int node, absl::string_view key, absl::string_view value,
                                        arbiter::Level level = arbiter::Level::kSafe);
  // Runs until answered.
  absl::StatusOr<engine::GetReply> Get(int node, absl::string_view key,
                                       engine::ReadMode mode = engine::ReadMode::kLatest,
                                       Version version = Version());
  // Nothing runs until the world does.
  std::shared_ptr<Inquiry<engine::GetReply>> AskLatest(int node, absl::string_view key);
  std::shared_ptr<Inquiry<engine::ListReply>> AskList(int node, absl::string_view prefix,
                                                      std::size_t page_size);
  std::shared_ptr<Inquiry<engine::TicketStatus>> AskTicket(int node, const std::string& ticket);
  // Deletes, and runs until SAFE or the end.
  std::shared_ptr<SetRecord> DeleteAndWait(int node, absl::string_view key);
  absl::StatusOr<engine::TicketStatus> TicketGet(int node, const std::string& ticket);
  // Run until answered.
  absl::StatusOr<engine::TicketStatus> TicketWait(int node, const std::string& ticket,
                                                  arbiter::Level until,
                                                  absl::Duration timeout = absl::Seconds(10));
  absl::StatusOr<engine::ListReply> List(int node, absl::string_view prefix, std::size_t page_size,
                                         const std::string& page_token = "");
  absl::StatusOr<engine::HistoryReply> History(int node, absl::string_view key,
                                               std::size_t page_size,
                                               const std::string& page_token = "");
  // Until the record's call is forgotten.
  std::shared_ptr<WatchRecord> Watch(int node, absl::string_view key, bool prefix,
                                     const std::string& resume_token = "");
  void Forget(const WatchRecord& record);
  engine::NodeStatus Status(int node);
  // Appends an entry to the log of a data center, one of whose nodes runs, past its sequencer.
  void AppendToLog(int dc, arbiter::LogRecord record);
  // As the running node `from` would.
  void Send(int from, int to, engine::PeerMessage message);

  SimWorld& world() { return world_; }
  SimClock& clock(int node) { return *members_[node].clock; }
  MemoryDisk& disk(int node) { return *members_[node].disk; }
  MemoryDisk& log_disk(int dc) { return *logs_[dc].disk; }
  // Commits called and commits applied, on all disks: while it stands still, CrashProcess() leaves the
  // same disks whenever it comes.
  std::uint64_t disk_step_count() const;
  // The share of a version as the rows of a node's disk have it, its fragment with it; not judged.
  absl::StatusOr<engine::FoundShare> StoredShare(int node, const engine::VersionRef& version) const;
  // Every row of every disk, key and value.
  std::vector<std::string> AllDiskBytes() const;
  engine::InProcessNetwork& network() { return *network_; }
  const engine::Cell& cell() const { return *cell_; }
  const std::shared_ptr<const engine::Cell>& shared_cell() const { return cell_; }
  const engine::NodeSecrets& secrets(int node) const { return secrets_[node]; }

 private:
  struct Member {
    std::unique_ptr<MemoryDisk> disk;
    std::unique_ptr<SimClock> clock;
    std::unique_ptr<SimExecutor> executor;
    ChargedLog::Faults log_faults;
    std::unique_ptr<engine::Store> store;
    std::unique_ptr<arbiter::AcceptLog> log;
    std::unique_ptr<engine::PeerNetwork> network;
    std::unique_ptr<engine::Node> node;
  };
  struct Log {
    std::unique_ptr<MemoryDisk> disk;
    std::unique_ptr<SimExecutor> executor;
    std::unique_ptr<MemoryStore> store;
    std::shared_ptr<engine::EmbeddedLogCore> core;
  };

  void StartLog(int dc);
  void StopLog(int dc);

  const Options options_;
  SimWorld world_;
  SeededEntropy entropy_;
  std::array<engine::NodeSecrets, kNodeCount> secrets_;
  std::shared_ptr<const engine::Cell> cell_;
  std::unique_ptr<engine::InProcessNetwork> network_;
  std::array<Log, kDataCenterCount> logs_;
  std::array<Member, kNodeCount> members_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_SIM_CELL_H_
