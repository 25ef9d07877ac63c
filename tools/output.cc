#include "tools/output.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "arbiter/op_id.h"
#include "engine/cell/errors.h"
#include "transport/reasons.h"

namespace worldb::tools {
namespace {

// A stamp further ahead of this machine's clock than this comes from one that was wrong.
constexpr absl::Duration kClocksApartMax = absl::Seconds(10);

std::string Detail(const engine::ErrorDetails& details, absl::string_view name) {
  for (const auto& [key, value] : details) {
    if (key == name) return value;
  }
  return "";
}

Json CertificateJson(const std::optional<arbiter::Fairness>& certificate) {
  if (!certificate.has_value()) return nullptr;
  return *certificate == arbiter::Fairness::kTimeout ? "timeout" : "refuted";
}

const char* KindName(arbiter::OpKind kind) {
  return kind == arbiter::OpKind::kDelete ? "delete" : "set";
}

// What to type next, by the reason of a failure of `command`.
std::string NextStep(const std::string& command, const absl::Status& status) {
  const std::string reason = engine::ReasonOf(status);
  const engine::ErrorDetails details = engine::DetailsOf(status);
  const std::string ticket = Detail(details, "ticket");
  if (!ticket.empty()) return absl::StrCat("worldb ticket wait ", ticket);
  if (reason == transport::reason::kNoEndpoint) {
    return "worldb demo, or name running nodes with --endpoints HOST:PORT,...";
  }
  const std::string token = Detail(details, "resume_token");
  if (!token.empty() && !absl::IsInvalidArgument(status)) {
    return absl::StrCat("the same command with --from ", token);
  }
  const std::string op = Detail(details, "op_id");
  if (reason == engine::reason::kOutcomeUnknown && !op.empty()) {
    return absl::StrCat("the same command with --op-id ", op, ": it can happen only once then");
  }
  const bool reading = absl::StartsWith(command, "get ");
  if (reading && (reason == engine::reason::kTriadUnavailable ||
                  reason == engine::reason::kVersionNotReadable)) {
    return "worldb get --surviving KEY, for what the other data centers hold; worldb status";
  }
  if (reason == engine::reason::kNoSuchKey) return "worldb set KEY VALUE, or check the spelling";
  if (reason == engine::reason::kBadBase) return "worldb get KEY -o json, which names the version";
  if (reason == transport::reason::kAskAnotherNode) return "name another node with --endpoints";
  if (absl::IsInvalidArgument(status)) {
    const std::pair<std::string, std::string> verb =
        absl::StrSplit(command, absl::MaxSplits(' ', 1));
    return absl::StrCat("worldb ", verb.first, " --help");
  }
  return "worldb status";
}

}  // namespace

std::string FormatShares(const std::vector<transport::DataCenterCount>& shares) {
  std::string text;
  for (const transport::DataCenterCount& s : shares) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", s.data_center, " ", s.count);
  }
  return text;
}

std::string DescribeDecision(const transport::Decision& decision) {
  std::string text =
      absl::StrCat(arbiter::OutcomeName(decision.outcome), " version ", decision.version.value());
  switch (decision.outcome) {
    case arbiter::OutcomeKind::kPending:
      return absl::StrCat(text, ": its round is still open");
    case arbiter::OutcomeKind::kWon:
      if (decision.rival.has_value()) {
        absl::StrAppend(&text, ", ", FormatSpan(decision.margin), " before ",
                        decision.rival->stamp.node, " (op ",
                        arbiter::FormatOpId(decision.rival->op), ")");
      }
      break;
    case arbiter::OutcomeKind::kLate:
      if (!decision.rival.has_value()) {
        absl::StrAppend(&text, ": recorded too long after its stamp to be judged");
      }
      [[fallthrough]];
    case arbiter::OutcomeKind::kLost:
      if (decision.rival.has_value()) {
        absl::StrAppend(&text, ": ", decision.rival->stamp.node, " was ",
                        FormatSpan(decision.margin), " earlier (op ",
                        arbiter::FormatOpId(decision.rival->op), ")");
      }
      break;
    case arbiter::OutcomeKind::kLateFirst:
      absl::StrAppend(&text, ": stamped ", FormatSpan(decision.margin),
                      " before the winner, but recorded after the round had closed");
      break;
    case arbiter::OutcomeKind::kStale:
      absl::StrAppend(&text, ": its base was outdated; the newest version was ",
                      decision.present.value());
      break;
    case arbiter::OutcomeKind::kVoid:
      absl::StrAppend(&text, ": won, but its payload can never be read");
      break;
    case arbiter::OutcomeKind::kPerished:
      absl::StrAppend(&text, ": its home data center was lost before it was SAFE");
      break;
  }
  if (decision.ambiguous)
    absl::StrAppend(&text, "; too close to be sure: the clock bounds overlap");
  return text;
}

