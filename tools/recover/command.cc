#include "tools/recover/command.h"

#include <cstdio>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/recover/files/archive.h"
#include "tools/stop_signals.h"

namespace worldb::tools {

void AddSourceOptions(Command command, SourceOptions& options) {
  command
      .AddPositional("SOURCE", &options.sources,
                     "directories, archives, share files: searched for stores and share files")
      .Required()
      .ValueName("...");
  command
      .AddOption("--unpack-max", &options.unpack_gib_max,
                 "refuse an archive that unpacks to more than this many GiB (64)")
      .WholeNumber(1, std::uint64_t{1} << 20)
      .ValueName("GIB");
  AddFormatOption(command, options.format);
}

void AddFormatOption(Command command, OutputFormat& format) {
  command
      .AddOption(
          "-o,--output",
          [&format](const std::string& text) {
            format = text == "json" ? OutputFormat::kJson : OutputFormat::kText;
          },
          "text (default) or json: one object on a line")
      .OneOf({"text", "json"})
      .ValueName("FORM");
}

void AddKeyOptions(Command command, KeyPaths& paths) {
  command.AddOption("--secrets", &paths.secrets, "nodes' own secrets files: nodes/NAME/secrets")
      .ValueName("FILE...");
  command.AddOption("--keys", &paths.exports, "key exports, made with export-keys")
      .ValueName("FILE...");
  command.AddOption("--recovery-key", &paths.recovery_key, "what opens the key exports")
      .ValueName("FILE");
}

absl::StatusOr<std::unique_ptr<Catalog>> ReadSources(const SourceOptions& options,
                                                     ProgressLine& progress) {
  for (const std::string& source : options.sources) {
    if (!FileExists(source)) {
      return absl::NotFoundError(absl::StrCat("there is no ", Printable(source)));
    }
  }
  UnpackLimits limits;
  limits.bytes_max = options.unpack_gib_max << 30;
  auto catalog = Catalog::Read(
      options.sources, limits, [&progress](std::uint64_t shares, const std::string& where) {
        progress.Show(absl::StrCat("reading ", Printable(where), ": ", shares, " shares so far"));
      });
  WORLDB_RETURN_IF_ERROR(CheckNotStopped());
  return catalog;
}

absl::Status NothingFound() {
  return absl::NotFoundError("the sources hold no store with shares and no share file");
}

ExitCode ReportNothing(const std::string& command, const absl::Status& status,
                       OutputFormat format) {
  if (absl::IsCancelled(status)) {
    return ReportFailure(absl::StrCat(command, ": stopped"), status, format, "run it again");
  }
  return ReportFailure(
      absl::StrCat(command, ": nothing found"), status, format,
      "name directories that hold nodes/NAME/store, archives of them, or share files");
}

void ReportBadSources(const Catalog& catalog, OutputFormat format) {
  for (const std::string& where : catalog.report().skipped) {
    std::fprintf(stderr, "%s: skipped %s: it holds recovered values\n", kRecoverProgram,
                 Printable(where).c_str());
  }
  for (const std::string& remark : catalog.report().remarks) {
    std::fprintf(stderr, "%s: %s\n", kRecoverProgram, Printable(remark).c_str());
  }
  for (const std::string& where : catalog.report().not_known) {
    std::fprintf(
        stderr, "%s: skipped %s: it is no share file (.wds), and no archive by its name (%s)\n",
        kRecoverProgram, Printable(where).c_str(), absl::StrJoin(kArchiveEndings, ", ").c_str());
  }
  for (const BadSource& bad : catalog.bad()) {
    if (format == OutputFormat::kJson) {
      PrintJson({{"event", "bad_source"}, {"where", bad.where}, {"why", bad.why}});
    }
    std::fprintf(stderr, "%s: bad source %s: %s\n", kRecoverProgram, Printable(bad.where).c_str(),
                 Printable(bad.why).c_str());
  }
}

ExitCode ReportFailure(const std::string& command, const absl::Status& status, OutputFormat format,
                       const std::string& next) {
  const ExitCode code = ExitCodeOf(status);
  PrintFailure({command, Printable(status.message()), next}, kRecoverProgram);
  if (format == OutputFormat::kJson) PrintJson(ErrorJson(status, code));
  return code;
}

ExitCode ReportBad(const std::string& command, const Catalog& catalog, bool also_bad,
                   Failure damage) {
  const BadSource* of_machine = nullptr;
  for (const BadSource& bad : catalog.bad()) {
    also_bad |= bad.of_machine.ok();
    if (!bad.of_machine.ok()) of_machine = &bad;
  }
  if (also_bad) {
    PrintFailure(damage, kRecoverProgram);
    return kExitBadData;
  }
  PrintFailure(
      {absl::StrCat(command, ": a part of the sources cannot be read"),
       absl::StrCat(of_machine->where, ": ", of_machine->of_machine.message()),
       absl::IsPermissionDenied(of_machine->of_machine)
           ? "the same command as a user who may read all of it"
           : "the same command with TMPDIR=DIR, a directory with room for what is unpacked"},
      kRecoverProgram);
  return ExitCodeOf(of_machine->of_machine);
}

std::string NextOfWriting(const absl::Status& status, const std::string& option) {
  if (absl::IsCancelled(status)) return "run it again";
  if (absl::IsInvalidArgument(status))
    return option + " with a directory, or the name of a new one";
  if (absl::IsPermissionDenied(status)) return option + " with a directory you may write to";
  if (absl::IsAlreadyExists(status)) return "move it away, or name another " + option;
  if (absl::IsUnavailable(status)) return "wait for that, or name another " + option;
  return absl::StrCat("make room or name another ", option, ", and run it again");
}

void AddEvidenceOption(Command command, std::string& directory) {
  command
      .AddOption("--evidence", &directory,
                 "writes evidence against bad shares here, which others can judge without keys")
      .ValueName("DIR");
}

ExitCode ReportNoEvidence(const std::string& command, const absl::Status& status,
                          OutputFormat format) {
  return ReportFailure(absl::StrCat(command, ": cannot write evidence"), status, format,
                       "name a directory of its own that you may write to: --evidence DIR");
}

absl::Status FinishEvidence(EvidenceDirectory& evidence, OutputFormat format) {
  WORLDB_RETURN_IF_ERROR(evidence.Flush());
  format == OutputFormat::kJson ? PrintJson(evidence.ToJson()) : PrintLine(evidence.ToText());
  return absl::OkStatus();
}

std::string NodeNames(NodeSet nodes, const engine::Cell* cell) {
  std::string out;
  for (int i = 0; i < kNodeCount; ++i) {
    if (!nodes.Has(i)) continue;
    absl::StrAppend(
        &out, out.empty() ? "" : ", ",
        cell == nullptr ? absl::StrCat("node[", i, "]") : Printable(cell->node(NodeAt(i)).name));
  }
  return out;
}

void AddKeyText(ByteSpan key, Json& out) {
  out["key"] = std::string(AsText(key));
  out["key_base64"] = absl::Base64Escape(AsText(key));
}

}  // namespace worldb::tools
