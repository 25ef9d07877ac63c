#include "tools/local_cell.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/key_order.h"
#include "cryptoscatter/base/mutex.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/cell/triad.h"

namespace worldb::tools {
namespace {

constexpr std::size_t kSecretsFileBytesMax = std::size_t{64} << 10;

std::string NodeNameOf(int index) {
  return absl::StrCat(LocalCell::DataCenterNames()[index / kNodesPerDataCenter], "-",
                      index % kNodesPerDataCenter + 1);
}

std::string CellPath(const std::string& data_dir) { return data_dir + "/cell"; }
std::string NodeDir(const std::string& data_dir, const std::string& name) {
  return absl::StrCat(data_dir, "/nodes/", name);
}

std::string SecretsPath(const std::string& data_dir, const std::string& name) {
  return NodeDir(data_dir, name) + "/secrets";
}
std::string StoreDir(const std::string& data_dir, const std::string& name) {
  return NodeDir(data_dir, name) + "/store";
}
std::string LogDir(const std::string& data_dir, const std::string& data_center) {
  return absl::StrCat(data_dir, "/logs/", data_center);
}
bool HoldsStore(const std::string& dir) { return FileExists(dir + "/CURRENT"); }
// What cannot be looked at is not empty.
bool IsEmptyOrMissing(const std::string& dir) {
  std::error_code error;
  if (!std::filesystem::exists(dir, error)) return !error;
  return std::filesystem::is_empty(dir, error) && !error;
}

// Never a word of removing anything: what is left may be all there is of somebody's values.
absl::Status HalfMade(const std::string& data_dir, const std::string& missing) {
  return absl::FailedPreconditionError(
      absl::StrCat(data_dir, " is half-made: ", missing,
                   " is missing. Bring it back from a copy; worldb-recover reads what the stores "
                   "hold without it. If the first "
                   "start here was interrupted, nothing was stored yet: name another directory"));
}

absl::Status MissingStore(const std::string& dir, const std::string& node) {
  return absl::FailedPreconditionError(
      absl::StrCat(dir,
                   " holds no store: is its disk not mounted? Bring it back. If it is gone for "
                   "good, its shares can be made "
                   "anew from the other nodes': start with --new-disk ",
                   node));
}

absl::Status MissingLog(const std::string& dir, const std::string& data_center) {
  return absl::FailedPreconditionError(absl::StrCat(
      dir, " holds no accept log: without it nobody can say what the home ", data_center,
      " decided. Bring it back; what nodes hold, worldb-recover reads without it"));
}

// What is not there of one data center's disks.
struct MissingParts {
  bool secrets = false;
  int stores = 0;
  bool log = false;
  std::string first;  // of stores and log, as one clause

