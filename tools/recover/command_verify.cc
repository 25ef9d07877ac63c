// worldb-recover verify SOURCE...

#include <span>

#include "absl/strings/str_cat.h"
#include "tools/recover/command.h"
#include "tools/recover/files/key_files.h"
#include "tools/recover/judging/share_check.h"
#include "tools/recover/outputs/evidence_directory.h"

namespace worldb::tools {
namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb-recover verify disks/\n"
    "  worldb-recover verify disks/ --secrets disks/nodes/*/secrets\n\n"
    "Checks every share against what its writer signed and names the bad ones.\n"
    "Key shares are checked, too, where their nodes' keys are given.";

struct VerifyArguments {
  SourceOptions sources;
  KeyPaths keys;
  std::string evidence;
};

void PrintBad(const Catalog& catalog, const Spot& spot, const std::string& why,
              OutputFormat format) {
  if (format == OutputFormat::kJson) {
    Json object = {{"event", "bad_share"},
                   {"where", catalog.WhereOf(spot)},
                   {"key_tag", spot.key_tag.Hex()},
                   {"version", spot.version.value()},
                   {"why", why}};
    object["index"] = spot.IsShare() ? Json(spot.index) : Json();
    return PrintJson(object);
  }
  const auto name = catalog.NameOf(spot.key_tag);
  PrintLine(absl::StrCat("bad  ",
                         name.has_value() ? Printable(AsText(*name))
                                          : absl::StrCat("(key tag ", spot.key_tag.Hex(), ")"),
                         "  ", Printable(why)));
}

// `evidence` is null when none is wanted.
ShareCheck::Callbacks CallbacksFor(const Catalog& catalog, OutputFormat format,
                                   ProgressLine& progress, EvidenceDirectory* evidence) {
  ShareCheck::Callbacks callbacks;
  callbacks.bad = [&catalog, &progress, format](const Spot& spot, const std::string& why) {
    progress.Clear();
    PrintBad(catalog, spot, why, format);
  };
  callbacks.progress = [&catalog, &progress](const ShareCheck::Counts& so_far) {
    progress.Show(absl::StrCat("verified ", so_far.done, " of ", catalog.spots().size(), ", ",
                               so_far.bad, " bad"));
  };
  if (evidence == nullptr) return callbacks;
  callbacks.bad_version = [&catalog, evidence](std::span<const Spot> shares,
                                               const VersionClaims& claims) {
    return evidence->AddVersion(catalog, claims, shares);
  };
  return callbacks;
}

void PrintCounts(const ShareCheck::Counts& counts, std::size_t bad_sources, OutputFormat format) {
  if (format == OutputFormat::kJson) {
    return PrintJson({{"event", "verified"},
                      {"shares", counts.shares},
                      {"key_shares", counts.key_shares},
                      {"staged", counts.staged},
                      {"bad", counts.bad},
                      {"bad_sources", bad_sources}});
  }
  PrintLine(absl::StrCat("verified ", counts.shares, " shares, ", counts.key_shares,
                         " of their key shares, ", counts.staged, " staged payloads: ", counts.bad,
                         " bad"));
}

ExitCode Finish(const ShareCheck::Counts& counts, const Catalog& catalog, OutputFormat format) {
  PrintCounts(counts, catalog.bad().size(), format);
  if (counts.bad > 0 || !catalog.bad().empty()) {
    return ReportBad(
        "verify", catalog, counts.bad > 0,
        {absl::StrCat("verify: ", counts.bad, " bad shares, ", catalog.bad().size(),
                      " bad sources"),
         counts.bad > 0
             ? "what is stored is not what its writer signed; each is named above"
             : "a part of what is there is damaged or cannot be read; each is named above",
         "worldb-recover run SOURCE... --secrets FILE... --out DIR recovers from the good ones"});
  }
  if (!catalog.spots().empty()) return kExitDone;
  return ReportNothing("verify", NothingFound(), format);
}

ExitCode Run(const VerifyArguments& arguments) {
  const OutputFormat format = arguments.sources.format;
  const auto keys = LoadKeys(arguments.keys);
  if (!keys.ok()) {
    return ReportFailure("verify: cannot use the keys", keys.status(), format,
                         "worldb-recover verify --help");
  }
  auto evidence = EvidenceDirectory::OpenIfNamed(arguments.evidence);
  if (!evidence.ok()) return ReportNoEvidence("verify", evidence.status(), format);
  ProgressLine progress;
  const auto read = ReadSources(arguments.sources, progress);
  progress.Clear();
  if (!read.ok()) return ReportNothing("verify", read.status(), format);
  const std::unique_ptr<Catalog>& catalog = *read;
  catalog->Unlock(**keys);
  ShareCheck check(*catalog, CallbacksFor(*catalog, format, progress, evidence->get()));
  absl::Status status = check.Run();
  progress.Clear();
  ReportBadSources(*catalog, format);
  if (*evidence != nullptr) status.Update(FinishEvidence(**evidence, format));
  if (!status.ok()) {
    return ReportFailure("verify: stopped", status, format, NextOfWriting(status, "--evidence"));
  }
  return Finish(check.counts(), *catalog, format);
}

}  // namespace

void AddVerifyCommand(CommandLine& program) {
  const auto arguments = std::make_shared<VerifyArguments>();
  const Command command = program.AddSubcommand("verify", kDescription);
  AddSourceOptions(command, arguments->sources);
  AddKeyOptions(command, arguments->keys);
  AddEvidenceOption(command, arguments->evidence);
  command.OnRun([arguments] { return Run(*arguments); });
}

}  // namespace worldb::tools
