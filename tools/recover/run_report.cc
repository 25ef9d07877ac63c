#include "tools/recover/run_report.h"

#include <cstdio>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/recover/command.h"
#include "tools/recover/version_event.h"

namespace worldb::tools {
namespace {

std::string KeyOf(const Json& event) {
  return event["key"].is_null()
             ? absl::StrCat("(key tag ", event["key_tag"].get<std::string>(), ")")
             : Printable(event["key"].get<std::string>());
}

}  // namespace

void RunReport::Tell(Json event, bool again) {
  progress_.Clear();
  Fate fate;
  fate.again = again;
  fate.older = !again && event["older_than"].is_object();
  fate.deleted = event["kind"] == "delete" && event["status"] != "lost";
  Count(event, fate);
  TellRemarks(event, fate);
  event["again"] = again;
  format_ == OutputFormat::kJson ? PrintJson(event) : PrintLine(Line(event, fate));
}

void RunReport::Count(const Json& event, const Fate& fate) {
  const std::string status = event["status"];
  ++(fate.older              ? older_
     : fate.deleted          ? deleted_
     : status == "recovered" ? recovered_
     : status == "degraded"  ? degraded_
                             : lost_);
  lost_for_keys_ += status == "lost" && !event["locked"].empty() ? 1 : 0;
  again_ += fate.again ? 1 : 0;
  bad_ += event["bad_shares"].size();
  conflicts_ += event["conflict"] == true ? 1 : 0;
  renamed_ += event["instead_of"].is_string() ? 1 : 0;
}

void RunReport::TellRemarks(const Json& event, const Fate& fate) const {
  if (event["instead_of"].is_string()) {
    std::fprintf(stderr, "%s: another key has the file name %s, too: this one is %s\n",
                 kRecoverProgram, Printable(event["instead_of"].get<std::string>()).c_str(),
                 Printable(event["file"].get<std::string>()).c_str());
  }
  if (!fate.again && event["retired"].is_object()) {
    std::fprintf(stderr, "%s: %s held an older value: it is %s now\n", kRecoverProgram,
                 Printable(event["retired"]["from"].get<std::string>()).c_str(),
                 Printable(event["retired"]["to"].get<std::string>()).c_str());
  }
  for (const Json& reason : event["bad_shares"]) {
    std::fprintf(stderr, "%s: bad share of %s: %s\n", kRecoverProgram, KeyOf(event).c_str(),
                 Printable(reason.get<std::string>()).c_str());
  }
}

std::string RunReport::Line(const Json& event, const Fate& fate) const {
  std::string line = fate.older     ? "older"
                     : fate.deleted ? "deleted"
                                    : event["status"].get<std::string>();
  line.resize(11, ' ');
  absl::StrAppend(&line, KeyOf(event), "  ");
  const std::uint64_t version = event["version"];
  absl::StrAppend(&line, version == 0 ? "staged" : absl::StrCat("version ", version));
  if (event["conflict"] == true) {
    absl::StrAppend(&line, "  one of several values: commitment ",
                    event["commitment"].get<std::string>().substr(0, kCommitmentDigits));
  }
  if (event["status"] == "lost") {
    absl::StrAppend(&line, "  ", event["so_far"].get<std::string>());
  } else if (!fate.deleted) {
    absl::StrAppend(&line, "  ", FormatBytes(event["bytes"].get<std::uint64_t>()));
  }
  if (event["status"] == "degraded") {
    absl::StrAppend(&line, "  ", event["good"].size(), " good shares, ", event["bad"].size(),
                    " bad, ", event["missing"].size(), " missing");
    if (!event["locked"].empty()) {
      absl::StrAppend(&line, ", ", event["locked"].size(), " locked: no key given for ",
                      NamesOf(event["locked"]));
    }
  }
  if (fate.older) {
    absl::StrAppend(&line, "  not written: version ",
                    event["older_than"]["version"].get<std::uint64_t>(), " is there");
  }
  if (fate.again) line += "  (done before)";
  return line;
}

std::string RunReport::NamesOf(const Json& indices) const {
  NodeSet nodes;
  for (const Json& index : indices) {
    const int i = index.is_number_integer() ? index.get<int>() : -1;
    if (i >= 0 && i < kNodeCount) nodes.Add(NodeAt(i));
  }
  return NodeNames(nodes, catalog_.OnlyCell());
}

void RunReport::PrintSummary(const std::string& out) const {
  const std::vector<std::string> locked = catalog_.LockedStores();
  if (format_ == OutputFormat::kJson) {
    PrintJson({{"event", "summary"},
               {"recovered", recovered_},
               {"degraded", degraded_},
               {"deleted", deleted_},
               {"lost", lost_},
               {"older", older_},
               {"again", again_},
               {"conflicts", conflicts_},
               {"renamed", renamed_},
               {"bad_shares", bad_},
               {"bad_sources", catalog_.bad().size()},
               {"locked_stores", locked},
               {"out", out}});
  }
  for (const std::string& store : locked) {
    std::fprintf(stderr, "%s: no key given opens %s\n", kRecoverProgram, Printable(store).c_str());
  }
  std::fprintf(stderr,
               "%s: %llu recovered, %llu degraded, %llu deleted, %llu lost, %llu older than what "
               "is there; %llu bad shares; %llu were done before; values in %s\n",
               kRecoverProgram, recovered_, degraded_, deleted_, lost_, older_, bad_, again_,
               Printable(out).c_str());
}

ExitCode RunReport::Finish(const std::string& out, const Recovery::Unknown& unknown) const {
  PrintSummary(out);
  const std::string next =
      lost_for_keys_ > 0
          ? "name the keys of those nodes, too, with --secrets or --keys, and run it again"
          : "add the stores or share files of further nodes, and run it again";
  if (bad_ > 0 || conflicts_ > 0 || !catalog_.bad().empty() || unknown.damaged) {
    return ReportBad(
        "run", catalog_, bad_ > 0 || conflicts_ > 0 || unknown.damaged,
        {absl::StrCat("run: ", bad_, " bad shares, ", catalog_.bad().size(), " bad sources"),
         "each is named above; nothing was written that did not verify", next});
  }
  if (lost_ > 0) {
    PrintFailure(
        {absl::StrCat("run: ", lost_, lost_ == 1 ? " version is" : " versions are", " lost so far"),
         lost_for_keys_ > 0
             ? "the shares that the keys given open do not make a set that may read; each is named "
               "above"
             : "the good shares do not make a set that may read; each is named above",
         next},
        kRecoverProgram);
    return kExitUnavailable;
  }
  return unknown.versions > 0 ? kExitUnavailable : kExitDone;
}

}  // namespace worldb::tools