  bool none() const { return !secrets && stores == 0 && !log; }
};

MissingParts LookFor(const std::string& data_dir, const engine::Cell& cell, DataCenterIndex dc) {
  MissingParts missing;
  for (int i = 0; i < kNodesPerDataCenter; ++i) {
    const std::string& node = cell.node(NodeAt(dc.value() * kNodesPerDataCenter + i)).name;
    missing.secrets |= !FileExists(SecretsPath(data_dir, node));
    const std::string store = StoreDir(data_dir, node);
    if (HoldsStore(store)) continue;
    if (missing.stores++ == 0) missing.first = store + " holds no store";
  }
  const std::string log = LogDir(data_dir, cell.data_center_name(dc));
  missing.log = !HoldsStore(log);
  if (missing.log && missing.first.empty()) missing.first = log + " holds no accept log";
  return missing;
}

// The one data center that cannot serve its home, while the other two have all of theirs.
std::optional<LocalCell::Outage> FindOutage(const std::string& data_dir, const engine::Cell& cell) {
  std::optional<LocalCell::Outage> outage;
  for (int i = 0; i < kDataCenterCount; ++i) {
    MissingParts missing = LookFor(data_dir, cell, DataCenterAt(i));
    if (missing.none()) continue;
    // One store can be made anew from the other nodes'.
    if (outage.has_value() || (missing.stores < 2 && !missing.log)) return std::nullopt;
    outage = LocalCell::Outage{DataCenterAt(i), std::move(missing.first)};
  }
  return outage;
}

absl::Status MakeStore(const std::string& dir, engine::ThreadPools& pools,
                       engine::RocksResources& resources) {
  WORLDB_RETURN_IF_ERROR(MakePrivateDirectories(dir));
  engine::StrandExecutor executor(pools);
  return engine::RocksStore::Open(dir, resources, executor).status();
}

engine::RocksStore::Options ThereAlready() {
  engine::RocksStore::Options options;
  options.create_if_missing = false;
  return options;
}

// A result given once by another thread: absl::Status, or an absl::StatusOr.
template <typename Result>
class Arrival {
 public:
  void Set(Result result) {
    MutexLock lock(mu_);
    result_ = std::move(result);
    changed_.NotifyAll();
  }
  Result Wait(absl::Duration timeout) {
    const absl::Time deadline = absl::Now() + timeout;
    MutexLock lock(mu_);
    while (!result_.has_value()) {
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) {
        return absl::DeadlineExceededError(
            absl::StrCat("not ready within ", absl::FormatDuration(timeout)));
      }
      changed_.WaitFor(mu_, left);
    }
    return *std::move(result_);
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::optional<Result> result_ ABSL_GUARDED_BY(mu_);
};

using Rows = std::vector<engine::StoreRow>;

absl::StatusOr<Rows> ScanAll(engine::Store& store, engine::RowFamily family) {
  constexpr std::size_t kRowsPerScan = 256;
  Rows all;
  std::string begin;
  while (true) {
    const auto page = std::make_shared<Arrival<absl::StatusOr<Rows>>>();
    store.Scan(family, begin, "", kRowsPerScan,
               [page](absl::StatusOr<Rows> rows) { page->Set(std::move(rows)); });
    WORLDB_ASSIGN_OR_RETURN(Rows rows, page->Wait(absl::Minutes(1)));
    if (rows.empty()) return all;
    begin = KeyAfter(rows.back().key);
    std::move(rows.begin(), rows.end(), std::back_inserter(all));
  }
}

}  // namespace

WanDelays WanDelays::None() {
  return {absl::ZeroDuration(), absl::ZeroDuration(), absl::ZeroDuration(), absl::ZeroDuration()};
}

absl::Duration WanDelays::OneWay(NodeIndex from, NodeIndex to) const {
  const int a = DataCenterOf(from).value();
  const int b = DataCenterOf(to).value();
  if (from == to) return absl::ZeroDuration();
  if (a == b) return inside / 2;
  switch (a + b) {  // virginia 0, frankfurt 1, tokyo 2
    case 1:
      return virginia_frankfurt / 2;
    case 2:
      return virginia_tokyo / 2;
    default:
      return frankfurt_tokyo / 2;
  }
}

const engine::Cell::Names& LocalCell::DataCenterNames() {
  static const engine::Cell::Names names = {"virginia", "frankfurt", "tokyo"};
  return names;
}

struct LocalCell::TriadLog {
  explicit TriadLog(engine::ThreadPools& pools) : executor(pools) {}
  ~TriadLog() {
    executor.Shutdown();
    core.reset();
  }

  engine::StrandExecutor executor;
  std::unique_ptr<engine::RocksStore> store;
  std::shared_ptr<engine::EmbeddedLogCore> core;
};

// Members are destroyed in reverse: the node first, its executor last.
struct LocalCell::RunningNode {
  explicit RunningNode(engine::ThreadPools& pools) : executor(pools) {}

