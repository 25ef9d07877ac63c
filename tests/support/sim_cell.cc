#include "tests/support/sim_cell.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/check.h"

namespace worldb::testing {
namespace {

template <typename Event>
std::optional<Event> FindEvent(const std::vector<engine::SetEvent>& events) {
  for (const engine::SetEvent& event : events) {
    if (const auto* found = std::get_if<Event>(&event)) return *found;
  }
  return std::nullopt;
}

// Illustrative round trips between virginia, frankfurt and tokyo, as in the demo.
absl::Duration OneWay(NodeIndex from, NodeIndex to) {
  const int a = DataCenterOf(from).value();
  const int b = DataCenterOf(to).value();
  if (from == to) return absl::ZeroDuration();
  if (a == b) return absl::Microseconds(200);
  if (a + b == 1) return absl::Milliseconds(45);
  return absl::Milliseconds(a + b == 2 ? 75 : 115);
}

template <std::size_t... I>
std::array<engine::NodeSecrets, kNodeCount> MakeSecrets(Entropy& entropy,
                                                        std::index_sequence<I...>) {
  return {((void)I, engine::NodeSecrets::Generate(entropy))...};
}

}  // namespace

std::optional<engine::SetAccepted> SetRecord::accepted() const {
  return FindEvent<engine::SetAccepted>(events);
}
std::optional<arbiter::Outcome> SetRecord::outcome() const {
  const auto decided = FindEvent<engine::SetDecided>(events);
  if (!decided.has_value()) return std::nullopt;
  return decided->outcome;
}
arbiter::Level SetRecord::level() const {
  arbiter::Level level = arbiter::Level::kAccepted;
  for (const engine::SetEvent& event : events) {
    if (const auto* reached = std::get_if<engine::SetLevel>(&event)) {
      level = std::max(level, reached->level);
    } else if (std::holds_alternative<engine::SetDecided>(event)) {
      level = std::max(level, arbiter::Level::kDecided);
    }
  }
  return level;
}
std::optional<absl::Status> SetRecord::failed() const {
  const auto failed = FindEvent<engine::SetFailed>(events);
  if (!failed.has_value()) return std::nullopt;
  return failed->status;
}
bool SetRecord::ended() const {
  const auto how = outcome();
  return failed().has_value() || level() == arbiter::Level::kFull ||
         (how.has_value() && how->kind != arbiter::OutcomeKind::kWon);
}

SimCell::SimCell(Options options)
    : options_(options),
      world_({.seed = options.seed, .shuffle_ties = true, .offload_time = absl::Microseconds(50)}),
      entropy_(options.seed),
      secrets_(MakeSecrets(entropy_, std::make_index_sequence<kNodeCount>())),
      cell_(engine::Cell::Create({"virginia", "frankfurt", "tokyo"}, secrets_, entropy_)),
      network_(std::make_unique<engine::InProcessNetwork>(OneWay)) {
  for (int dc = 0; dc < kDataCenterCount; ++dc) {
    Log& log = logs_[dc];
    log.disk = std::make_unique<MemoryDisk>(options.seed * 100 + dc);
    log.disk->SetDelays(absl::Microseconds(250), absl::Microseconds(20));
    log.executor = std::make_unique<SimExecutor>(world_);
    log.store = std::make_unique<MemoryStore>(*log.disk, *log.executor);
    log.core = engine::EmbeddedLogCore::Create(DataCenterAt(dc), *log.store, *log.executor);
  }
  for (int i = 0; i < kNodeCount; ++i) {
    members_[i].disk = std::make_unique<MemoryDisk>(options.seed * 100 + 10 + i);
    members_[i].disk->SetDelays(absl::Microseconds(250), absl::Microseconds(20));
    members_[i].clock = std::make_unique<SimClock>(world_);
    StartNode(i);
  }
}

SimCell::~SimCell() {
  for (int i = 0; i < kNodeCount; ++i) StopNode(i);
  for (Log& log : logs_) {
    log.executor->Shutdown();
    log.core.reset();
    log.store.reset();
  }
}

void SimCell::StartNode(int index) {
  Member& m = members_[index];
  if (m.node != nullptr) return;
  Log& log = logs_[index / kNodesPerDataCenter];
  m.executor = std::make_unique<SimExecutor>(world_);
  m.store = std::make_unique<MemoryStore>(*m.disk, *m.executor);
  m.log = std::make_unique<engine::EmbeddedLogHandle>(log.core, *m.executor);
  m.network = network_->Attach(NodeAt(index), *m.executor);
  log.core->SetRunning(NodeAt(index), true);
  engine::NodeOptions node_options;
  node_options.window = options_.window;
  node_options.scrub = options_.scrub;
  m.node = std::make_unique<engine::Node>(
      engine::NodeParts{cell_, NodeAt(index), &secrets_[index], m.executor.get(), m.network.get(),
                        m.store.get(), m.log.get(), m.clock.get(), &entropy_},
      node_options, [](absl::Status status) { WORLDB_CHECK(status.ok()); });
}

void SimCell::StopNode(int index) {
  Member& m = members_[index];
  if (m.node == nullptr) return;
  m.node->Stop();
  logs_[index / kNodesPerDataCenter].core->SetRunning(NodeAt(index), false);
  m.node.reset();
  m.network.reset();
  m.log.reset();
  m.store.reset();
  m.executor.reset();
}

void SimCell::CrashNode(int index) {
  members_[index].disk->Crash();
  StopNode(index);
}

void SimCell::StopDataCenter(int dc) {
  for (int i = 0; i < kNodesPerDataCenter; ++i) StopNode(dc * kNodesPerDataCenter + i);
}
void SimCell::StartDataCenter(int dc) {
  for (int i = 0; i < kNodesPerDataCenter; ++i) StartNode(dc * kNodesPerDataCenter + i);
}

std::vector<std::string> SimCell::AllDiskBytes() const {
  std::vector<const MemoryDisk*> disks;
  for (const Member& member : members_) disks.push_back(member.disk.get());
  for (const Log& log : logs_) disks.push_back(log.disk.get());
  std::vector<std::string> bytes;
  for (const MemoryDisk* disk : disks) {
    for (const auto family : {engine::RowFamily::kRows, engine::RowFamily::kBlobs}) {
      for (const engine::StoreRow& row : disk->Rows(family)) {
        bytes.push_back(row.key + ToString(row.value));
      }
    }
  }
  return bytes;
}

std::string SimCell::KeyAt(int dc, absl::string_view name) const {
  for (int i = 0;; ++i) {
    std::string key = absl::StrCat(name, "-", i);
    if (cell_->HomeOf(cell_->SlotOf(cell_->KeyTagOf(AsBytes(key)))).value() == dc) return key;
  }
}

std::shared_ptr<SetRecord> SimCell::Set(int node, absl::string_view key, absl::string_view value,
                                        SetOptions options) {
  auto record = std::make_shared<SetRecord>();
  engine::SetRequest request;
  request.key = ToBytes(AsBytes(key));
  request.value = SecretBytes(ToBytes(AsBytes(value)));
  request.op = options.op.value_or(arbiter::MakeOpId(members_[node].clock->TrueTime(), entropy_));
  request.base = options.base;
  request.seen = options.seen;
  request.attempt = options.attempt;
  request.content_tag = options.content_tag;
  request.timeout = options.timeout;
  record->op = request.op;
  members_[node].node->Set(std::move(request), [this, record](const engine::SetEvent& event) {
    record->events.push_back(event);
    record->times.push_back(world_.Elapsed());
  });
  return record;
}

std::shared_ptr<SetRecord> SimCell::SetAndWait(int node, absl::string_view key,
                                               absl::string_view value, arbiter::Level level) {
  auto record = Set(node, key, value);
  world_.RunUntil([&] { return record->ended() || record->level() >= level; }, absl::Seconds(30));
  return record;
}

absl::StatusOr<engine::GetReply> SimCell::Get(int node, absl::string_view key,
                                              engine::ReadMode mode, Version version) {
  std::optional<absl::StatusOr<engine::GetReply>> reply;
  engine::GetRequest request;
  request.key = ToBytes(AsBytes(key));
  request.mode = mode;
  request.version = version;
  members_[node].node->Get(std::move(request), [&reply](absl::StatusOr<engine::GetReply> answer) {
    reply.emplace(std::move(answer));
  });
  WORLDB_CHECK(world_.RunUntil([&] { return reply.has_value(); }, absl::Seconds(60)));
  return *std::move(reply);
}

absl::StatusOr<engine::TicketStatus> SimCell::TicketGet(int node, const std::string& ticket) {
  std::optional<absl::StatusOr<engine::TicketStatus>> reply;
  members_[node].node->TicketGet(
      ticket, absl::Seconds(5),
      [&reply](absl::StatusOr<engine::TicketStatus> answer) { reply.emplace(std::move(answer)); });
  WORLDB_CHECK(world_.RunUntil([&] { return reply.has_value(); }, absl::Seconds(60)));
  return *std::move(reply);
}

void SimCell::Send(int from, int to, engine::PeerMessage message) {
  members_[from].network->Send(NodeAt(to), std::move(message));
}

engine::NodeStatus SimCell::Status(int node) {
  std::optional<engine::NodeStatus> reply;
  members_[node].node->Status(
      [&reply](absl::StatusOr<engine::NodeStatus> status) { reply = *std::move(status); });
  WORLDB_CHECK(world_.RunUntil([&] { return reply.has_value(); }, absl::Seconds(60)));
  return *std::move(reply);
}

}  // namespace worldb::testing
