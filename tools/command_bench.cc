// worldb bench set|get

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/records.h"
#include "tools/command.h"
#include "tools/load_run.h"
#include "tools/processor_time.h"
#include "tools/write_command.h"

namespace worldb::tools {
namespace {

using arbiter::Level;

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb bench set --size 256 --inflight 4000 --seconds 10\n"
    "  worldb bench get --size 1M --inflight 16 -o json\n\n"
    "Puts load on running nodes and measures throughput and latency.";
constexpr char kSetDescription[] =
    "Examples:\n"
    "  worldb bench set --inflight 4000 --wait full\n"
    "  worldb bench set --keys 100 -o json\n\n"
    "Many Sets at a time. Each has a key of its own and wins; with --keys N the keys are drawn "
    "from\n"
    "N, so that Sets of one key are rivals and only one of them wins a version.";
constexpr char kGetDescription[] =
    "Examples:\n"
    "  worldb bench get --inflight 1000\n"
    "  worldb bench get --size 4K --keys 1000 --no-fill\n\n"
    "Many Gets at a time, of keys that are set first. Every byte read is checked.";

constexpr std::uint64_t kGetKeysDefault = 10'000;
// What the keys of bench get hold together at most, unless --keys says otherwise.
constexpr std::uint64_t kGetBytesDefault = std::uint64_t{256} << 20;
constexpr std::size_t kInflightMax = 1'000'000;

struct BenchArguments {
  std::string size = "256";
  std::uint64_t inflight = 1000;
  std::string seconds = "10s";
  std::string warmup = "2s";
  std::int64_t keys = -1;  // not given
  std::uint64_t ops = 0;
  std::uint64_t seed = 1;
  std::string prefix = "bench/";
  std::string wait = "safe";
  bool no_fill = false;
  std::int64_t pid = 0;  // 0: not given
  ClientOptions client;
};

// What a run took, for each op that reached its goal; nothing where none did.
struct ProcessorTimes {
  std::optional<absl::Duration> nodes;
  std::optional<absl::Duration> client;
};
struct Measured {
  LoadResult result;
  ProcessorTimes each;
};

absl::StatusOr<std::size_t> ParseSize(absl::string_view text) {
  absl::string_view digits = text;
  std::uint64_t unit = 1;
  if (absl::EndsWithIgnoreCase(text, "K")) unit = 1024;
  if (absl::EndsWithIgnoreCase(text, "M")) unit = 1024 * 1024;
  if (unit != 1) digits.remove_suffix(1);
  std::uint64_t count = 0;
  if (!absl::SimpleAtoi(digits, &count) || count > cryptoscatter::kValueBytesMax / unit) {
    return absl::InvalidArgumentError(
        absl::StrCat("--size ", text, ": expected bytes, or with K or M; at most 4M"));
  }
  return count * unit;
}

absl::StatusOr<LoadPlan> PlanOf(LoadPlan::Op op, const BenchArguments& arguments) {
  LoadPlan plan;
  plan.op = op;
  WORLDB_ASSIGN_OR_RETURN(plan.value_bytes, ParseSize(arguments.size));
  WORLDB_ASSIGN_OR_RETURN(plan.measured, ParseSpan("--seconds", arguments.seconds));
  if (arguments.warmup != "0" && arguments.warmup != "0s") {
    WORLDB_ASSIGN_OR_RETURN(plan.warmup, ParseSpan("--warmup", arguments.warmup));
  }
  WORLDB_ASSIGN_OR_RETURN(plan.timeout, arguments.client.timeout());
  WORLDB_ASSIGN_OR_RETURN(plan.wait, ParseLevel("--wait", arguments.wait));
  plan.inflight = arguments.inflight;
  plan.ops_max = arguments.ops;
  plan.seed = arguments.seed;
  plan.key_prefix = arguments.prefix;
  plan.key_count = arguments.keys < 0 ? 0 : static_cast<std::uint64_t>(arguments.keys);
  if (op == LoadPlan::Op::kGet && plan.key_count == 0) {
    const std::uint64_t fitting = kGetBytesDefault / std::max<std::uint64_t>(1, plan.value_bytes);
    plan.key_count = std::min(kGetKeysDefault, fitting);
  }
  plan.keys = plan.key_count == 0 ? LoadPlan::Keys::kFresh : LoadPlan::Keys::kRandom;
  return plan;
}

const char* NameOf(LoadPlan::Op op) { return op == LoadPlan::Op::kSet ? "set" : "get"; }

// The levels a run tells latencies of, each with its name in the output.
std::vector<std::pair<std::size_t, std::string>> LatencyRows(const LoadPlan& plan) {
  if (plan.op == LoadPlan::Op::kGet) return {{0, "value"}};
  std::vector<std::pair<std::size_t, std::string>> rows;
  for (std::size_t i = 0; i <= static_cast<std::size_t>(plan.wait); ++i) {
    rows.emplace_back(i, absl::AsciiStrToLower(arbiter::LevelName(static_cast<Level>(i))));
  }
  return rows;
}

Json ResultJson(const LoadPlan& plan, const Measured& measured, std::size_t endpoint_count) {
  const LoadResult& result = measured.result;
  const bool set = plan.op == LoadPlan::Op::kSet;
  Json out = {
      {"event", "bench"},          {"op", NameOf(plan.op)},  {"size_bytes", plan.value_bytes},
      {"inflight", plan.inflight}, {"keys", plan.key_count}, {"endpoints", endpoint_count},
      {"seed", plan.seed}};
  if (set) out["wait"] = std::string(arbiter::LevelName(plan.wait));
  out["warmup_ns"] = absl::ToInt64Nanoseconds(plan.warmup);
  out["measured_ns"] = absl::ToInt64Nanoseconds(result.measured);
  out["reached_in_time"] = result.reached_in_time;
  out[set ? "sets_per_second" : "gets_per_second"] = result.PerSecond();
  out["started"] = result.counts.started;
  out["reached"] = result.counts.reached;
  out["not_won"] = Json::object();
  for (const auto& [kind, count] : result.counts.not_won) {
    out["not_won"][std::string(arbiter::OutcomeName(kind))] = count;
  }
  out["failed"] = Json::object();
  for (const auto& [reason, count] : result.counts.failed) out["failed"][reason] = count;
  out["wrong"] = result.counts.wrong;
  out["latency"] = Json::object();
  for (const auto& [level, name] : LatencyRows(plan)) {
    const LatencyHistogram& latency = result.latency[level];
    out["latency"][name] = {{"count", latency.count()},
                            {"p50_ns", absl::ToInt64Nanoseconds(latency.Quantile(0.5))},
                            {"p99_ns", absl::ToInt64Nanoseconds(latency.Quantile(0.99))},
                            {"p999_ns", absl::ToInt64Nanoseconds(latency.Quantile(0.999))},
                            {"max_ns", absl::ToInt64Nanoseconds(latency.max())}};
  }
  if (measured.each.client.has_value()) {
    out["processor_client_ns"] = absl::ToInt64Nanoseconds(*measured.each.client);
  }
  if (measured.each.nodes.has_value()) {
    out["processor_nodes_ns"] = absl::ToInt64Nanoseconds(*measured.each.nodes);
  }
  return out;
}

void PrintText(const LoadPlan& plan, const Measured& measured, std::size_t endpoint_count) {
  const LoadResult& result = measured.result;
  const bool set = plan.op == LoadPlan::Op::kSet;
  PrintLine(absl::StrFormat(
      "bench %s: values of %d B, %d in flight over %d endpoints, %s; %s after %s of warm-up",
      NameOf(plan.op), plan.value_bytes, plan.inflight, endpoint_count,
      plan.key_count == 0 ? "a new key each" : absl::StrCat(plan.key_count, " keys"),
      FormatSpan(result.measured), FormatSpan(plan.warmup)));
  PrintLine(absl::StrFormat("  %.1f %s a second%s (%d in time; %d started, %d reached it in all)",
                            result.PerSecond(), set ? "sets" : "gets",
                            set ? absl::StrCat(" to ", arbiter::LevelName(plan.wait)) : "",
                            result.reached_in_time, result.counts.started, result.counts.reached));
  PrintLine(absl::StrFormat("  %-9s %12s %12s %12s %12s", "to", "p50", "p99", "p99.9", "max"));
  for (const auto& [level, name] : LatencyRows(plan)) {
    const LatencyHistogram& latency = result.latency[level];
    PrintLine(absl::StrFormat("  %-9s %12s %12s %12s %12s", name, FormatSpan(latency.Quantile(0.5)),
                              FormatSpan(latency.Quantile(0.99)),
                              FormatSpan(latency.Quantile(0.999)), FormatSpan(latency.max())));
  }
  if (measured.each.client.has_value()) {
    PrintLine(absl::StrCat("  processor time each: here ", FormatSpan(*measured.each.client),
                           measured.each.nodes.has_value()
                               ? absl::StrCat(", in the nodes ", FormatSpan(*measured.each.nodes))
                               : ""));
  }
  for (const auto& [kind, count] : result.counts.not_won) {
    PrintLine(absl::StrCat("  ", count, " ", arbiter::OutcomeName(kind)));
  }
  for (const auto& [reason, count] : result.counts.failed) {
    PrintLine(absl::StrCat("  ", count, " failed: ", reason));
  }
}

// One line that is written over; only for people who watch.
class ProgressLine {
 public:
  explicit ProgressLine(std::string what) : what_(std::move(what)), shown_(isatty(STDERR_FILENO)) {}
  ~ProgressLine() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
  }
  std::function<void(const LoadProgress&)> Function() const {
    if (!shown_) return {};
    return [this](const LoadProgress& progress) {
      std::fprintf(stderr, "\r\x1b[K%s: %.0f s, %.0f a second, %llu failed%s", what_.c_str(),
                   absl::ToDoubleSeconds(progress.elapsed), progress.per_second,
                   static_cast<unsigned long long>(progress.failed),
                   progress.warming_up ? " (warming up)" : "");
      std::fflush(stderr);
    };
  }