  engine::StrandExecutor executor;
  std::unique_ptr<engine::RocksStore> store;
  std::unique_ptr<engine::PeerNetwork> network;
  std::unique_ptr<engine::EmbeddedLogHandle> log;
  std::unique_ptr<engine::Node> node;
};

absl::StatusOr<LocalCell::Identity> LocalCell::MakeIdentity(const std::string& data_dir) {
  Entropy& entropy = SystemEntropy();
  std::array<engine::NodeSecrets, kNodeCount> secrets = {
      engine::NodeSecrets::Generate(entropy), engine::NodeSecrets::Generate(entropy),
      engine::NodeSecrets::Generate(entropy), engine::NodeSecrets::Generate(entropy),
      engine::NodeSecrets::Generate(entropy), engine::NodeSecrets::Generate(entropy),
      engine::NodeSecrets::Generate(entropy), engine::NodeSecrets::Generate(entropy),
      engine::NodeSecrets::Generate(entropy)};
  Identity identity;
  identity.cell = engine::Cell::Create(DataCenterNames(), secrets, entropy);
  for (int i = 0; i < kNodeCount; ++i) {
    WORLDB_RETURN_IF_ERROR(MakePrivateDirectories(NodeDir(data_dir, NodeNameOf(i))));
    WORLDB_RETURN_IF_ERROR(WriteFileAtomically(SecretsPath(data_dir, NodeNameOf(i)),
                                               secrets[i].Encode().ExposeSecret()));
    identity.secrets[i] = std::move(secrets[i]);
  }
  engine::ThreadPools pools;
  engine::RocksResources resources;
  for (int i = 0; i < kNodeCount; ++i) {
    WORLDB_RETURN_IF_ERROR(MakeStore(StoreDir(data_dir, NodeNameOf(i)), pools, resources));
  }
  for (const std::string& name : DataCenterNames()) {
    WORLDB_RETURN_IF_ERROR(MakeStore(LogDir(data_dir, name), pools, resources));
  }
  WORLDB_RETURN_IF_ERROR(
      WriteFileAtomically(CellPath(data_dir), identity.cell->Encode().ExposeSecret()));
  return identity;
}

absl::Status LocalCell::AddScripts(const Options& options, Identity& identity) {
  engine::CellScripts all = identity.cell->scripts();
  for (const auto& [name, script] : options.scripts) {
    WORLDB_ASSIGN_OR_RETURN(all, all.WithScript(name, script));
  }
  for (const auto& [prefix, name] : options.namespaces) {
    WORLDB_ASSIGN_OR_RETURN(all, all.WithNamespace(prefix, name));
  }
  if (all == identity.cell->scripts()) return absl::OkStatus();
  identity.cell = identity.cell->WithScripts(std::move(all));
  return WriteFileAtomically(CellPath(options.data_dir), identity.cell->Encode().ExposeSecret());
}

absl::StatusOr<LocalCell::Identity> LocalCell::ReadIdentity(const Options& options) {
  const std::string& data_dir = options.data_dir;
  Identity identity;
  WORLDB_ASSIGN_OR_RETURN(const SecretBytes cell,
                          ReadWholeFile(CellPath(data_dir), engine::kCellFileBytesMax));
  absl::StatusOr<std::shared_ptr<const engine::Cell>> decoded =
      engine::Cell::Decode(cell.ExposeSecret());
  if (!decoded.ok()) {
    return absl::DataLossError(absl::StrCat(CellPath(data_dir), ": ", decoded.status().message()));
  }
  identity.cell = *std::move(decoded);
  if (!options.needs_all_disks) identity.outage = FindOutage(data_dir, *identity.cell);
  for (int i = 0; i < kNodeCount; ++i) {
    const engine::NodePublic& node = identity.cell->node(NodeAt(i));
    if (identity.outage.has_value() && identity.outage->data_center == DataCenterOf(NodeAt(i))) {
      continue;
    }
    const std::string path = SecretsPath(data_dir, node.name);
    absl::StatusOr<SecretBytes> bytes = ReadWholeFile(path, kSecretsFileBytesMax);
    if (absl::IsNotFound(bytes.status())) return HalfMade(data_dir, path);
    WORLDB_RETURN_IF_ERROR(bytes.status());
    absl::StatusOr<engine::NodeSecrets> secrets =
        engine::NodeSecrets::Decode(bytes->ExposeSecret());
    if (!secrets.ok()) {
      return absl::DataLossError(absl::StrCat(path, ": ", secrets.status().message()));
    }
    if (secrets->signing.public_key() != node.signing_key ||
        secrets->exchange.public_key() != node.exchange_key) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, " belongs to another cell than ", CellPath(data_dir)));
    }
    identity.secrets[i] = *std::move(secrets);
  }
  return identity;
}

