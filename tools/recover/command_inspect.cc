// worldb-recover inspect SOURCE...

#include <map>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tools/recover/command.h"

namespace worldb::tools {
namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb-recover inspect disks/\n"
    "  worldb-recover inspect virginia.tar.zst shares/ -o json\n\n"
    "Says what is there: cells, stores, scripts, keys, versions, shares.\n"
    "Needs no keys and checks nothing; verify does.";

// What all sources together hold.
struct Totals {
  std::uint64_t keys = 0;
  std::uint64_t versions = 0;
  std::uint64_t tombstones = 0;
  std::uint64_t staged = 0;
  std::uint64_t bad_rows = 0;
  // Different nodes' shares of a version, to the number of versions.
  std::map<int, std::uint64_t> shares_of_versions;
};

Totals Count(const Catalog& catalog) {
  Totals totals;
  const Spot* previous = nullptr;
  NodeSet shares;
  const auto end_version = [&] {
    if (shares.empty()) return;
    ++totals.versions;
    ++totals.shares_of_versions[shares.Count()];
    shares = NodeSet();
  };
  for (const Spot& spot : catalog.spots()) {
    const bool new_key = previous == nullptr || previous->key_tag != spot.key_tag;
    const bool new_version = new_key || previous->version != spot.version ||
                             previous->slot_epoch != spot.slot_epoch || previous->core != spot.core;
    if (new_version) end_version();
    totals.keys += new_key ? 1 : 0;
    totals.staged += spot.kind == Spot::Kind::kStaged ? 1 : 0;
    totals.bad_rows += spot.kind == Spot::Kind::kBadRow ? 1 : 0;
    if (spot.kind == Spot::Kind::kRow || spot.kind == Spot::Kind::kFile) {
      const bool tombstone = spot.value_kind == cryptoscatter::ValueKind::kTombstone;
      totals.tombstones += tombstone && shares.empty() ? 1 : 0;
      shares.Add(NodeAt(spot.index));
    }
    previous = &spot;
  }
  end_version();
  return totals;
}

// nullopt when nothing among the sources says it.
std::optional<std::string> ScriptText(const Catalog& catalog, const ScriptId& id) {
  const auto script = catalog.script_book()->Find(id);
  if (!script.ok()) return std::nullopt;
  return (*script)->text();
}

std::string ScriptLine(const Catalog& catalog, const ScriptId& id) {
  const std::string text = ScriptText(catalog, id).value_or("not known");
  return absl::StrReplaceAll(absl::StripTrailingAsciiWhitespace(text), {{"\n", "; "}});
}

void PrintText(const Catalog& catalog, const Totals& totals) {
  for (const CellId& cell : catalog.cells()) PrintLine(absl::StrCat("cell    ", cell.Hex()));
  for (const ScriptId& script : catalog.scripts()) {
    PrintLine(
        absl::StrCat("script  ", script.Hex().substr(0, 16), "  ", ScriptLine(catalog, script)));
  }
  const engine::Cell* cell = catalog.OnlyCell();
  for (const StoreFacts& store : catalog.stores()) {
    const std::uint64_t shares = store.share_count();
    const std::string node =
        shares == 0 ? "no shares"
                    : absl::StrCat(cell == nullptr ? "" : "node ",
                                   NodeNames(NodeSet::FromBits(1u << store.index().value()), cell));
    PrintLine(absl::StrCat("store   ", Printable(store.where), "  ", node, "  ", shares,
                           " shares  ", store.staged, " staged", store.bad_rows == 0 ? "" : "  ",
                           store.bad_rows == 0 ? "" : absl::StrCat(store.bad_rows, " bad rows")));
  }
  if (catalog.share_file_count() > 0) {
    PrintLine(absl::StrCat("files   ", catalog.share_file_count(), " share files"));
  }
  PrintLine(absl::StrCat("keys    ", totals.keys, "  versions ", totals.versions, "  tombstones ",
                         totals.tombstones, "  staged payloads ", totals.staged));
  for (const auto& [shares, versions] : totals.shares_of_versions) {
    PrintLine(absl::StrCat("        ", versions, " versions have ", shares, " of 9 shares here"));
  }
}

void PrintObjects(const Catalog& catalog, const Totals& totals) {
  for (const StoreFacts& store : catalog.stores()) {
    Json object = {{"event", "store"}, {"where", store.where}};
    object["index"] = store.share_count() == 0 ? Json() : Json(store.index().value());
    object["shares"] = store.share_count();
    object["staged"] = store.staged;
    object["bad_rows"] = store.bad_rows;
    PrintJson(object);
  }
  Json cells = Json::array();
  for (const CellId& cell : catalog.cells()) cells.push_back(cell.Hex());
  Json scripts = Json::object();
  for (const ScriptId& script : catalog.scripts()) {
    const std::optional<std::string> text = ScriptText(catalog, script);
    scripts[script.Hex()] = text.has_value() ? Json(*text) : Json();
  }
  Json shares = Json::object();
  for (const auto& [count, versions] : totals.shares_of_versions) {
    shares[absl::StrCat(count)] = versions;
  }
  PrintJson({{"event", "contents"},
             {"cells", cells},
             {"scripts", scripts},
             {"share_files", catalog.share_file_count()},
             {"keys", totals.keys},
             {"versions", totals.versions},
             {"tombstones", totals.tombstones},
             {"staged", totals.staged},
             {"bad_rows", totals.bad_rows},
             {"versions_by_shares", shares}});
}

ExitCode Run(const SourceOptions& options) {
  ProgressLine progress;
  const auto read = ReadSources(options, progress);
  progress.Clear();
  if (!read.ok()) return ReportNothing("inspect", read.status(), options.format);
  const std::unique_ptr<Catalog>& catalog = *read;
  ReportBadSources(*catalog, options.format);
  const Totals totals = Count(*catalog);
  options.format == OutputFormat::kJson ? PrintObjects(*catalog, totals)
                                        : PrintText(*catalog, totals);
  if (!catalog->bad().empty() || totals.bad_rows > 0) {
    return ReportBad(
        "inspect", *catalog, totals.bad_rows > 0,
        {"inspect: a part of the sources cannot be read",
         absl::StrCat(catalog->bad().size(), " bad sources, ", totals.bad_rows, " bad rows"),
         "worldb-recover verify SOURCE... names every bad share"});
  }
  if (!catalog->spots().empty()) return kExitDone;
  return ReportNothing("inspect", NothingFound(), options.format);
}

}  // namespace

void AddInspectCommand(CommandLine& program) {
  const auto options = std::make_shared<SourceOptions>();
  const Command command = program.AddSubcommand("inspect", kDescription);
  AddSourceOptions(command, *options);
  command.OnRun([options] { return Run(*options); });
}

}  // namespace worldb::tools
