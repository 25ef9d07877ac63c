#include "tools/recover/version_event.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tools/recover/command.h"
#include "tools/recover/outputs/file_name.h"

namespace worldb::tools {
namespace {

Json Indices(NodeSet set) {
  Json out = Json::array();
  for (int i = 0; i < kNodeCount; ++i) {
    if (set.Has(i)) out.push_back(i);
  }
  return out;
}

std::string SoFar(const VersionReport& report, const engine::Cell* cell) {
  const auto& shortfall = report.shortfall;
  if (!report.why_lost.empty()) return report.why_lost;
  const std::string no_key =
      report.locked.empty()
          ? ""
          : absl::StrCat("; no key given opens the shares of ", NodeNames(report.locked, cell));
  if (shortfall.need == 0) return "its script is not known to this build";
  return absl::StrCat(
      shortfall.have, " of ", shortfall.need, " so far; with ", NodeNames(shortfall.missing, cell),
      " it would be enough. Its script says ",
      absl::StrReplaceAll(shortfall.script_text.substr(0, shortfall.script_text.find('\n')),
                          {{"key: ", ""}}),
      no_key);
}

}  // namespace

std::string FileOf(const VersionReport& report, ByteSpan key, bool all_versions) {
  std::string name = FileNameOf(key);
  if (report.name.version.value() == 0)
    return absl::StrCat(name, "@staged.", report.commitment.Hex().substr(0, kCommitmentDigits));
  if (all_versions || report.conflict) {
    absl::StrAppend(&name, "@", report.name.slot_epoch.value(), ".", report.name.version.value());
  }
  if (report.conflict) {
    absl::StrAppend(&name, ".", report.commitment.Hex().substr(0, kCommitmentDigits));
  }
  return name;
}

Json ToEvent(const VersionReport& report, const engine::Cell* cell) {
  Json event = {{"event", "version"}, {"status", StatusName(report.status)}};
  if (report.key.has_value()) {
    AddKeyText(*report.key, event);
  } else {
    event["key"] = Json();
    event["key_base64"] = Json();
  }
  event["key_tag"] = report.name.key_tag.Hex();
  event["slot_epoch"] = report.name.slot_epoch.value();
  event["version"] = report.name.version.value();
  event["kind"] = report.kind == cryptoscatter::ValueKind::kTombstone ? "delete" : "set";
  event["core"] = report.core.Hex();
  event["commitment"] = report.commitment.Hex();
  event["conflict"] = report.conflict;
  event["file"] = nullptr;
  event["instead_of"] = nullptr;
  event["retired"] = nullptr;
  event["older_than"] = nullptr;
  event["bytes"] = report.value_bytes;
  event["good"] = Indices(report.good);
  event["bad"] = Indices(report.bad);
  event["locked"] = Indices(report.locked);
  event["missing"] = Indices(report.missing());
  event["bad_shares"] = report.bad_shares;
  if (report.status == VersionReport::Status::kLost) {
    event["so_far"] = SoFar(report, cell);
    event["have"] = report.shortfall.have;
    event["need"] = report.shortfall.need;
    event["would_do"] = Indices(report.shortfall.missing);
  }
  return event;
}

bool IsVersionEvent(const Json& event) {
  const auto is = [&event](const char* field, bool (Json::*kind)() const noexcept) {
    return event.contains(field) && (event[field].*kind)();
  };
  for (const char* field : {"status", "kind", "key_tag", "core", "commitment"}) {
    if (!is(field, &Json::is_string)) return false;
  }
  for (const char* field : {"version", "bytes"}) {
    if (!is(field, &Json::is_number_unsigned)) return false;
  }
  for (const char* field : {"good", "bad", "locked", "missing", "bad_shares"}) {
    if (!is(field, &Json::is_array)) return false;
  }
  for (const char* field : {"key", "key_base64", "file", "instead_of"}) {
    if (!is(field, &Json::is_string) && !is(field, &Json::is_null)) return false;
  }
  if (event["instead_of"].is_string() && !event["file"].is_string()) return false;
  return event["bad_shares"].empty() && event["status"] != "lost" &&
         is("conflict", &Json::is_boolean);
}

}  // namespace worldb::tools