absl::StatusOr<std::unique_ptr<LocalCell>> LocalCell::Open(const Options& options) {
  const std::string& dir = options.data_dir;
  const bool has_cell = FileExists(CellPath(dir));
  if (!has_cell && FileExists(dir + "/nodes")) return HalfMade(dir, CellPath(dir));
  WORLDB_RETURN_IF_ERROR(MakePrivateDirectories(dir));
  if (!has_cell) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
      if (entry.path().filename() == "lock") continue;
      return absl::FailedPreconditionError(
          absl::StrCat(dir, " is not empty and holds no cell: name an empty or a new directory"));
    }
  }
  WORLDB_ASSIGN_OR_RETURN(std::unique_ptr<LockFile> lock, LockFile::Acquire(dir + "/lock"));
  // Looked at again under the lock: another process may just have made it.
  WORLDB_ASSIGN_OR_RETURN(Identity identity,
                          FileExists(CellPath(dir)) ? ReadIdentity(options) : MakeIdentity(dir));
  WORLDB_RETURN_IF_ERROR(AddScripts(options, identity));
  std::unique_ptr<LocalCell> cell(new LocalCell(options, std::move(lock), std::move(identity)));
  WORLDB_RETURN_IF_ERROR(cell->OpenLogs());
  return cell;
}

LocalCell::LocalCell(const Options& options, std::unique_ptr<LockFile> lock, Identity identity)
    : options_(options),
      lock_(std::move(lock)),
      identity_(std::move(identity)),
      clock_(options.clock_bound),
      network_([delays = options.delays](NodeIndex from, NodeIndex to) {
        return delays.OneWay(from, to);
      }) {}

LocalCell::~LocalCell() {
  for (int i = 0; i < kNodeCount; ++i) {
    if (IsRunning(NodeAt(i))) StopNode(NodeAt(i));
  }
}

absl::Status LocalCell::OpenLogs() {
  for (int i = 0; i < kDataCenterCount; ++i) {
    if (outage().has_value() && outage()->data_center == DataCenterAt(i)) continue;
    const std::string& name = cell()->data_center_name(DataCenterAt(i));
    const std::string dir = LogDir(options_.data_dir, name);
    if (!HoldsStore(dir)) return MissingLog(dir, name);
    auto log = std::make_unique<TriadLog>(pools_);
    WORLDB_ASSIGN_OR_RETURN(
        log->store, engine::RocksStore::Open(dir, resources_, log->executor, ThereAlready()));
    log->core = engine::EmbeddedLogCore::Create(DataCenterAt(i), *log->store, log->executor);
    logs_[i] = std::move(log);
  }
  return absl::OkStatus();
}

std::string LocalCell::store_dir(NodeIndex index) const {
  return StoreDir(options_.data_dir, cell()->node(index).name);
}

const engine::NodeSecrets& LocalCell::secrets(NodeIndex index) const {
  WORLDB_CHECK(!IsOut(index));
  return *identity_.secrets[index.value()];
}

bool LocalCell::IsOut(NodeIndex index) const {
  return outage().has_value() && outage()->data_center == DataCenterOf(index);
}

absl::Status LocalCell::CheckStore(NodeIndex index, bool new_disk) const {
  if (IsOut(index)) {
    return absl::FailedPreconditionError(absl::StrCat(
        cell()->data_center_name(DataCenterOf(index)), " is OUT in this demo: ", outage()->cause,
        ". Bring its disks back, then end the demo and start it again"));
  }
  const std::string dir = store_dir(index);
  if (!new_disk) {
    return HoldsStore(dir) ? absl::OkStatus() : MissingStore(dir, cell()->node(index).name);
  }
  if (!IsEmptyOrMissing(dir)) {
    return absl::FailedPreconditionError(
        absl::StrCat(dir, HoldsStore(dir) ? " holds a store" : " is not empty",
                     ": move it away first, if the node is to start on an empty one"));
  }
  for (const NodeIndex sibling : engine::Triad::SiblingsOf(index)) {
    if (!HoldsStore(store_dir(sibling))) {
      return absl::FailedPreconditionError(absl::StrCat(
          store_dir(sibling),
          " holds no store either: what the home knows must be there to be fetched. Bring one "
          "of the two back; what the other nodes hold, worldb-recover reads"));
    }
  }
  return absl::OkStatus();
}

