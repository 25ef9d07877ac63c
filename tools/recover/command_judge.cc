// worldb-recover judge FILE... --cell HEX

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/evidence.h"
#include "tools/recover/command.h"
#include "tools/recover/files/key_files.h"
#include "tools/recover/outputs/evidence_directory.h"
#include "tools/recover/outputs/hex_id.h"

namespace worldb::tools {
namespace {

using cryptoscatter::Evidence;
using cryptoscatter::EvidencePart;
using cryptoscatter::Finding;

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb-recover judge evidence/ --cell b057bc6d10346a8b7941cf0974bf68be\n\n"
    "Says of each file of evidence whether it proves what is wrong with a share.\n"
    "It takes no keys and no shares: whoever knows the cell id can judge.";

constexpr char kNotProven[] =
    "not proven by any of them: who gave the bytes; that the writer was a writer of the cell, or a "
    "holder its node; that a share under another slot epoch is wrong; of a key share, more than "
    "that "
    "one with another hash was met";

struct JudgeArguments {
  std::vector<std::string> files;
  std::string cell_id;
  std::string cell_file;
  OutputFormat format = OutputFormat::kText;
};

const char* PartName(EvidencePart part) {
  switch (part) {
    case EvidencePart::kRecord:
      return "record";
    case EvidencePart::kFragment:
      return "fragment";
    case EvidencePart::kKeyShare:
      return "key-share";
    case EvidencePart::kPlace:
      break;
  }
  return "place";
}

// Against whom evidence is judged.
struct Cell {
  CellId id;
  std::shared_ptr<const engine::Cell> directory;  // null when only the id is known
};

absl::StatusOr<Cell> CellOf(const JudgeArguments& arguments) {
  Cell cell;
  if (!arguments.cell_file.empty()) {
    WORLDB_ASSIGN_OR_RETURN(cell.directory, ReadCellFile(arguments.cell_file));
    cell.id = cell.directory->id();
    return cell;
  }
  const auto id = ParseHexId<CellId>(arguments.cell_id);
  if (!id.has_value()) {
    return absl::InvalidArgumentError("--cell takes the 32 hex digits of a cell id");
  }
  cell.id = *id;
  return cell;
}

absl::StatusOr<std::vector<std::string>> FilesOf(const std::vector<std::string>& named) {
  for (const std::string& path : named) {
    if (!FileExists(path)) return absl::NotFoundError(absl::StrCat("there is no ", path));
  }
  return ExpandDirectories(named, kEvidenceFileEnding);
}

struct Judged {
  EvidencePart part = EvidencePart::kRecord;
  Finding finding;
};
absl::StatusOr<Judged> Judge(ByteSpan bytes, const CellId& cell) {
  WORLDB_ASSIGN_OR_RETURN(const Evidence evidence, Evidence::Decode(bytes));
  WORLDB_ASSIGN_OR_RETURN(Finding finding, cryptoscatter::CheckEvidence(evidence, cell));
  return Judged{evidence.part, std::move(finding)};
}

// What the cell directory says of a node that signed a receipt.
std::string NodeName(const Finding::Holder& holder, const Cell& cell) {
  const auto& node = cell.directory->node(holder.claim.index);
  return node.id == holder.node ? node.name : "";
}

Json ToJson(const std::string& file, const Judged& judged, const Cell& cell) {
  const Finding& finding = judged.finding;
  Json out = {{"event", "finding"},
              {"file", file},
              {"proven", true},
              {"part", PartName(judged.part)},
              {"class", ToString(AsBytes(NameOf(finding.fault)))},
              {"index", finding.index.value()},
              {"core", finding.core.Hex()},
              {"commitment", finding.commitment.Hex()},
              {"signer", finding.writer.Hex()},
              {"signer_of_cell", nullptr},
              {"holder", nullptr}};
  if (cell.directory != nullptr) out["signer_of_cell"] = cell.directory->IsWriter(finding.writer);
  if (finding.holder.has_value()) {
    const Finding::Holder& holder = *finding.holder;
    out["holder"] = {{"node", holder.node.Hex()},
                     {"signer", holder.key.Hex()},
                     {"name", nullptr},
                     {"slot", holder.claim.slot.value()},
                     {"slot_epoch", holder.claim.slot_epoch.value()},
                     {"version", holder.claim.version.value()}};
    if (cell.directory != nullptr) out["holder"]["name"] = NodeName(holder, cell);
  }
  return out;
}

std::string ToText(const std::string& file, const Judged& judged, const Cell& cell) {
  const Finding& finding = judged.finding;
  std::string text =
      absl::StrCat("proven      ", Printable(file), "  ", PartName(judged.part), ": ",
                   finding.ToText(), "; commitment ", finding.commitment.Hex());
  if (!finding.holder.has_value()) absl::StrAppend(&text, "; no receipt of a node");
  if (cell.directory == nullptr) return text;
  absl::StrAppend(&text, "; the writer is ", cell.directory->IsWriter(finding.writer) ? "" : "not ",
                  "one of the cell's");
  if (finding.holder.has_value()) {
    const std::string name = NodeName(*finding.holder, cell);
    absl::StrAppend(&text, "; the node is ",
                    name.empty() ? "not the cell's at that place" : Printable(name));
  }
  return text;
}

void PrintFinding(const std::string& file, const absl::StatusOr<Judged>& judged, const Cell& cell,
                  OutputFormat format) {
  if (format == OutputFormat::kJson) {
    PrintJson(judged.ok() ? ToJson(file, *judged, cell)
                          : Json{{"event", "finding"},
                                 {"file", file},
                                 {"proven", false},
                                 {"code", absl::StatusCodeToString(judged.status().code())},
                                 {"why", std::string(judged.status().message())}});
  } else {
    PrintLine(judged.ok() ? ToText(file, *judged, cell)
                          : absl::StrCat("not proven  ", Printable(file), "  ",
                                         Printable(judged.status().message())));
  }
}

ExitCode Finish(std::uint64_t proven, std::uint64_t not_proven, OutputFormat format) {
  if (format == OutputFormat::kJson) {
    PrintJson({{"event", "judged"},
               {"proven", proven},
               {"not_proven", not_proven},
               {"limits", kNotProven}});
  } else {
    PrintLine(kNotProven);
  }
  if (not_proven == 0) return kExitDone;
  PrintFailure(
      {absl::StrCat("judge: ", not_proven, " of ", proven + not_proven, " files prove nothing"),
       "each is named above: changed, of another cell, or not at odds with what was signed",
       "ask whoever made them for the bytes as they were written"},
      kRecoverProgram);
  return kExitBadData;
}

ExitCode Run(const JudgeArguments& arguments) {
  const OutputFormat format = arguments.format;
  const auto cell = CellOf(arguments);
  if (!cell.ok()) {
    return ReportFailure("judge: no cell to judge by", cell.status(), format,
                         "worldb-recover inspect SOURCE... names the cells of shares");
  }
  const auto files = FilesOf(arguments.files);
  if (!files.ok()) {
    return ReportFailure("judge: nothing to judge", files.status(), format,
                         "worldb-recover verify SOURCE... --evidence DIR writes evidence");
  }
  std::uint64_t proven = 0;
  std::uint64_t not_proven = 0;
  for (const std::string& file : *files) {
    const auto bytes = ReadWholeFile(file, kEvidenceFileBytesMax);
    if (!bytes.ok() && !absl::IsOutOfRange(bytes.status())) {
      return ReportFailure("judge: stopped", bytes.status(), format, "name files you may read");
    }
    const auto judged = bytes.ok() ? Judge(bytes->ExposeSecret(), cell->id)
                                   : absl::StatusOr<Judged>(bytes.status());
    ++(judged.ok() ? proven : not_proven);
    PrintFinding(file, judged, *cell, format);
  }
  return Finish(proven, not_proven, format);
}

}  // namespace

void AddJudgeCommand(CommandLine& program) {
  const auto arguments = std::make_shared<JudgeArguments>();
  const Command command = program.AddSubcommand("judge", kDescription);
  command
      .AddPositional("FILE", &arguments->files,
                     "evidence as verify and run write it, or directories")
      .Required()
      .ValueName("...");
  const Command cell = command.AddMutuallyExclusiveGroup("cell");
  cell.AddOption("--cell", &arguments->cell_id, "the id of the cell").ValueName("HEX");
  cell.AddOption("--cell-file", &arguments->cell_file,
                 "the cell directory file: it also tells writers and nodes of the cell")
      .ValueName("FILE");
  AddFormatOption(command, arguments->format);
  command.OnRun([arguments] { return Run(*arguments); });
}

}  // namespace worldb::tools
