// worldb status

#include <atomic>
#include <cstdio>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/cell/errors.h"
#include "tools/command.h"
#include "tools/waiting.h"

namespace worldb::tools {
namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb status\n"
    "  worldb status -o json --endpoints 127.0.0.1:7070\n\n"
    "Asks every endpoint for its own state. Exits with 0 if all answer, 8 if some do, 6 if none.";

using NodeAnswer = absl::StatusOr<transport::NodeResult>;

// All at once: a silent one does not delay the others.
std::vector<NodeAnswer> AskAll(transport::Client& client, absl::Duration timeout,
                               OutputFormat format) {
  std::vector<NodeAnswer> answers(client.endpoints().size(), absl::UnknownError("not asked"));
  std::vector<std::thread> askers;
  std::atomic<std::size_t> missing = answers.size();
  const WaitingLine waiting(
      format, [&] { return absl::StrCat(missing.load(), " of ", answers.size(), " nodes"); });
  for (std::size_t i = 0; i < answers.size(); ++i) {
    askers.emplace_back([&, i] {
      answers[i] = client.Status(i, timeout);
      --missing;
    });
  }
  for (std::thread& asker : askers) asker.join();
  return answers;
}

std::string CauseOf(const absl::Status& status) {
  for (const auto& [name, value] : engine::DetailsOf(status)) {
    if (name == "cause") return value;
  }
  return std::string(status.message());
}

Json ToJson(const std::string& endpoint, const NodeAnswer& answer) {
  if (!answer.ok()) {
    return {{"event", "node"},
            {"endpoint", endpoint},
            {"reachable", false},
            {"cause", CauseOf(answer.status())}};
  }
  const transport::NodeResult& n = *answer;
  return {{"event", "node"},
          {"endpoint", endpoint},
          {"reachable", true},
          {"node", n.node},
          {"data_center", n.data_center},
          {"cell_id", n.cell.Hex()},
          {"clock_bound_ns", absl::ToInt64Nanoseconds(n.clock_bound)},
          {"may_stamp", n.may_stamp},
          {"hears", n.reachable},
          {"shares_stored", n.shares_stored},
          {"pending_ops", n.pending_ops},
          {"staged_bytes", n.staged_bytes},
          {"store_error", n.store_error},
          {"repair",
           {{"bad_shares_found", n.repair.bad_shares_found},
            {"shares_repaired", n.repair.shares_repaired},
            {"fragments_repaired", n.repair.fragments_repaired},
            {"key_shares_repaired", n.repair.key_shares_repaired},
            {"fragment_bytes_lan", n.repair.fragment_bytes_lan},
            {"fragment_bytes_wan", n.repair.fragment_bytes_wan},
            {"waiting", n.repair.waiting},
            {"given_up", n.repair.given_up},
            {"missing", n.repair.missing},
            {"lacking", n.repair.lacking},
            {"core_conflicts", n.repair.core_conflicts}}},
          {"home",
           {{"serving", n.home.serving},
            {"sequencer", n.home.sequencer},
            {"log_epoch", n.home.log_epoch},
            {"applied_index", n.home.applied},
            {"checkpoint_index", n.home.checkpoint},
            {"window_ns", absl::ToInt64Nanoseconds(n.home.window)},
            {"open_rounds", n.home.open_rounds},
            {"ops", n.home.ops},
            {"unsettled", n.home.unsettled},
            {"incomplete", n.home.incomplete},
            {"late_first", n.home.late_first},
            {"out", n.home.out},
            {"halted", n.home.halted}}}};
}

std::string ToText(const std::string& endpoint, const NodeAnswer& answer) {
  if (!answer.ok()) {
    return absl::StrFormat("%-15s  no answer: %s", endpoint, Printable(CauseOf(answer.status())));
  }
  const transport::NodeResult& n = *answer;
  return absl::StrFormat("%-15s  %-12s %-8s %-9s %5d %8d %8d %10s %6d %9d %10s", endpoint, n.node,
                         n.may_stamp ? "ok" : "no clock",
                         !n.home.halted.empty()               ? "halted"
                         : n.home.sequencer && n.home.serving ? "sequencer"
                         : n.home.sequencer                   ? "alone"
                         : n.home.serving                     ? "follows"
                                                              : "not yet",
                         n.reachable.size(), n.shares_stored, n.home.ops, FormatSpan(n.home.window),
                         n.home.open_rounds, n.home.unsettled + n.home.incomplete,
                         FormatBytes(n.staged_bytes));
}

void PrintFullStores(const std::vector<NodeAnswer>& answers) {
  for (const NodeAnswer& answer : answers) {
    if (!answer.ok() || answer->store_error.empty()) continue;
    PrintLine(absl::StrCat(answer->node, ": stores no shares: ", Printable(answer->store_error)));
  }
}

// A line for each node that has found something to repair, or was told of it.
void PrintRepairs(const std::vector<NodeAnswer>& answers) {
  for (const NodeAnswer& answer : answers) {
    if (!answer.ok()) continue;
    const engine::RepairStatus& r = answer->repair;
    if (r == engine::RepairStatus()) continue;
    std::string line = absl::StrCat(
        answer->node, ": ", r.bad_shares_found, " bad shares found, ", r.shares_repaired,
        " repaired (", r.fragments_repaired, " fragments from ", FormatBytes(r.fragment_bytes_lan),
        " LAN and ", FormatBytes(r.fragment_bytes_wan), " WAN, ", r.key_shares_repaired,
        " key shares), ", r.waiting, " waiting, ", r.given_up, " given up");
    if (r.missing > 0 || r.lacking > 0) {
      absl::StrAppend(&line, "; ", r.missing, " shares were missing, ", r.lacking,
                      " are being made anew");
    }
    if (r.core_conflicts > 0) {
      absl::StrAppend(&line, "; two values under one version, ", r.core_conflicts,
                      " times: call an auditor");
    }
    PrintLine(line);
  }
}

// Each data center that some node's log marks as OUT, with the data centers whose logs do.
void PrintOutages(const std::vector<NodeAnswer>& answers) {
  std::map<std::string, std::set<std::string>> seen_by;
  for (const NodeAnswer& answer : answers) {
    if (!answer.ok()) continue;
    for (const std::string& out : answer->home.out) seen_by[out].insert(answer->data_center);
  }
  for (const auto& [out, by] : seen_by) {
    PrintLine(absl::StrCat(out, " is OUT for the logs of ", absl::StrJoin(by, " and "),
                           ": their writes reach HELD, and SAFE when it is back"));
  }
}

ExitCode RunAndReport(const ClientOptions& options) {
  const OutputFormat format = options.format();
  const absl::StatusOr<absl::Duration> timeout = options.timeout();
  if (!timeout.ok()) return ReportError("status", timeout.status(), format);
  const auto client = options.Connect();
  if (!client.ok()) return ReportError("status", client.status(), format);
  const std::vector<NodeAnswer> answers = AskAll(**client, *timeout, format);
  std::size_t reachable = 0;
  if (format == OutputFormat::kText) {
    PrintLine(absl::StrFormat("%-15s  %-12s %-8s %-9s %5s %8s %8s %10s %6s %9s %10s", "endpoint",
                              "node", "clock", "log", "hears", "shares", "ops", "window", "rounds",
                              "unsettled", "staged"));
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const std::string& endpoint = (*client)->endpoints()[i];
    reachable += answers[i].ok() ? 1 : 0;
    if (format == OutputFormat::kJson) {
      PrintJson(ToJson(endpoint, answers[i]));
    } else {
      PrintLine(ToText(endpoint, answers[i]));
    }
  }
  if (format == OutputFormat::kText) {
    PrintFullStores(answers);
    PrintRepairs(answers);
    PrintOutages(answers);
  }
  if (reachable == answers.size()) return kExitDone;
  if (reachable == 0) {
    PrintFailure(
        {absl::StrCat("status: no endpoint answers (", (*client)->endpoints().front(), ", ...)"),
         Printable(CauseOf(answers.front().status())),
         "worldb demo, or name running nodes with --endpoints HOST:PORT,..."});
    return kExitUnavailable;
  }
  std::fprintf(stderr, "worldb: %zu of %zu nodes answer\n", reachable, answers.size());
  return kExitDegraded;
}

}  // namespace

void AddStatusCommand(CommandLine& program) {
  const auto options = std::make_shared<ClientOptions>();
  const Command command = program.AddSubcommand("status", kDescription);
  AddClientOptions(command, *options);
  command.OnRun([options] { return RunAndReport(*options); });
}

}  // namespace worldb::tools
