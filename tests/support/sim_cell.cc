#include "tests/support/sim_cell.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"

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

std::vector<std::string> WatchRecord::Told() const {
  std::vector<std::string> told;
  for (const engine::WatchChange& change : changes) {
    told.push_back(absl::StrCat(AsText(change.key), ":", change.version.version.value()));
  }
  return told;
}

SimCell::SimCell(Options options)
    : options_(options),
      world_({.seed = options.seed,
              .shuffle_ties = true,
              .offload_time = absl::Microseconds(50),
              .task_cost = kTaskCost}),
      entropy_(options.seed),
      secrets_(MakeSecrets(entropy_, std::make_index_sequence<kNodeCount>())),
      cell_(engine::Cell::Create({"virginia", "frankfurt", "tokyo"}, secrets_, entropy_,
                                 options.scripts)),
      network_(std::make_unique<engine::InProcessNetwork>(OneWay)) {
  for (int dc = 0; dc < kDataCenterCount; ++dc) {
    Log& log = logs_[dc];
    log.disk = std::make_unique<MemoryDisk>(options.seed * 100 + dc, options.crash_model);
    log.disk->SetDelays(absl::Microseconds(250), absl::Microseconds(20));
  }
  for (int i = 0; i < kNodeCount; ++i) {
    members_[i].disk =
        std::make_unique<MemoryDisk>(options.seed * 100 + 10 + i, options.crash_model);
    members_[i].disk->SetDelays(absl::Microseconds(250), absl::Microseconds(20));
    members_[i].clock = std::make_unique<SimClock>(world_);
  }
  StartAllNodes();
}

SimCell::~SimCell() {
  for (int i = 0; i < kNodeCount; ++i) StopNode(i);
  for (int dc = 0; dc < kDataCenterCount; ++dc) StopLog(dc);
}

void SimCell::StartLog(int dc) {
  Log& log = logs_[dc];
  if (log.core != nullptr) return;
  log.executor = std::make_unique<SimExecutor>(world_);
  log.store = std::make_unique<MemoryStore>(*log.disk, *log.executor);
  log.core = engine::EmbeddedLogCore::Create(DataCenterAt(dc), *log.store, *log.executor);
}

// REQUIRES: the nodes of the data center are stopped.
void SimCell::StopLog(int dc) {
  Log& log = logs_[dc];
  if (log.core == nullptr) return;
  log.executor->Shutdown();
  log.core.reset();
  log.store.reset();
  log.executor.reset();
}

