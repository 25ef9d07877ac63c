#include "tests/support/witness.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "engine/cell/errors.h"

namespace worldb::testing {
namespace {

using arbiter::Level;
using arbiter::Outcome;
using arbiter::OutcomeKind;

constexpr int kRetriesMax = 6;
// Longer than any pause between two attempts inside the cell.
constexpr absl::Duration kPatience = absl::Seconds(20);
constexpr std::size_t kComplaintsMax = 20;

std::string Hex(const OpId& op) { return HexEncode(op.span()); }

std::string Text(const Outcome& outcome, Level level) {
  return absl::StrCat(OutcomeName(outcome.kind), " of version ", outcome.version.value(), " at ",
                      LevelName(level), ", margin ", absl::FormatDuration(outcome.margin));
}

}  // namespace

Witness::Witness(SimCell& cell, std::uint64_t seed)
    : cell_(cell), random_(seed), entropy_(seed ^ 0x7769746e657373) {}

int Witness::RunningNode(int from) const {
  for (int i = 0; i < kNodeCount; ++i) {
    if (cell_.running((from + i) % kNodeCount)) return (from + i) % kNodeCount;
  }
  return -1;
}
int Witness::AnyNode() { return RunningNode(static_cast<int>(random_() % kNodeCount)); }

void Witness::Complain(std::string text) {
  if (complaints_.size() < kComplaintsMax) complaints_.push_back(std::move(text));
}

void Witness::Set(int node, std::string key, std::string value, SimCell::SetOptions options) {
  options.op = arbiter::MakeOpId(cell_.clock(0).TrueTime(), entropy_);
  ops_.push_back({std::move(key), std::move(value), options, {}});
  Retry(ops_.size() - 1, node, options.timeout);
}

std::shared_ptr<SetRecord> Witness::Retry(std::size_t index, int node, absl::Duration timeout) {
  Op& op = ops_[index];
  node = RunningNode(node);
  if (node < 0) return nullptr;
  SimCell::SetOptions options = op.options;
  options.attempt = static_cast<std::uint32_t>(op.tries.size());
  options.timeout = timeout;
  op.tries.push_back(cell_.Set(node, op.key, op.value, options));
  return op.tries.back();
}

std::uint64_t Witness::told_count() const {
  std::uint64_t count = 0;
  for (const Op& op : ops_) {
    for (const auto& record : op.tries) count += record->events.size();
  }
  return count;
}

bool Witness::AllAnswered() const {
  return std::all_of(ops_.begin(), ops_.end(), [](const Op& op) {
    return std::all_of(op.tries.begin(), op.tries.end(),
                       [](const auto& record) { return record->ended(); });
  });
}

void Witness::Probe() {
  std::map<std::string, std::uint64_t> told = newest_read_;
  for (const Op& op : ops_) {
    for (const auto& record : op.tries) {
      if (record->level() < Level::kSafe || !record->outcome().has_value()) continue;
      told[op.key] = std::max(told[op.key], record->outcome()->version.value());
    }
  }
  for (const auto& [key, newest] : told) {
    const int node = AnyNode();
    if (node < 0) return;
    const absl::StatusOr<engine::GetReply> reply = cell_.Get(node, key);
    if (!reply.ok()) {
      if (!absl::IsUnavailable(reply.status()) && !absl::IsDeadlineExceeded(reply.status())) {
        Complain(absl::StrCat(key, ": version ", newest, " was told SAFE or read, LATEST says ",
                              reply.status().ToString()));
      }
      continue;
    }
    JudgeRead(key, *reply);
    if (reply->version.value() < newest) {
      Complain(absl::StrCat(key, ": LATEST went back from version ", newest, " to ",
                            reply->version.value()));
    }
    newest_read_[key] = std::max(newest, reply->version.value());
  }
}

void Witness::JudgeRead(const std::string& key, const engine::GetReply& reply) {
  const std::string what = absl::StrCat(key, ": version ", reply.version.value());
  const auto op =
      std::find_if(ops_.begin(), ops_.end(), [&](const Op& o) { return o.options.op == reply.op; });
  if (op == ops_.end() || op->key != key) {
    return Complain(
        absl::StrCat(what, " is said to be of op ", Hex(reply.op), ", which nobody sent"));
  }
  if (ToString(reply.value.ExposeSecret()) != op->value) {
    Complain(absl::StrCat(what, " is not what op ", Hex(reply.op), " set"));
  }
  const auto [known, first] = version_op_[key].try_emplace(reply.version.value(), Hex(reply.op));
  if (known->second != Hex(reply.op)) {
    Complain(absl::StrCat(what, " was read as op ", known->second, ", now as ", Hex(reply.op)));
  }
}

void Witness::Judge() {
  // Nodes that have just been started refuse at once.
  cell_.world().RunFor(absl::Milliseconds(500));
  SetThroughAll();
  EndAll();
  AwaitRest();
  Winners winners;
  for (std::size_t i = 0; i < ops_.size(); ++i) JudgeOp(i, winners);
  for (const auto& [key, versions] : winners) JudgeKey(key, versions);
  Probe();
  for (int node = 0; node < kNodeCount; ++node) {
    const engine::NodeStatus status = cell_.Status(node);
    if (!status.home.halted.empty()) {
      Complain(absl::StrCat(status.name, " has halted: ", status.home.halted));
    }
  }
}

// A stream that a crash cut off shows whether it goes on.
void Witness::SetThroughAll() {
  std::vector<std::shared_ptr<SetRecord>> tries;
  SimCell::SetOptions options;
  options.timeout = kPatience;
  for (int node = 0; node < kNodeCount; ++node) {
    const int home = static_cast<int>(random_() % kDataCenterCount);
    Set(node, cell_.KeyAt(home, "after"), absl::StrCat("through ", node), options);
    tries.push_back(ops_.back().tries.back());
  }
  AwaitAnswers(tries);
}

void Witness::AwaitAnswers(const std::vector<std::shared_ptr<SetRecord>>& tries) {
  cell_.world().RunUntil([this] { return AllAnswered(); }, 2 * kPatience);
  for (const auto& record : tries) {
    const absl::Status failed = record->failed().value_or(absl::OkStatus());
    if (failed.ok() || engine::ReasonOf(failed) == engine::reason::kNoClock) continue;
    Complain(absl::StrCat("op ", Hex(record->op),
                          ": with nothing broken any more a try ended with ", failed.ToString()));
  }
}

// Whoever was not told an outcome tries again, and so do some of those who were.
void Witness::EndAll() {
  for (int i = 0; i < kRetriesMax; ++i) {
    bool all = true;
    std::vector<std::shared_ptr<SetRecord>> tries;
    for (std::size_t op = 0; op < ops_.size(); ++op) {
      const bool told = std::any_of(ops_[op].tries.begin(), ops_[op].tries.end(),
                                    [](const auto& t) { return t->outcome().has_value(); });
      all = all && told;
      if (!told || (i == 0 && random_() % 4 == 0)) {
        tries.push_back(Retry(op, AnyNode(), kPatience));
      }
    }
    AwaitAnswers(tries);
    if (all) return;
    cell_.world().RunFor(absl::Milliseconds(500));
  }
}

// Until every version is on all nine nodes.
void Witness::AwaitRest() {
  std::string unrest;
  for (int i = 0; i < 60; ++i) {
    unrest.clear();
    for (int node = 0; node < kNodeCount; ++node) {
      const engine::HomeStatus home = cell_.Status(node).home;
      if (home.serving && home.unsettled == 0 && home.open_rounds == 0) continue;
      absl::StrAppend(&unrest, " node ", node, home.serving ? "" : " does not serve,", " applied ",
                      home.applied.value(), ", rounds ", home.open_rounds, ", unsettled ",
                      home.unsettled, ";");
    }
    if (unrest.empty()) return;
    cell_.world().RunFor(absl::Seconds(1));
  }
  Complain(absl::StrCat("no rest after a minute:", unrest));
}

void Witness::JudgeOp(std::size_t index, Winners& winners) {
  const Op& op = ops_[index];
  const std::string name = absl::StrCat("op ", index, " (", Hex(*op.options.op), ", ", op.key, ")");
  std::optional<std::string> ticket;
  std::string failure;
  for (const auto& record : op.tries) {
    if (const auto accepted = record->accepted()) ticket = accepted->ticket;
    if (record->failed()) failure = record->failed()->ToString();
  }
  if (!ticket.has_value())
    return Complain(
        absl::StrCat(name, " was never accepted in ", op.tries.size(), " tries: ", failure));
  const absl::StatusOr<engine::TicketStatus> now = cell_.TicketGet(AnyNode(), *ticket);
  if (!now.ok()) {
    return Complain(absl::StrCat(name, " has a ticket without an end: ", now.status().ToString()));
  }
  if (!now->final || (now->outcome.kind == OutcomeKind::kWon && now->level != Level::kFull)) {
    Complain(absl::StrCat(name, " has not come to its end: ", Text(now->outcome, now->level)));
  }
  JudgeTold(op, *now);
  if (now->outcome.kind != OutcomeKind::kWon && now->outcome.kind != OutcomeKind::kVoid) return;
  const std::uint64_t version = now->outcome.version.value();
  if (!winners[op.key].emplace(version, now->outcome.kind).second) {
    Complain(absl::StrCat(name, " is the second winner of version ", version));
  }
  if (now->outcome.kind == OutcomeKind::kVoid) {
    ++void_count_;
    return;
  }
  const absl::StatusOr<engine::GetReply> read =
      cell_.Get(AnyNode(), op.key, engine::ReadMode::kVersion, now->outcome.version);
  if (!read.ok()) {
    return Complain(absl::StrCat(name, " won version ", version, ", which reads as ",
                                 read.status().ToString()));
  }
  JudgeRead(op.key, *read);
  if (read->op != *op.options.op || read->version != now->outcome.version) {
    Complain(absl::StrCat(name, " won version ", version, ", but version ", read->version.value(),
                          " of op ", Hex(read->op), " was read"));
  }
}

void Witness::JudgeTold(const Op& op, const engine::TicketStatus& now) {
  for (const auto& record : op.tries) {
    const std::optional<Outcome> told = record->outcome();
    if (!told.has_value()) continue;
    const Level level = record->level();
    const bool replaced =
        told->kind == OutcomeKind::kWon && level < Level::kSafe &&
        (now.outcome.kind == OutcomeKind::kVoid || now.outcome.kind == OutcomeKind::kPerished);
    if (replaced) continue;
    if (*told != now.outcome || now.level < level) {
      Complain(absl::StrCat("op ", Hex(*op.options.op), " (", op.key, ") was told ",
                            Text(*told, level), ", and now: ", Text(now.outcome, now.level)));
    }
  }
}

void Witness::JudgeKey(const std::string& key,
                       const std::map<std::uint64_t, OutcomeKind>& versions) {
  std::uint64_t newest_readable = 0;
  std::uint64_t expected = 0;
  for (const auto& [version, kind] : versions) {
    if (version != ++expected) {
      return Complain(
          absl::StrCat(key, ": version ", expected, " was won by no op, ", version, " was"));
    }
    if (kind == OutcomeKind::kWon) newest_readable = version;
  }
  const absl::StatusOr<engine::GetReply> beyond =
      cell_.Get(AnyNode(), key, engine::ReadMode::kVersion, Version(expected + 1));
  if (!absl::IsNotFound(beyond.status())) {
    Complain(absl::StrCat(key, ": version ", expected + 1, " was won by no op, and reads as ",
                          beyond.status().ToString()));
  }
  const absl::StatusOr<engine::GetReply> latest = cell_.Get(AnyNode(), key);
  const std::uint64_t version = latest.ok() ? latest->version.value() : 0;
  if (version != newest_readable || (!latest.ok() && !absl::IsNotFound(latest.status()))) {
    Complain(absl::StrCat(key, ": LATEST answers version ", version, ", expected ", newest_readable,
                          "; ", latest.status().ToString()));
  }
}

}  // namespace worldb::testing
