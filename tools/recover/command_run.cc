// worldb-recover run SOURCE... --out DIR

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/recover/command.h"
#include "tools/recover/files/key_files.h"
#include "tools/recover/judging/recovery.h"
#include "tools/recover/outputs/evidence_directory.h"
#include "tools/recover/outputs/file_name.h"
#include "tools/recover/outputs/output_directory.h"
#include "tools/recover/run_report.h"
#include "tools/recover/version_event.h"

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
  std::optional<std::string> key;
  bool all_versions = false;
  bool staged = false;
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

// Of one key that was asked for, when versions may be of it that do not open.
absl::Status ToStatus(const Recovery::Unknown& unknown) {
  const std::string what = absl::StrCat(
      "of ", unknown.versions,
      " versions that cannot be read here, nobody knows the key: one may be of this one");
  return unknown.damaged ? absl::DataLossError(what) : absl::UnavailableError(what);
}

// One run over what was read.
class Running {
 public:
  // `evidence` may be null.
  Running(const RunArguments& arguments, const Catalog& catalog, EvidenceDirectory* evidence,
          ProgressLine& progress)
      : arguments_(arguments),
        catalog_(catalog),
        evidence_(evidence),
        progress_(progress),
        report_(arguments.sources.format, catalog, progress) {
    if (arguments.key.has_value()) only_key_ = ToBytes(AsBytes(*arguments.key));
  }

  ExitCode Run() {
    only_staged_ = OnlyStagedKeys(
        catalog_, only_key_.has_value() ? TagsOf(catalog_, *only_key_) : std::nullopt);
    if (only_staged_ > 0 && !arguments_.staged) {
      std::fprintf(stderr, "%s: %llu %s staged payloads only: --staged writes them, too\n",
                   kRecoverProgram, static_cast<unsigned long long>(only_staged_),
                   only_staged_ == 1 ? "key has" : "keys have");
    }
    const absl::Status status = Recover();
    progress_.Clear();
    if (evidence_ != nullptr && evidence_status_.ok()) {
      evidence_status_ = FinishEvidence(*evidence_, format());
    }
    return Finish(status);
  }

 private:
  OutputFormat format() const { return arguments_.sources.format; }

  absl::Status Recover() {
    WORLDB_ASSIGN_OR_RETURN(
        out_, OutputDirectory::Open(arguments_.out, arguments_.all_versions,
                                    [this](const Json& event) { report_.Tell(event, false); }));
    Recovery recovery(catalog_, {.all_versions = arguments_.all_versions,
                                 .staged = arguments_.staged,
                                 .only_key = only_key_});
    absl::Status status = recovery.Run(
        [this](const engine::VersionRef& name, const Hash256& digest) {
          return TellAgain(name, digest);
        },
        [this](const VersionReport& report, SecretBytes value) { return Put(report, value); },
        [this](std::span<const Spot> shares, const VersionClaims& claims) {
          // Values come first: what goes wrong with evidence is told once they are there.
          if (evidence_ != nullptr && evidence_status_.ok()) {
            evidence_status_ = evidence_->AddVersion(catalog_, claims, shares);
          }
          return absl::OkStatus();
        });
    unknown_ = recovery.unknown();
    status.Update(out_->Flush());
    out_.reset();
    return status;
  }

  void ShowProgress() {
    progress_.Show(absl::StrCat("recovering: ", ++versions_, " versions so far"));
  }

  // Tells what an earlier run made of this version; false when it is to be done now.
  bool TellAgain(const engine::VersionRef& name, const Hash256& digest) {
    std::vector<Json> events = out_->Find(name, digest);
    if (!std::all_of(events.begin(), events.end(), IsVersionEvent)) return false;
    ShowProgress();
    for (Json& event : events) {
      if (only_key_.has_value() && event["key_base64"] != absl::Base64Escape(AsText(*only_key_))) {
        continue;
      }
      report_.Tell(std::move(event), true);
    }
    return !events.empty();
  }