 private:
  const std::string what_;
  const bool shown_;
};

absl::StatusOr<absl::Duration> NodesTime(const BenchArguments& arguments) {
  if (arguments.pid == 0) return absl::ZeroDuration();
  return ProcessorTimeOf(arguments.pid);
}

absl::StatusOr<Measured> Measure(const LoadPlan& plan, const BenchArguments& arguments,
                                 transport::AsyncClient& client) {
  if (plan.op == LoadPlan::Op::kGet && !arguments.no_fill) {
    const ProgressLine line("filling");
    WORLDB_RETURN_IF_ERROR(FillKeys(client, plan, line.Function()));
  }
  WORLDB_ASSIGN_OR_RETURN(const absl::Duration nodes_before, NodesTime(arguments));
  const absl::Duration client_before = OwnProcessorTime();
  Measured measured;
  {
    const ProgressLine line(absl::StrCat("bench ", NameOf(plan.op)));
    measured.result = RunLoad(client, plan, line.Function());
  }
  const absl::Duration client_took = OwnProcessorTime() - client_before;
  const absl::StatusOr<absl::Duration> nodes_after = NodesTime(arguments);
  const auto ops = static_cast<double>(measured.result.counts.reached);
  if (ops == 0) return measured;
  measured.each.client = client_took / ops;
  // A demo that has ended meanwhile has taken its figure along.
  if (arguments.pid != 0 && nodes_after.ok()) {
    measured.each.nodes = (*nodes_after - nodes_before) / ops;
  }
  return measured;
}

// A run in which nothing reached its goal fails as its ops did.
absl::Status StatusOf(const LoadPlan& plan, const LoadResult& result) {
  if (result.counts.wrong > 0) {
    return absl::DataLossError(absl::StrCat(
        result.counts.wrong, " values read are not what was set, the first under key ",
        Printable(result.first_wrong_key), " (or were set with another --seed or --size)"));
  }
  if (result.counts.reached > 0) return absl::OkStatus();
  if (!result.first_failure.ok()) return result.first_failure;
  if (result.not_won_count() > 0) {
    return absl::AbortedError(absl::StrCat("none of ", result.not_won_count(), " Sets won"));
  }
  return absl::DeadlineExceededError(
      absl::StrCat("no op was started in ", FormatSpan(plan.warmup + plan.measured)));
}

ExitCode RunAndReport(LoadPlan::Op op, const BenchArguments& arguments) {
  const std::string what = absl::StrCat("bench ", NameOf(op));
  const OutputFormat format = arguments.client.format();
  const absl::StatusOr<LoadPlan> plan = PlanOf(op, arguments);
  if (!plan.ok()) return ReportError(what, plan.status(), format);
  const auto client = transport::AsyncClient::Create(arguments.client.EndpointList());
  if (!client.ok()) return ReportError(what, client.status(), format);
  const absl::StatusOr<Measured> measured = Measure(*plan, arguments, **client);
  if (!measured.ok()) return ReportError(what, measured.status(), format);
  if (format == OutputFormat::kJson) {
    PrintJson(ResultJson(*plan, *measured, (*client)->endpoints().size()));
  } else {
    PrintText(*plan, *measured, (*client)->endpoints().size());
  }
  const absl::Status status = StatusOf(*plan, measured->result);
  return status.ok() ? kExitDone : ReportError(what, status, format);
}

void AddCommon(Command command, BenchArguments& arguments) {
  command.AddOption("--size", &arguments.size, "of each value: bytes, or with K or M")
      .ValueName("BYTES")
      .ShowDefault();
  command.AddOption("--inflight", &arguments.inflight, "ops under way at any time")
      .WholeNumber(1, kInflightMax)
      .ValueName("N")
      .ShowDefault();
  command.AddOption("--seconds", &arguments.seconds, "how long to measure; also 500ms, 2m")
      .ValueName("TIME")
      .ShowDefault();
  command.AddOption("--warmup", &arguments.warmup, "under load, before measuring; may be 0")
      .ValueName("TIME")
      .ShowDefault();
  command.AddOption("--ops", &arguments.ops, "start no more than N; 0: no bound but time")
      .ValueName("N")
      .ShowDefault();
  command.AddOption("--seed", &arguments.seed, "of values and of the keys drawn")
      .ValueName("N")
      .ShowDefault();
  command
      .AddOption("--pid", &arguments.pid,
                 "of a demo on this machine: tells the processor time its nodes took for each op")
      .WholeNumber(1)
      .ValueName("PID");
  command.AddOption("--prefix", &arguments.prefix, "of the keys").ValueName("TEXT").ShowDefault();
  AddClientOptions(command, arguments.client);
}

}  // namespace

