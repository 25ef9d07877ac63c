// worldb-recover run SOURCE... --out DIR

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/recover/command.h"
#include "tools/recover/files/key_files.h"
#include "tools/recover/judging/recovery.h"
#include "tools/recover/outputs/evidence_directory.h"
#include "tools/recover/outputs/file_name.h"
#include "tools/recover/outputs/output_directory.h"

namespace worldb::tools {
namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb-recover run disks/ --secrets disks/nodes/*/secrets --out values\n"
    "  worldb-recover run *.tar.zst --keys keys.wdk --recovery-key key.wrk --out values\n\n"
    "Recovers the newest version of every key into one file each.\n"
    "Started again with the same --out, it goes on where it was stopped.";

constexpr char kNoKeys[] =
    "raw stores and share files hold key shares encrypted under their nodes' storage keys; without "
    "those "
    "keys, nobody can open them";

struct RunArguments {
  SourceOptions sources;
  KeyPaths keys;
  std::string out;
  std::string evidence;
  std::vector<std::string> key;  // at most one; it may be empty text
  bool all_versions = false;
  bool staged = false;
};

// Several values of one key never share a name, and no name of a key has an '@'.
constexpr std::size_t kCommitmentDigits = 32;
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

// Whether a journal's event has what Teller needs: anybody may have written to it.
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

// Tells what became of each version, and counts.
class Teller {
 public:
  Teller(OutputFormat format, const Catalog& catalog, ProgressLine& progress)
      : format_(format), catalog_(catalog), progress_(progress) {}

  void Tell(Json event, bool again) {
    progress_.Clear();
    const std::string status = event["status"];
    const bool deleted = event["kind"] == "delete" && status != "lost";
    const bool older = !again && event["older_than"].is_object();
    ++(older                   ? older_
       : deleted               ? deleted_
       : status == "recovered" ? recovered_
       : status == "degraded"  ? degraded_
                               : lost_);
    lost_for_keys_ += status == "lost" && !event["locked"].empty() ? 1 : 0;
    again_ += again ? 1 : 0;
    bad_ += event["bad_shares"].size();
    conflicts_ += event["conflict"] == true ? 1 : 0;
    if (event["instead_of"].is_string()) {
      ++renamed_;
      std::fprintf(stderr, "%s: another key has the file name %s, too: this one is %s\n",
                   kRecoverProgram, Printable(event["instead_of"].get<std::string>()).c_str(),
                   Printable(event["file"].get<std::string>()).c_str());
    }
    if (!again && event["retired"].is_object()) {
      std::fprintf(stderr, "%s: %s held an older value: it is %s now\n", kRecoverProgram,
                   Printable(event["retired"]["from"].get<std::string>()).c_str(),
                   Printable(event["retired"]["to"].get<std::string>()).c_str());
    }
    for (const Json& reason : event["bad_shares"]) {
      std::fprintf(stderr, "%s: bad share of %s: %s\n", kRecoverProgram, KeyOf(event).c_str(),
                   Printable(reason.get<std::string>()).c_str());
    }
    event["again"] = again;
    format_ == OutputFormat::kJson ? PrintJson(event)
                                   : PrintLine(Line(event, older, deleted, again));
  }

  // `unknown`: versions that may be of the one key that was asked for.
  ExitCode Finish(const std::string& out, const Recovery::Unknown& unknown) const {
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
      std::fprintf(stderr, "%s: no key given opens %s\n", kRecoverProgram,
                   Printable(store).c_str());
    }
    std::fprintf(stderr,
                 "%s: %llu recovered, %llu degraded, %llu deleted, %llu lost, %llu older than what "
                 "is there; "
                 "%llu bad shares; %llu were done before; values in %s\n",
                 kRecoverProgram, recovered_, degraded_, deleted_, lost_, older_, bad_, again_,
                 Printable(out).c_str());
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
      PrintFailure({absl::StrCat("run: ", lost_, lost_ == 1 ? " version is" : " versions are",
                                 " lost so far"),
                    lost_for_keys_ > 0
                        ? "the shares that the keys given open do not make a set that may read; "
                          "each is named above"
                        : "the good shares do not make a set that may read; each is named above",
                    next},
                   kRecoverProgram);
      return kExitUnavailable;
    }
    return unknown.versions > 0 ? kExitUnavailable : kExitDone;
  }
  bool any() const { return recovered_ + degraded_ + deleted_ + lost_ + older_ > 0; }

 private:
  static std::string KeyOf(const Json& event) {
    return event["key"].is_null()
               ? absl::StrCat("(key tag ", event["key_tag"].get<std::string>(), ")")
               : Printable(event["key"].get<std::string>());
  }

  // "tokyo-1, tokyo-2".
  std::string NamesOf(const Json& indices) const {
    NodeSet nodes;
    for (const Json& index : indices) {
      const int i = index.is_number_integer() ? index.get<int>() : -1;
      if (i >= 0 && i < kNodeCount) nodes.Add(NodeAt(i));
    }
    return NodeNames(nodes, catalog_.OnlyCell());
  }

  std::string Line(const Json& event, bool older, bool deleted, bool again) const {
    std::string line = older ? "older" : deleted ? "deleted" : event["status"].get<std::string>();
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
    } else if (!deleted) {
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
    if (older) {
      absl::StrAppend(&line, "  not written: version ",
                      event["older_than"]["version"].get<std::uint64_t>(), " is there");
    }
    if (again) line += "  (done before)";
    return line;
  }

  const OutputFormat format_;
  const Catalog& catalog_;
  ProgressLine& progress_;
  unsigned long long recovered_ = 0;
  unsigned long long degraded_ = 0;
  unsigned long long deleted_ = 0;
  unsigned long long lost_ = 0;
  unsigned long long lost_for_keys_ = 0;  // of those: there are shares that no key given opens
  unsigned long long older_ = 0;
  unsigned long long again_ = 0;
  unsigned long long conflicts_ = 0;
  unsigned long long renamed_ = 0;
  unsigned long long bad_ = 0;
};

bool IsSamePath(const std::string& a, const std::string& b) {
  std::error_code error;
  const auto plain = [&error](const std::string& path) {
    return std::filesystem::weakly_canonical(path, error);
  };
  return plain(a) == plain(b) && !error;
}

// Keys of which there is no share, but a staged payload; of those with one of `tags`, if given.
std::uint64_t OnlyStagedKeys(const Catalog& catalog, const std::optional<std::set<KeyTag>>& tags) {
  std::uint64_t count = 0;
  const Spot* previous = nullptr;
  for (const Spot& spot : catalog.spots()) {  // staged payloads are a key's last
    const bool first = previous == nullptr || previous->key_tag != spot.key_tag;
    const bool asked = !tags.has_value() || tags->contains(spot.key_tag);
    count += first && asked && spot.kind == Spot::Kind::kStaged ? 1 : 0;
    previous = &spot;
  }
  return count;
}

// `evidence` may be null.
absl::Status Recover(const RunArguments& arguments, const Catalog& catalog,
                     EvidenceDirectory* evidence, Teller& teller, ProgressLine& progress,
                     Recovery::Unknown& unknown, absl::Status& evidence_status) {
  WORLDB_ASSIGN_OR_RETURN(
      const std::unique_ptr<OutputDirectory> out,
      OutputDirectory::Open(arguments.out, arguments.all_versions,
                            [&](const Json& event) { teller.Tell(event, false); }));
  RecoveryOptions options;
  options.all_versions = arguments.all_versions;
  options.staged = arguments.staged;
  if (!arguments.key.empty()) options.only_key = ToBytes(AsBytes(arguments.key.front()));
  Recovery recovery(catalog, options);
  std::uint64_t versions = 0;
  const auto seen = [&] {
    progress.Show(absl::StrCat("recovering: ", ++versions, " versions so far"));
  };
  absl::Status status = recovery.Run(
      [&](const engine::VersionRef& name, const Hash256& digest) -> absl::StatusOr<bool> {
        std::vector<Json> events = out->Find(name, digest);
        if (!std::all_of(events.begin(), events.end(), IsVersionEvent)) return false;
        seen();
        for (Json& event : events) {
          if (options.only_key.has_value() &&
              event["key_base64"] != absl::Base64Escape(AsText(*options.only_key))) {
            continue;
          }
          teller.Tell(std::move(event), true);
        }
        return !events.empty();
      },
      [&](VersionReport report, SecretBytes value) -> absl::Status {
        seen();
        const bool lost = report.status == VersionReport::Status::kLost;
        const bool deleted = report.kind == cryptoscatter::ValueKind::kTombstone;
        Json event = ToEvent(report, catalog.CellOf(report.cell));
        // What is lost is tried again by the next run, so it stays out of the journal.
        if (lost) {
          teller.Tell(std::move(event), false);
          return absl::OkStatus();
        }
        Output output{
            report.name, report.cell, report.commitment, report.digest, report.value_count, "", ""};
        if (!deleted) output.file = FileOf(report, *report.key, arguments.all_versions);
        if (!arguments.all_versions && report.name.version.value() != 0) {
          output.plain_file = FileNameOf(*report.key);
        }
        return out->Put(output, value.ExposeSecret(), std::move(event));
      },
      [&](std::span<const Spot> shares, const VersionClaims& claims) -> absl::Status {
        // Values come first: what goes wrong with evidence is told once they are there.
        if (evidence == nullptr || !evidence_status.ok()) return absl::OkStatus();
        evidence_status = evidence->AddVersion(catalog, claims, shares);
        return absl::OkStatus();
      });
  unknown = recovery.unknown();
  status.Update(out->Flush());
  return status;
}

// Of one key that was asked for, when versions may be of it that do not open.
absl::Status ToStatus(const Recovery::Unknown& unknown) {
  const std::string what = absl::StrCat(
      "of ", unknown.versions,
      " versions that cannot be read here, nobody knows the key: one may be of this one");
  return unknown.damaged ? absl::DataLossError(what) : absl::UnavailableError(what);
}

ExitCode Run(const RunArguments& arguments) {
  const OutputFormat format = arguments.sources.format;
  const auto keys = LoadKeys(arguments.keys);
  if (!keys.ok()) {
    return ReportFailure("run: cannot use the keys", keys.status(), format,
                         "worldb-recover run --help");
  }
  if ((*keys)->empty()) {
    return ReportFailure(
        "run: no keys", absl::PermissionDeniedError(kNoKeys), format,
        "name them: --secrets nodes/*/secrets, or --keys FILE --recovery-key FILE");
  }
  if (!arguments.evidence.empty() && IsSamePath(arguments.evidence, arguments.out)) {
    return ReportNoEvidence(
        "run", absl::InvalidArgumentError("values have the directory for themselves"), format);
  }
  auto evidence = EvidenceDirectory::OpenIfNamed(arguments.evidence);
  if (!evidence.ok()) return ReportNoEvidence("run", evidence.status(), format);
  ProgressLine progress;
  const auto read = ReadSources(arguments.sources, progress);
  progress.Clear();
  if (!read.ok()) return ReportNothing("run", read.status(), format);
  const std::unique_ptr<Catalog>& catalog = *read;
  catalog->Unlock(**keys);
  progress.Clear();
  ReportBadSources(*catalog, format);
  if (catalog->spots().empty() && catalog->bad().empty()) {
    return ReportNothing("run", NothingFound(), format);
  }
  const std::uint64_t only_staged = OnlyStagedKeys(
      *catalog,
      arguments.key.empty() ? std::nullopt : TagsOf(*catalog, AsBytes(arguments.key.front())));
  if (only_staged > 0 && !arguments.staged) {
    std::fprintf(stderr, "%s: %llu %s staged payloads only: --staged writes them, too\n",
                 kRecoverProgram, static_cast<unsigned long long>(only_staged),
                 only_staged == 1 ? "key has" : "keys have");
  }
  Teller teller(format, *catalog, progress);
  Recovery::Unknown unknown;
  absl::Status evidence_status;
  absl::Status status =
      Recover(arguments, *catalog, evidence->get(), teller, progress, unknown, evidence_status);
  progress.Clear();
  if (*evidence != nullptr && evidence_status.ok()) {
    evidence_status = FinishEvidence(**evidence, format);
  }
  if (!status.ok()) {
    const std::string next = NextOfWriting(status, "--out");
    const bool goes_on = absl::IsCancelled(status) || absl::IsResourceExhausted(status);
    return ReportFailure("run: stopped", status, format,
                         goes_on ? next + ": it goes on from here" : next);
  }
  if (unknown.versions > 0 && !teller.any() && catalog->bad().empty()) {
    return ReportFailure(absl::StrCat("run: ", Printable(arguments.key.front()), " not found"),
                         ToStatus(unknown), format,
                         "name the cell file, too, which tells whose they are, and the stores or "
                         "share files of further nodes");
  }
  if (unknown.versions > 0) {
    std::fprintf(stderr, "%s: %s\n", kRecoverProgram,
                 Printable(ToStatus(unknown).message()).c_str());
  }
  if (!teller.any() && !arguments.staged && only_staged > 0 && catalog->bad().empty()) {
    return ReportFailure(
        "run: only staged payloads found",
        absl::NotFoundError("they are of writes of which nobody knows whether they won"), format,
        "the same command with --staged");
  }
  if (!teller.any() && !arguments.key.empty() && catalog->bad().empty()) {
    return ReportFailure(absl::StrCat("run: ", Printable(arguments.key.front()), " not found"),
                         absl::NotFoundError("no value that opens has this name"), format,
                         "run it without --key to see what there is");
  }
  const ExitCode code = teller.Finish(arguments.out, unknown);
  return evidence_status.ok() ? code : ReportNoEvidence("run", evidence_status, format);
}

}  // namespace

void AddRunCommand(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<RunArguments>();
  CLI::App* command = app.add_subcommand("run", kDescription);
  AddSourceOptions(*command, arguments->sources);
  AddKeyOptions(*command, arguments->keys);
  command->add_option("--out", arguments->out, "directory for the values, made if it is missing")
      ->required()
      ->type_name("DIR");
  AddEvidenceOption(*command, arguments->evidence);
  command->add_option("--key", arguments->key, "only this key")->expected(1)->type_name("KEY");
  command->add_flag("--all-versions", arguments->all_versions,
                    "every version, not only the newest that can be read");
  command->add_flag("--staged", arguments->staged,
                    "also writes that were on record, but of which nobody knows whether they won");
  command->callback([arguments, &exit_code] { exit_code = Run(*arguments); });
}

}  // namespace worldb::tools