std::string WayOn(absl::string_view verb, absl::string_view key,
                  const transport::Decision& decision, absl::Time now) {
  if (decision.rival.has_value() && decision.rival->stamp.midpoint > now + kClocksApartMax) {
    return absl::StrCat("version ", decision.version.value(), " is stamped in the future, until ",
                        FormatMoment(decision.rival->stamp.midpoint),
                        ": a clock was wrong. worldb ", verb,
                        " ... --base N, with the version that worldb get tells, gets past it");
  }
  return absl::StrCat("worldb get ", Printable(key), " to see what is there now; ", verb,
                      " again to compete for the next version");
}

Json StampJson(const transport::StampInfo& stamp) {
  return {{"midpoint", FormatMoment(stamp.midpoint)},
          {"bound_ns", absl::ToInt64Nanoseconds(stamp.bound)},
          {"node", stamp.node}};
}

Json SharesJson(const std::vector<transport::DataCenterCount>& shares) {
  Json out = Json::object();
  for (const transport::DataCenterCount& s : shares) out[s.data_center] = s.count;
  return out;
}

void AddDecision(const transport::Decision& decision, Json& out) {
  out["outcome"] = std::string(arbiter::OutcomeName(decision.outcome));
  out["version"] = decision.version.value();
  if (decision.rival.has_value()) {
    out["rival"] = {{"op_id", arbiter::FormatOpId(decision.rival->op)},
                    {"stamp", StampJson(decision.rival->stamp)}};
  } else {
    out["rival"] = nullptr;
  }
  out["margin_ns"] = absl::ToInt64Nanoseconds(decision.margin);
  out["ambiguous"] = decision.ambiguous;
  out["present_version"] = decision.present.value();
  out["certificate"] = CertificateJson(decision.certificate);
}

void AddKey(ByteSpan key, Json& out) {
  out["key"] = ToString(key);
  out["key_base64"] = absl::Base64Escape(AsText(key));
}

void AddVersion(const transport::VersionInfo& version, Json& out) {
  out["version"] = version.version.value();
  out["kind"] = KindName(version.kind);
  out["outcome"] = std::string(arbiter::OutcomeName(version.outcome));
  out["level"] = std::string(arbiter::LevelName(version.level));
  out["certificate"] = CertificateJson(version.certificate);
  out["shares"] = SharesJson(version.shares);
  out["op_id"] = arbiter::FormatOpId(version.op);
  out["stamp"] = StampJson(version.stamp);
  out["script"] = version.script;
  out["payload_bytes"] = version.payload_bytes;
  out["closed"] = FormatMoment(version.closed);
}

std::string DescribeVersion(const transport::VersionInfo& version) {
  const bool is_void = version.outcome == arbiter::OutcomeKind::kVoid;
  return absl::StrCat("version ", version.version.value(), "  ", KindName(version.kind), "  ",
                      is_void ? "VOID" : arbiter::LevelName(version.level), "  stamped ",
                      FormatMoment(version.stamp.midpoint), " by ", version.stamp.node, "; shares ",
                      FormatShares(version.shares), "; ", version.script, ", ",
                      version.payload_bytes, " bytes; op ", arbiter::FormatOpId(version.op));
}

ExitCode ReportError(const std::string& command, const absl::Status& status, OutputFormat format) {
  const ExitCode code = ExitCodeOf(status);
  const std::string reason = engine::ReasonOf(status);
  const engine::ErrorDetails details = engine::DetailsOf(status);
  const std::string endpoint = Detail(details, "endpoint");
  const std::string code_name(absl::StatusCodeToString(status.code()));
  Failure failure;
  failure.what = absl::StrCat(command, ": ", reason.empty() ? code_name : reason,
                              endpoint.empty() ? "" : absl::StrCat(" (", endpoint, ")"));
  failure.why = Printable(status.message());
  failure.next = NextStep(command, status);
  PrintFailure(failure);
  if (format == OutputFormat::kJson) PrintJson(ErrorJson(status, code));
  return code;
}

}  // namespace worldb::tools
