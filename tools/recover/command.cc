#include "tools/recover/command.h"

#include <cstdio>
#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/stop_signals.h"

namespace worldb::tools {

void AddOutputOption(CLI::App& command, OutputFormat& format) {
  static const std::map<std::string, OutputFormat> kFormats = {{"text", OutputFormat::kText},
                                                               {"json", OutputFormat::kJson}};
  command.add_option("-o", format, "text (default) or json: one object on a line")
      ->transform(CLI::CheckedTransformer(kFormats))
      ->option_text("text|json");
}

void AddSourceOptions(CLI::App& command, SourceOptions& options) {
  command
      .add_option("SOURCE", options.sources,
                  "directories, archives, share files: searched for stores and share files")
      ->required()
      ->type_name("...");
  command
      .add_option("--unpack-max", options.unpack_gib_max,
                  "refuse an archive that unpacks to more than this many GiB (64)")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 20))
      ->type_name("GIB");
  AddOutputOption(command, options.format);
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
  for (const std::string& where : catalog.skipped()) {
    std::fprintf(stderr, "%s: skipped %s: it holds recovered values\n", kRecoverProgram,
                 Printable(where).c_str());
  }
  for (const std::string& remark : catalog.remarks()) {
    std::fprintf(stderr, "%s: %s\n", kRecoverProgram, Printable(remark).c_str());
  }
  for (const BadSource& bad : catalog.bad()) {
    if (format == OutputFormat::kJson) {
      PrintJson({{"event", "bad_source"}, {"where", bad.where}, {"why", bad.why}});
    }
    std::fprintf(stderr, "%s: bad source %s: %s\n", kRecoverProgram, Printable(bad.where).c_str(),
                 Printable(bad.why).c_str());
  }
}

Json ErrorJson(const absl::Status& status, int exit_code) {
  return {{"event", "error"},
          {"code", absl::StatusCodeToString(status.code())},
          {"message", std::string(status.message())},
          {"exit_code", exit_code}};
}

ExitCode ReportFailure(const std::string& command, const absl::Status& status, OutputFormat format,
                       const std::string& next) {
  const ExitCode code = ExitCodeOf(status);
  PrintFailure({command, Printable(status.message()), next}, kRecoverProgram);
  if (format == OutputFormat::kJson) PrintJson(ErrorJson(status, code));
  return code;
}

void AddEvidenceOption(CLI::App& command, std::string& directory) {
  command
      .add_option("--evidence", directory,
                  "writes evidence against bad shares here, which others can judge without keys")
      ->type_name("DIR");
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
    absl::StrAppend(&out, out.empty() ? "" : ", ",
                    cell == nullptr ? absl::StrCat(i) : Printable(cell->node(NodeAt(i)).name));
  }
  return out;
}

void AddKeyText(ByteSpan key, Json& out) {
  out["key"] = std::string(AsText(key));
  out["key_base64"] = absl::Base64Escape(AsText(key));
}

}  // namespace worldb::tools