  absl::Status Put(const VersionReport& report, const SecretBytes& value) {
    ShowProgress();
    Json event = ToEvent(report, catalog_.CellOf(report.cell));
    // What is lost is tried again by the next run, so it stays out of the journal.
    if (report.status == VersionReport::Status::kLost) {
      report_.Tell(std::move(event), false);
      return absl::OkStatus();
    }
    Output output{report.name, report.cell, report.commitment, report.digest, report.value_count,
                  "",          ""};
    if (report.kind != cryptoscatter::ValueKind::kTombstone) {
      output.file = FileOf(report, *report.key, arguments_.all_versions);
    }
    if (!arguments_.all_versions && report.name.version.value() != 0) {
      output.plain_file = FileNameOf(*report.key);
    }
    return out_->Put(output, value.ExposeSecret(), std::move(event));
  }

  ExitCode Finish(const absl::Status& status) const {
    if (!status.ok()) {
      const std::string next = NextOfWriting(status, "--out");
      const bool goes_on = absl::IsCancelled(status) || absl::IsResourceExhausted(status);
      return ReportFailure("run: stopped", status, format(),
                           goes_on ? next + ": it goes on from here" : next);
    }
    if (!report_.any() && catalog_.bad().empty()) {
      if (const auto code = ReportNoneTold()) return *code;
    }
    if (unknown_.versions > 0) {
      std::fprintf(stderr, "%s: %s\n", kRecoverProgram,
                   Printable(ToStatus(unknown_).message()).c_str());
    }
    const ExitCode code = report_.Finish(arguments_.out, unknown_);
    return evidence_status_.ok() ? code : ReportNoEvidence("run", evidence_status_, format());
  }

  // Where no version was told of and no source is bad: why, if that is a failure.
  std::optional<ExitCode> ReportNoneTold() const {
    const auto not_found = [this] {
      return absl::StrCat("run: ", Printable(*arguments_.key), " not found");
    };
    if (unknown_.versions > 0) {
      return ReportFailure(not_found(), ToStatus(unknown_), format(),
                           "name the cell file, too, which tells whose they are, and the stores or "
                           "share files of further nodes");
    }
    if (!arguments_.staged && only_staged_ > 0) {
      return ReportFailure(
          "run: only staged payloads found",
          absl::NotFoundError("they are of writes of which nobody knows whether they won"),
          format(), "the same command with --staged");
    }
    if (only_key_.has_value()) {
      return ReportFailure(not_found(), absl::NotFoundError("no value that opens has this name"),
                           format(), "run it without --key to see what there is");
    }
    return std::nullopt;
  }

  const RunArguments& arguments_;
  const Catalog& catalog_;
  EvidenceDirectory* const evidence_;
  ProgressLine& progress_;
  RunReport report_;
  std::optional<Bytes> only_key_;
  std::unique_ptr<OutputDirectory> out_;
  std::uint64_t only_staged_ = 0;  // keys with nothing but staged payloads
  std::uint64_t versions_ = 0;
  Recovery::Unknown unknown_;
  absl::Status evidence_status_;
};

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
  return Running(arguments, *catalog, evidence->get(), progress).Run();
}

}  // namespace

void AddRunCommand(CommandLine& program) {
  const auto arguments = std::make_shared<RunArguments>();
  const Command command = program.AddSubcommand("run", kDescription);
  AddSourceOptions(command, arguments->sources);
  AddKeyOptions(command, arguments->keys);
  command.AddOption("--out", &arguments->out, "directory for the values, made if it is missing")
      .Required()
      .ValueName("DIR");
  AddEvidenceOption(command, arguments->evidence);
  command.AddOption("--key", &arguments->key, "only this key").ValueName("KEY");
  command.AddFlag("--all-versions", &arguments->all_versions,
                  "every version, not only the newest that can be read");
  command.AddFlag("--staged", &arguments->staged,
                  "also writes that were on record, but of which nobody knows whether they won");
  command.OnRun([arguments] { return Run(*arguments); });
}

}  // namespace worldb::tools