void SimCell::StartNode(int index) {
  Member& m = members_[index];
  if (m.node != nullptr) return;
  StartLog(index / kNodesPerDataCenter);
  Log& log = logs_[index / kNodesPerDataCenter];
  m.executor = std::make_unique<SimExecutor>(world_);
  m.store =
      std::make_unique<ChargedStore>(world_, std::make_unique<MemoryStore>(*m.disk, *m.executor));
  m.log = std::make_unique<ChargedLog>(
      world_, *m.executor, std::make_unique<engine::EmbeddedLogHandle>(log.core, *m.executor),
      m.log_faults);
  m.network =
      std::make_unique<ChargedNetwork>(world_, network_->Attach(NodeAt(index), *m.executor));
  log.core->SetRunning(NodeAt(index), true);
  m.node = engine::Node::Start(
      engine::NodeParts{cell_, NodeAt(index), &secrets_[index], m.executor.get(), m.network.get(),
                        m.store.get(), m.log.get(), m.clock.get(), &entropy_},
      options_.node, [](absl::Status status) { WORLDB_CHECK(status.ok()); });
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

void SimCell::CrashNode(int index, Kept kept) {
  members_[index].disk->Crash(kept);
  StopNode(index);
}

void SimCell::CrashDataCenter(int dc, Kept kept) {
  // All disks first: no clean-up of a dying node may reach one.
  for (int i = 0; i < kNodesPerDataCenter; ++i) {
    members_[dc * kNodesPerDataCenter + i].disk->Crash(kept);
  }
  logs_[dc].disk->Crash(kept);
  StopDataCenter(dc);
  StopLog(dc);
}

void SimCell::CrashProcess(Kept kept) {
  for (int dc = 0; dc < kDataCenterCount; ++dc) CrashDataCenter(dc, kept);
}

void SimCell::StartAllNodes() {
  for (int i = 0; i < kNodeCount; ++i) StartNode(i);
}

void SimCell::StopDataCenter(int dc) {
  for (int i = 0; i < kNodesPerDataCenter; ++i) StopNode(dc * kNodesPerDataCenter + i);
}
void SimCell::StartDataCenter(int dc) {
  for (int i = 0; i < kNodesPerDataCenter; ++i) StartNode(dc * kNodesPerDataCenter + i);
}

void SimCell::DeclareOut(int dc) {
  for (Member& member : members_) {
    if (member.node != nullptr) member.node->DeclareOut(DataCenterAt(dc));
  }
}

std::uint64_t SimCell::disk_step_count() const {
  std::uint64_t count = 0;
  for (const Member& m : members_) count += m.disk->call_count() + m.disk->commit_count();
  for (const Log& log : logs_) count += log.disk->call_count() + log.disk->commit_count();
  return count;
}

absl::StatusOr<engine::FoundShare> SimCell::StoredShare(int node,
                                                        const engine::VersionRef& version) const {
  const auto row_of = [this, node](engine::RowFamily family,
                                   const std::string& key) -> absl::StatusOr<Bytes> {
    for (engine::StoreRow& row : members_[node].disk->Rows(family)) {
      if (row.key == key) return std::move(row.value);
    }
    return absl::NotFoundError("no row");
  };
  engine::OfflineRows rows(
      [&row_of](const std::string& key) { return row_of(engine::RowFamily::kRows, key); },
      std::make_shared<engine::OfflineBatches>());
  engine::StoreRow row{engine::ShareRow::Key(version), {}};
  WORLDB_ASSIGN_OR_RETURN(row.value, row_of(engine::RowFamily::kRows, row.key));
  WORLDB_ASSIGN_OR_RETURN(engine::FoundRow found, rows.DecodeShare(row, cell_->scripts().book()));
  if (found.fragment_apart) {
    if (auto fragment = row_of(engine::RowFamily::kBlobs, row.key); fragment.ok()) {
      found.found.share.fragment = *std::move(fragment);
      found.found.has_fragment = true;
    }
  }
  return std::move(found.found);
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
  request.kind = options.kind;
  request.base = options.base;
  request.seen = options.seen;
  request.attempt = options.attempt;
  request.content_tag = options.content_tag;
  request.script = options.script;
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

namespace {

template <typename Reply>
auto KeepIn(const std::shared_ptr<Inquiry<Reply>>& inquiry, const SimWorld& world) {
  inquiry->asked = world.Elapsed();
  return [inquiry, &world](absl::StatusOr<Reply> reply) {
    inquiry->answered = world.Elapsed();
    inquiry->reply.emplace(std::move(reply));
  };
}

}  // namespace

std::shared_ptr<Inquiry<engine::GetReply>> SimCell::AskLatest(int node, absl::string_view key) {
  auto inquiry = std::make_shared<Inquiry<engine::GetReply>>();
  engine::GetRequest request;
  request.key = ToBytes(AsBytes(key));
  members_[node].node->Get(std::move(request), KeepIn(inquiry, world_));
  return inquiry;
}

std::shared_ptr<Inquiry<engine::ListReply>> SimCell::AskList(int node, absl::string_view prefix,
                                                             std::size_t page_size) {
  auto inquiry = std::make_shared<Inquiry<engine::ListReply>>();
  members_[node].node->List({ToBytes(AsBytes(prefix)), page_size, "", absl::Seconds(10)},
                            KeepIn(inquiry, world_));
  return inquiry;
}

std::shared_ptr<Inquiry<engine::TicketStatus>> SimCell::AskTicket(int node,
                                                                  const std::string& ticket) {
  auto inquiry = std::make_shared<Inquiry<engine::TicketStatus>>();
  members_[node].node->TicketGet(ticket, absl::Seconds(5), KeepIn(inquiry, world_));
  return inquiry;
}

std::shared_ptr<SetRecord> SimCell::DeleteAndWait(int node, absl::string_view key) {
  SetOptions options;
  options.kind = arbiter::OpKind::kDelete;
  auto record = Set(node, key, "", options);
  world_.RunUntil([&] { return record->ended() || record->level() >= arbiter::Level::kSafe; },
                  absl::Seconds(30));
  return record;
}

absl::StatusOr<engine::TicketStatus> SimCell::TicketWait(int node, const std::string& ticket,
                                                         arbiter::Level until,
                                                         absl::Duration timeout) {
  std::optional<absl::StatusOr<engine::TicketStatus>> reply;
  members_[node].node->TicketWait(
      ticket, until, timeout,
      [&reply](absl::StatusOr<engine::TicketStatus> answer) { reply.emplace(std::move(answer)); });
  WORLDB_CHECK(world_.RunUntil([&] { return reply.has_value(); }, absl::Seconds(60)));
  return *std::move(reply);
}

absl::StatusOr<engine::ListReply> SimCell::List(int node, absl::string_view prefix,
                                                std::size_t page_size,
                                                const std::string& page_token) {
  std::optional<absl::StatusOr<engine::ListReply>> reply;
  members_[node].node->List(
      {ToBytes(AsBytes(prefix)), page_size, page_token, absl::Seconds(10)},
      [&reply](absl::StatusOr<engine::ListReply> answer) { reply.emplace(std::move(answer)); });
  WORLDB_CHECK(world_.RunUntil([&] { return reply.has_value(); }, absl::Seconds(60)));
  return *std::move(reply);
}

absl::StatusOr<engine::HistoryReply> SimCell::History(int node, absl::string_view key,
                                                      std::size_t page_size,
                                                      const std::string& page_token) {
  std::optional<absl::StatusOr<engine::HistoryReply>> reply;
  members_[node].node->History(
      {ToBytes(AsBytes(key)), page_size, page_token, absl::Seconds(10)},
      [&reply](absl::StatusOr<engine::HistoryReply> answer) { reply.emplace(std::move(answer)); });
  WORLDB_CHECK(world_.RunUntil([&] { return reply.has_value(); }, absl::Seconds(60)));
  return *std::move(reply);
}

std::shared_ptr<WatchRecord> SimCell::Watch(int node, absl::string_view key, bool prefix,
                                            const std::string& resume_token) {
  auto record = std::make_shared<WatchRecord>();
  record->node = node;
  record->call = members_[node].node->Watch(
      {ToBytes(AsBytes(key)), prefix, resume_token},
      [this, record](const engine::WatchEvent& event) {
        if (const auto* change = std::get_if<engine::WatchChange>(&event)) {
          record->changes.push_back(*change);
          record->times.push_back(world_.Elapsed());
          record->resume_token = change->resume_token;
        } else if (const auto* progress = std::get_if<engine::WatchProgress>(&event)) {
          record->progress.push_back(*progress);
          record->resume_token = progress->resume_token;
        } else {
          record->failed = std::get<engine::WatchFailed>(event).status;
        }
      });
  return record;
}

void SimCell::Forget(const WatchRecord& record) { members_[record.node].node->Forget(record.call); }

absl::StatusOr<engine::TicketStatus> SimCell::TicketGet(int node, const std::string& ticket) {
  std::optional<absl::StatusOr<engine::TicketStatus>> reply;
  members_[node].node->TicketGet(
      ticket, absl::Seconds(5),
      [&reply](absl::StatusOr<engine::TicketStatus> answer) { reply.emplace(std::move(answer)); });
  WORLDB_CHECK(world_.RunUntil([&] { return reply.has_value(); }, absl::Seconds(60)));
  return *std::move(reply);
}

void SimCell::AppendToLog(int dc, arbiter::LogRecord record) {
  arbiter::AcceptLog* log = nullptr;
  for (int i = 0; i < kNodesPerDataCenter; ++i) {
    const Member& m = members_[static_cast<std::size_t>(dc * kNodesPerDataCenter + i)];
    if (m.log != nullptr) log = m.log.get();
  }
  WORLDB_CHECK(log != nullptr);
  // The sequencer may be faster: then once more.
  for (bool done = false; !done;) {
    bool answered = false;
    log->Tail([&](absl::StatusOr<arbiter::AcceptLog::FenceResult> tail) {
      WORLDB_CHECK(tail.ok());
      arbiter::LogEntry entry;
      entry.log_epoch = tail->epoch;
      entry.reading.quality = arbiter::ClockQuality::kNone;
      entry.records = {record};
      log->Append(tail->epoch, tail->tail,
                  std::make_shared<const Bytes>(arbiter::EncodeLogEntry(entry)),
                  [&](const arbiter::AppendResult& result) {
                    done = result.kind == arbiter::AppendResult::Kind::kOk;
                    answered = true;
                  });
    });
    WORLDB_CHECK(world_.RunUntil([&] { return answered; }, absl::Seconds(10)));
  }
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
