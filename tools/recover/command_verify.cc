// worldb-recover verify SOURCE...

#include <map>
#include <set>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/recover/command.h"
#include "tools/recover/keys.h"

namespace worldb::tools {
namespace {

constexpr char kDescription[] =
    "Examples:\n"
    "  worldb-recover verify disks/\n"
    "  worldb-recover verify disks/ --secrets disks/nodes/*/secrets\n\n"
    "Checks every share against what its writer signed and names the bad ones.\n"
    "Key shares are checked, too, where their nodes' keys are given.";

constexpr std::size_t kVerifiedBatchesKept = std::size_t{1} << 16;

struct VerifyArguments {
  SourceOptions sources;
  KeyOptions keys;
};

struct Verifying {
  const Catalog& catalog;
  OutputFormat format;
  ProgressLine& progress;
  cryptoscatter::BatchVerifier verifier{kVerifiedBatchesKept};
  std::uint64_t shares = 0;
  std::uint64_t staged = 0;
  std::uint64_t key_shares = 0;
  std::uint64_t bad = 0;
  // Commitments of good shares under the version at hand.
  std::set<CommitmentId> commitments{};
  // Of the key at hand: how many shares of a core claim which version.
  std::map<CoreId, std::map<std::pair<SlotEpoch, Version>, int>> claims{};

  void Report(const Spot& spot, const std::string& why) {
    ++bad;
    progress.Clear();
    if (format == OutputFormat::kJson) {
      Json object = {{"event", "bad_share"},
                     {"where", catalog.WhereOf(spot)},
                     {"key_tag", spot.key_tag.Hex()},
                     {"version", spot.version.value()},
                     {"why", why}};
      object["index"] = spot.kind == Spot::Kind::kRow || spot.kind == Spot::Kind::kFile
                            ? Json(spot.index)
                            : Json();
      PrintJson(object);
    } else {
      PrintLine(absl::StrCat("bad  ", Printable(why)));
    }
  }

  void Check(const Spot& spot) {
    if (spot.kind == Spot::Kind::kBadRow) return Report(spot, catalog.WhyBad(spot));
    engine::OfflineValue value(catalog.keys(), catalog.script_book(), verifier);
    if (spot.kind == Spot::Kind::kStaged) {
      ++staged;
      const auto sealed = catalog.FetchStaged(spot);
      const std::string wrong = sealed.ok() ? value.AddStaged(*sealed, catalog.WhereOf(spot))
                                            : std::string(sealed.status().message());
      if (!wrong.empty()) Report(spot, wrong);
      return;
    }
    ++shares;
    auto found = catalog.Fetch(spot);
    if (!found.ok()) {
      return Report(spot, absl::StrCat(NameOf(spot), ": ", found.status().message()));
    }
    const CommitmentId commitment = found->share.Commitment();
    const std::string wrong = value.Add(*std::move(found));
    key_shares += value.key_shares().Count();
    if (!wrong.empty()) return Report(spot, wrong);
    commitments.insert(commitment);
    if (commitments.size() < 2) return CheckClaim(spot);
    Report(spot, absl::StrCat(NameOf(spot),
                              ": it is of another value than other shares of this version"));
  }

  // A core belongs to one version alone: where it stands under several, those with the fewest shares
  // are wrong about it.
  void CountClaims(std::span<const Spot> rest) {
    claims.clear();
    for (const Spot& spot : rest) {
      if (spot.key_tag != rest.front().key_tag) break;
      if (IsShare(spot)) ++claims[spot.core][{spot.slot_epoch, spot.version}];
    }
  }
  static bool IsShare(const Spot& spot) {
    return spot.kind == Spot::Kind::kRow || spot.kind == Spot::Kind::kFile;
  }
  void CheckClaim(const Spot& spot) {
    const auto& versions = claims[spot.core];
    const int own = versions.at({spot.slot_epoch, spot.version});
    for (const auto& [version, count] : versions) {
      if (count <= own) continue;
      return Report(spot, absl::StrCat(NameOf(spot), ": the same value stands as version ",
                                       version.second.value(), " elsewhere"));
    }
  }
  std::string NameOf(const Spot& spot) const {
    return absl::StrCat("share ", spot.index, " of version ", spot.version.value(), " on node ",
                        catalog.WhereOf(spot));
  }

  void CheckAll() {
    const Spot* previous = nullptr;
    std::uint64_t done = 0;
    for (const Spot& spot : catalog.spots()) {
      if (previous == nullptr || previous->key_tag != spot.key_tag) {
        CountClaims(catalog.spots().subspan(done));
      }
      if (previous == nullptr || previous->key_tag != spot.key_tag ||
          previous->version != spot.version || previous->slot_epoch != spot.slot_epoch) {
        commitments.clear();
      }
      previous = &spot;
      Check(spot);
      progress.Show(
          absl::StrCat("verified ", ++done, " of ", catalog.spots().size(), ", ", bad, " bad"));
    }
    progress.Clear();
  }
};

ExitCode Run(const VerifyArguments& arguments) {
  const OutputFormat format = arguments.sources.format;
  const auto keys = LoadKeys(arguments.keys);
  if (!keys.ok()) {
    return ReportFailure("verify: cannot use the keys", keys.status(), format,
                         "worldb-recover verify --help");
  }
  ProgressLine progress;
  const auto read = ReadSources(arguments.sources, progress);
  progress.Clear();
  if (!read.ok()) return ReportNothing("verify", read.status(), format);
  const std::unique_ptr<Catalog>& catalog = *read;
  catalog->Unlock(**keys);
  Verifying verifying{*catalog, format, progress};
  verifying.CheckAll();
  ReportBadSources(*catalog, format);
  const std::uint64_t bad = verifying.bad + catalog->bad().size();
  if (format == OutputFormat::kJson) {
    PrintJson({{"event", "verified"},
               {"shares", verifying.shares},
               {"key_shares", verifying.key_shares},
               {"staged", verifying.staged},
               {"bad", verifying.bad},
               {"bad_sources", catalog->bad().size()}});
  } else {
    PrintLine(absl::StrCat("verified ", verifying.shares, " shares, ", verifying.key_shares,
                           " of their key shares, ", verifying.staged,
                           " staged payloads: ", verifying.bad, " bad"));
  }
  if (bad > 0) {
    PrintFailure(
        {absl::StrCat("verify: ", verifying.bad, " bad shares, ", catalog->bad().size(),
                      " bad sources"),
         "what is stored is not what its writer signed; each is named above",
         "worldb-recover run SOURCE... --secrets FILE... --out DIR recovers from the good ones"},
        kRecoverProgram);
    return kExitBadData;
  }
  if (!catalog->spots().empty()) return kExitDone;
  return ReportNothing("verify", NothingFound(), format);
}

}  // namespace

void AddVerifyCommand(CLI::App& app, int& exit_code) {
  const auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* command = app.add_subcommand("verify", kDescription);
  AddSourceOptions(*command, arguments->sources);
  AddKeyOptions(*command, arguments->keys);
  command->callback([arguments, &exit_code] { exit_code = Run(*arguments); });
}

}  // namespace worldb::tools