absl::Status LocalCell::StartNode(NodeIndex index, bool new_disk) {
  WORLDB_CHECK(!IsRunning(index));
  WORLDB_RETURN_IF_ERROR(CheckStore(index, new_disk));
  const std::string dir = store_dir(index);
  if (new_disk) WORLDB_RETURN_IF_ERROR(MakeStore(dir, pools_, resources_));
  TriadLog& log = *logs_[DataCenterOf(index).value()];
  auto running = std::make_unique<RunningNode>(pools_);
  WORLDB_ASSIGN_OR_RETURN(
      running->store, engine::RocksStore::Open(dir, resources_, running->executor, ThereAlready()));
  running->network = network_.Attach(index, running->executor);
  running->log = std::make_unique<engine::EmbeddedLogHandle>(log.core, running->executor);

  engine::NodeParts parts;
  parts.cell = cell();
  parts.index = index;
  parts.secrets = &secrets(index);
  parts.executor = &running->executor;
  parts.network = running->network.get();
  parts.store = running->store.get();
  parts.log = running->log.get();
  parts.clock = &clock_;
  parts.entropy = &SystemEntropy();
  engine::NodeOptions node_options;
  node_options.window = options_.window;
  // The node may call back after a wait that was given up, so both own the arrival.
  const auto ready = std::make_shared<Arrival<absl::Status>>();
  log.core->SetRunning(index, true);
  running->node = engine::Node::Start(
      parts, node_options, [ready](absl::Status status) { ready->Set(std::move(status)); });
  const absl::Status status = ready->Wait(kNodeStartTimeMax);
  nodes_[index.value()] = std::move(running);
  if (!status.ok()) {
    StopNode(index);
    return absl::Status(status.code(),
                        absl::StrCat(cell()->node(index).name, ": ", status.message()));
  }
  return absl::OkStatus();
}

void LocalCell::StopNode(NodeIndex index) {
  WORLDB_CHECK(IsRunning(index));
  const std::unique_ptr<RunningNode> running = std::move(nodes_[index.value()]);
  logs_[DataCenterOf(index).value()]->core->SetRunning(index, false);
  running->node->Stop();
}

std::optional<engine::NodeStatus> LocalCell::StatusOf(NodeIndex index, absl::Duration timeout) {
  const auto answer = std::make_shared<Arrival<absl::StatusOr<engine::NodeStatus>>>();
  node(index).Status(
      [answer](absl::StatusOr<engine::NodeStatus> status) { answer->Set(std::move(status)); });
  absl::StatusOr<engine::NodeStatus> status = answer->Wait(timeout);
  if (!status.ok()) return std::nullopt;
  return *std::move(status);
}

absl::StatusOr<LocalCell::StoredRows> LocalCell::ReadRows(NodeIndex index) {
  WORLDB_CHECK(!IsRunning(index));
  engine::StrandExecutor executor(pools_);
  WORLDB_ASSIGN_OR_RETURN(
      const std::unique_ptr<engine::RocksStore> store,
      engine::RocksStore::Open(store_dir(index), resources_, executor, ThereAlready()));
  StoredRows stored;
  WORLDB_ASSIGN_OR_RETURN(stored.rows, ScanAll(*store, engine::RowFamily::kRows));
  WORLDB_ASSIGN_OR_RETURN(stored.blobs, ScanAll(*store, engine::RowFamily::kBlobs));
  return stored;
}

engine::Node& LocalCell::node(NodeIndex index) {
  WORLDB_CHECK(IsRunning(index));
  return *nodes_[index.value()]->node;
}

}  // namespace worldb::tools
