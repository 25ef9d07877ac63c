// worldb-recover export STORE --out DIR

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/recover/command.h"
#include "tools/recover/files/key_files.h"
#include "tools/recover/files/output_lock.h"
#include "tools/recover/files/share_files.h"

namespace worldb::tools {
namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb-recover export disks/nodes/tokyo-1/store --cell disks/cell --out tokyo-1\n\n"
    "Writes each share of a raw store as a share file.\n"
    "Its key share stays encrypted under the node's storage key, so this takes no keys.";

struct ExportArguments {
  std::string store;
  std::string cell;
  std::string out;
  OutputFormat format = OutputFormat::kText;
};

// Sorts by key tag, then version, then node.
std::string FileOf(const Spot& spot) {
  return absl::StrFormat("%s-%010u-%020u-%u%s", spot.key_tag.Hex(), spot.slot_epoch.value(),
                         spot.version.value(), spot.index, kShareFileEnding);
}

// A share with the script it needs.
struct WholeShare {
  engine::FoundShare found;
  engine::CellScripts::ScriptPtr script;
};
absl::StatusOr<WholeShare> ReadWholeShare(const Catalog& catalog, const Spot& spot) {
  if (spot.kind == Spot::Kind::kBadRow) return absl::InvalidArgumentError(catalog.WhyBad(spot));
  WholeShare share;
  WORLDB_ASSIGN_OR_RETURN(share.found, catalog.Fetch(spot));
  const std::string name =
      absl::StrCat("share ", spot.index, " of version ", spot.version.value(), ": ");
  if (!share.found.has_fragment) return absl::DataLossError(name + "its fragment is gone");
  const auto script = catalog.script_book()->Find(share.found.share.script);
  if (!script.ok()) {
    return absl::Status(script.status().code(), absl::StrCat(name, script.status().message()));
  }
  share.script = *script;
  return share;
}

struct Exported {
  std::uint64_t shares = 0;
  std::uint64_t bad = 0;
};

absl::StatusOr<Exported> Export(const ExportArguments& arguments, const Catalog& catalog,
                                ProgressLine& progress) {
  std::shared_ptr<const engine::Cell> cell;
  if (!arguments.cell.empty()) {
    WORLDB_ASSIGN_OR_RETURN(cell, ReadCellFile(arguments.cell));
  }
  WORLDB_ASSIGN_OR_RETURN(const auto lock, LockOutput(arguments.out));
  FileBatch files(arguments.out, kTemporaryPrefix);
  Exported exported;
  for (const Spot& spot : catalog.spots()) {
    if (spot.kind == Spot::Kind::kStaged) continue;
    absl::StatusOr<WholeShare> share = ReadWholeShare(catalog, spot);
    if (!share.ok()) {
      ++exported.bad;
      std::fprintf(stderr, "%s: not exported: %s\n", kRecoverProgram,
                   Printable(share.status().message()).c_str());
      continue;
    }
    engine::FoundShare& found = share->found;
    if (cell != nullptr && found.share.core.cell != cell->id()) {
      return absl::InvalidArgumentError("the store is of another cell than the cell directory");
    }
    if (cell != nullptr) found.holder = cell->node(found.share.index).id;
    WORLDB_RETURN_IF_ERROR(AddShareFile(files, FileOf(spot), found, share->script->text()));
    ++exported.shares;
    progress.Show(absl::StrCat("exporting: ", exported.shares, " shares so far"));
  }
  WORLDB_RETURN_IF_ERROR(files.Commit());
  return exported;
}

ExitCode Run(const ExportArguments& arguments) {
  if (!engine::RocksReader::IsStore(arguments.store)) {
    return ReportFailure("export: no store",
                         absl::NotFoundError(arguments.store + " is not a node's store"),
                         arguments.format, "name a directory like nodes/NAME/store");
  }
  ProgressLine progress;
  SourceOptions sources;
  sources.sources = {arguments.store};
  const auto read = ReadSources(sources, progress);
  if (!read.ok()) return ReportNothing("export", read.status(), arguments.format);
  const std::unique_ptr<Catalog>& catalog = *read;
  if (catalog->spots().empty() && catalog->bad().empty()) {
    progress.Clear();
    return ReportNothing("export", NothingFound(), arguments.format);
  }
  const auto exported = Export(arguments, *catalog, progress);
  progress.Clear();
  ReportBadSources(*catalog, arguments.format);
  if (!exported.ok()) {
    return ReportFailure("export: stopped", exported.status(), arguments.format,
                         NextOfWriting(exported.status(), "--out"));
  }
  if (arguments.format == OutputFormat::kJson) {
    PrintJson({{"event", "exported"},
               {"shares", exported->shares},
               {"bad", exported->bad},
               {"out", arguments.out}});
  } else {
    PrintLine(absl::StrCat("exported ", exported->shares, " shares to ", Printable(arguments.out)));
  }
  if (exported->bad == 0 && catalog->bad().empty()) return kExitDone;
  return ReportBad("export", *catalog, exported->bad > 0,
                   {absl::StrCat("export: ", exported->bad, " shares left out"),
                    "they do not decode, or a part of them is gone; each is named above",
                    "worldb-recover verify STORE checks those that were exported"});
}

}  // namespace

void AddExportCommand(CommandLine& program) {
  const auto arguments = std::make_shared<ExportArguments>();
  const Command command = program.AddSubcommand("export", kDescription);
  command.AddPositional("STORE", &arguments->store, "a node's store: nodes/NAME/store").Required();
  command
      .AddOption("--out", &arguments->out, "directory for the share files, made if it is missing")
      .Required()
      .ValueName("DIR");
  command
      .AddOption("--cell", &arguments->cell,
                 "the cell directory file, so that the share files name their node")
      .ValueName("FILE");
  AddFormatOption(command, arguments->format);
  command.OnRun([arguments] { return Run(*arguments); });
}

}  // namespace worldb::tools