void AddBenchCommand(CommandLine& program) {
  const Command bench = program.AddSubcommand("bench", kDescription);

  const auto set_arguments = std::make_shared<BenchArguments>();
  const Command set = bench.AddSubcommand("set", kSetDescription);
  set.AddOption("--keys", &set_arguments->keys, "draw keys from N; 0 (default): a new one each")
      .WholeNumber(0)
      .ValueName("N");
  set.AddOption("--wait", &set_arguments->wait,
                "what counts: accepted, decided, held, safe or full")
      .ValueName("LEVEL")
      .ShowDefault();
  AddCommon(set, *set_arguments);
  set.OnRun([set_arguments] { return RunAndReport(LoadPlan::Op::kSet, *set_arguments); });

  const auto get_arguments = std::make_shared<BenchArguments>();
  const Command get = bench.AddSubcommand("get", kGetDescription);
  get.AddOption("--keys", &get_arguments->keys,
                "draw keys from N (default 10000, less if that is over 256 MiB)")
      .WholeNumber(1)
      .ValueName("N");
  get.AddFlag("--no-fill", &get_arguments->no_fill,
              "the keys were set by an earlier run of the same --keys, --size, --seed, --prefix");
  AddCommon(get, *get_arguments);
  get.OnRun([get_arguments] { return RunAndReport(LoadPlan::Op::kGet, *get_arguments); });
}

}  // namespace worldb::tools
