// What the worldb-recover commands share, and how each joins the program.
#ifndef WORLDB_TOOLS_RECOVER_COMMAND_H_
#define WORLDB_TOOLS_RECOVER_COMMAND_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cryptoscatter/base/node_set.h"
#include "tools/command_line.h"
#include "tools/print.h"
#include "tools/recover/files/key_files.h"
#include "tools/recover/outputs/evidence_directory.h"
#include "tools/recover/progress.h"
#include "tools/recover/sources/catalog.h"

namespace worldb::tools {

inline constexpr char kRecoverProgram[] = "worldb-recover";

// Options of every command that reads sources. What an Add...() below writes to outlives its CommandLine.
struct SourceOptions {
  std::vector<std::string> sources;
  std::uint64_t unpack_gib_max = 64;
  OutputFormat format = OutputFormat::kText;
};
// Adds SOURCE... and the options.
void AddSourceOptions(Command command, SourceOptions& options);

// -o, --output text|json.
void AddFormatOption(Command command, OutputFormat& format);

// --secrets, --keys, --recovery-key.
void AddKeyOptions(Command command, KeyPaths& paths);

// Reads the sources, showing progress. NotFound when one of them is not there at all; Cancelled once
// WasStopped().
absl::StatusOr<std::unique_ptr<Catalog>> ReadSources(const SourceOptions& options,
                                                     ProgressLine& progress);
// What to say, and exit with, when that failed or nothing was found.
ExitCode ReportNothing(const std::string& command, const absl::Status& status, OutputFormat format);
absl::Status NothingFound();
// What a command that was through says, and exits with, when sources could not be read: kExitBadData with
// `damage`, what to say of it, when any of them or of what was found in them (`also_bad`) is damaged; else as
// what this machine would not give. REQUIRES: one of the two is so.
ExitCode ReportBad(const std::string& command, const Catalog& catalog, bool also_bad,
                   Failure damage);
// What to do after a failure to write to the directory of `option`.
std::string NextOfWriting(const absl::Status& status, const std::string& option);
// Says what of the sources could not be read, and what was passed over.
void ReportBadSources(const Catalog& catalog, OutputFormat format);
// Says on standard error, and with JSON also on standard output, why a command failed.
ExitCode ReportFailure(const std::string& command, const absl::Status& status, OutputFormat format,
                       const std::string& next);
// --evidence DIR.
void AddEvidenceOption(Command command, std::string& directory);
// What to say, and exit with, when that cannot be used.
ExitCode ReportNoEvidence(const std::string& command, const absl::Status& status,
                          OutputFormat format);
// Makes what was queued durable and says what there is.
absl::Status FinishEvidence(EvidenceDirectory& evidence, OutputFormat format);
// "virginia-1, tokyo-2", or "node[0], node[8]" when no cell directory was among the sources.
std::string NodeNames(NodeSet nodes, const engine::Cell* cell);
// Adds key and key_base64.
void AddKeyText(ByteSpan key, Json& out);

// Each adds its command to `program`.
void AddInspectCommand(CommandLine& program);
void AddVerifyCommand(CommandLine& program);
void AddRunCommand(CommandLine& program);
void AddExportCommand(CommandLine& program);
void AddKeygenCommand(CommandLine& program);
void AddExportKeysCommand(CommandLine& program);
void AddJoinCommand(CommandLine& program);
void AddJudgeCommand(CommandLine& program);
void AddSplitCommand(CommandLine& program);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_COMMAND_H_
