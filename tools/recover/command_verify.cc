// worldb-recover verify SOURCE...

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/recover/command.h"
#include "tools/recover/files/key_files.h"
#include "tools/recover/judging/claims.h"
#include "tools/recover/outputs/evidence_directory.h"
#include "tools/stop_signals.h"

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
  KeyPaths keys;
  std::string evidence;
};

struct Verifying {
  const Catalog& catalog;
  OutputFormat format;
  ProgressLine& progress;
  EvidenceDirectory* evidence;  // null when none is wanted
  cryptoscatter::BatchVerifier verifier{kVerifiedBatchesKept};
  std::uint64_t shares = 0;
  std::uint64_t staged = 0;
  std::uint64_t key_shares = 0;
  std::uint64_t bad = 0;
  std::uint64_t done = 0;

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
      const auto name = catalog.NameOf(spot.key_tag);
      PrintLine(absl::StrCat("bad  ",
                             name.has_value() ? Printable(AsText(*name))
                                              : absl::StrCat("(key tag ", spot.key_tag.Hex(), ")"),
                             "  ", Printable(why)));
    }
  }

  // Judges one by itself; of a good share, says whose it is.
  std::optional<CommitmentId> Check(const Spot& spot) {
    if (spot.kind == Spot::Kind::kBadRow) {
      Report(spot, catalog.WhyBad(spot));
      return std::nullopt;
    }
    engine::OfflineValue value(catalog.keys(), catalog.script_book(), verifier);
    if (spot.kind == Spot::Kind::kStaged) {
      ++staged;
      const auto sealed = catalog.FetchStaged(spot);
      const std::string wrong = sealed.ok() ? value.AddStaged(*sealed, catalog.WhereOf(spot))
                                            : std::string(sealed.status().message());
      if (!wrong.empty()) Report(spot, wrong);
      return std::nullopt;
    }
    ++shares;
    auto found = catalog.Fetch(spot);
    if (!found.ok()) {
      Report(spot, absl::StrCat(NameOf(spot), ": ", found.status().message()));
      return std::nullopt;
    }
    const CommitmentId commitment = found->share.Commitment();
    const std::string wrong = value.Add(*std::move(found));
    key_shares += value.key_shares().Count();
    if (wrong.empty()) return commitment;
    Report(spot, wrong);
    return std::nullopt;
  }

  std::string NameOf(const Spot& spot) const {
    return absl::StrCat("share ", spot.index, " of version ", spot.version.value(), " on node ",
                        catalog.PlaceOf(spot));
  }

  // All shares that claim one version.
  absl::Status CheckVersion(std::span<const Spot> spots, const VersionClaims& claims) {
    WORLDB_RETURN_IF_ERROR(CheckNotStopped());
    const std::uint64_t bad_before = bad;
    std::vector<std::pair<const Spot*, CommitmentId>> good;
    Tally<CommitmentId> values;
    for (const Spot& spot : spots) {
      if (const auto commitment = Check(spot)) {
        good.emplace_back(&spot, *commitment);
        values.Count(*commitment, NodeAt(spot.index));
      }
      progress.Show(
          absl::StrCat("verified ", ++done, " of ", catalog.spots().size(), ", ", bad, " bad"));
    }
    for (const auto& [spot, commitment] : good) {
      if (values.InsteadOf(commitment).has_value()) {
        Report(*spot, absl::StrCat(NameOf(*spot),
                                   ": it is of another value than other shares of this version"));
      } else if (const auto other = claims.InsteadOf(spot->core, spot->slot_epoch, spot->version)) {
        Report(*spot, absl::StrCat(NameOf(*spot), ": the same value stands as version ",
                                   other->value(), " elsewhere"));
      }
    }
    if (evidence == nullptr || bad == bad_before) return absl::OkStatus();
    return evidence->AddVersion(catalog, claims, spots);
  }

  absl::Status CheckAll() {
    const std::span<const Spot> all = catalog.spots();
    for (std::size_t key = 0; key < all.size();) {
      std::size_t key_end = key;
      while (key_end < all.size() && all[key_end].key_tag == all[key].key_tag) ++key_end;
      const VersionClaims claims(catalog, verifier, all.subspan(key, key_end - key));
      while (key < key_end) {
        std::size_t end = key;
        while (end < key_end && all[end].version == all[key].version &&
               all[end].slot_epoch == all[key].slot_epoch) {
          ++end;
        }
        WORLDB_RETURN_IF_ERROR(CheckVersion(all.subspan(key, end - key), claims));
        key = end;
      }
    }
    return absl::OkStatus();
  }
};

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
  Verifying verifying{*catalog, format, progress, evidence->get()};
  absl::Status status = verifying.CheckAll();
  progress.Clear();
  ReportBadSources(*catalog, format);
  if (*evidence != nullptr) status.Update(FinishEvidence(**evidence, format));
  if (!status.ok()) {
    return ReportFailure("verify: stopped", status, format, NextOfWriting(status, "--evidence"));
  }
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
    return ReportBad(
        "verify", *catalog, verifying.bad > 0,
        {absl::StrCat("verify: ", verifying.bad, " bad shares, ", catalog->bad().size(),
                      " bad sources"),
         verifying.bad > 0
             ? "what is stored is not what its writer signed; each is named above"
             : "a part of what is there is damaged or cannot be read; each is named above",
         "worldb-recover run SOURCE... --secrets FILE... --out DIR recovers from the good ones"});
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
  AddEvidenceOption(*command, arguments->evidence);
  command->callback([arguments, &exit_code] { exit_code = Run(*arguments); });
}

}  // namespace worldb::tools
