#include "tools/recover/recovery.h"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::tools {
namespace {

using engine::OfflineValue;

constexpr std::size_t kVerifiedBatchesKept = std::size_t{1} << 16;

// One of the values that stand under a version.
struct Candidate {
  Candidate(const Catalog& catalog, cryptoscatter::BatchVerifier& verifier)
      : value(catalog.keys(), catalog.script_book(), verifier) {}
  OfflineValue value;
  CoreId core;
  cryptoscatter::ValueKind kind = cryptoscatter::ValueKind::kValue;
  NodeSet indices;
  NodeSet bad;
  NodeSet locked;
  std::vector<std::string> sources;  // of its shares that are good so far
  std::vector<std::string> bad_shares;

  bool AnyGood() const { return !value.fragments().empty() || !value.key_shares().empty(); }
  int Progress() const {
    return (value.IsReadable() ? 100 : 0) + value.fragments().Count() + value.key_shares().Count();
  }
};

// A core belongs to one version alone: another one under which shares of it were found, if any.
std::optional<Version> OtherVersionOf(std::span<const Spot> spots, const CoreId& core,
                                      const VersionName& name) {
  for (const Spot& spot : spots) {
    const bool stored = spot.kind == Spot::Kind::kRow || spot.kind == Spot::Kind::kFile;
    const bool same = spot.version == name.version && spot.slot_epoch == name.slot_epoch;
    if (stored && spot.core == core && !same) return spot.version;
  }
  return std::nullopt;
}

}  // namespace

const char* StatusName(VersionReport::Status status) {
  switch (status) {
    case VersionReport::Status::kRecovered:
      return "recovered";
    case VersionReport::Status::kDegraded:
      return "degraded";
    case VersionReport::Status::kLost:
      break;
  }
  return "lost";
}

// The values under one version, by commitment, and what belongs to none of them.
struct Recovery::Reading {
  Reading(const Catalog& catalog, cryptoscatter::BatchVerifier& verifier)
      : catalog(catalog), verifier(verifier) {}

  Candidate& CandidateOf(const CommitmentId& commitment, const CoreId& core,
                         cryptoscatter::ValueKind kind) {
    const auto [at, added] = candidates.try_emplace(commitment);
    if (added) {
      at->second = std::make_unique<Candidate>(catalog, verifier);
      at->second->core = core;
      at->second->kind = kind;
    }
    return *at->second;
  }

  void AddShare(const Spot& spot) {
    if (spot.kind == Spot::Kind::kBadRow) {
      stray.push_back(catalog.WhyBad(spot));
      return;
    }
    auto found = catalog.Fetch(spot);
    if (!found.ok()) {
      stray.push_back(absl::StrCat("share ", spot.index, " of version ", spot.version.value(),
                                   " on node ", catalog.WhereOf(spot), ": ",
                                   found.status().message()));
      return;
    }
    const cryptoscatter::Share& share = found->share;
    const NodeIndex index = share.index;
    const bool locked = found->locked;
    Candidate& candidate = CandidateOf(share.Commitment(), share.core.Id(), share.core.kind);
    std::string wrong = candidate.value.Add(*std::move(found));
    if (!wrong.empty()) {
      candidate.bad.Add(index);
      candidate.bad_shares.push_back(std::move(wrong));
      return;
    }
    candidate.indices.Add(index);
    if (locked) candidate.locked.Add(index);
    candidate.sources.push_back(absl::StrCat("share ", index.value(), " of version ",
                                             spot.version.value(), " on node ",
                                             catalog.WhereOf(spot)));
  }

  // `only_known`: leaves out payloads whose value has no stored share here.
  void AddStaged(const Spot& spot, bool only_known) {
    const auto sealed = catalog.FetchStaged(spot);
    if (!sealed.ok()) {
      stray.push_back(absl::StrCat("staged payload in ", catalog.WhereOf(spot), ": ",
                                   sealed.status().message()));
      return;
    }
    const CommitmentId commitment = sealed->Commitment();
    if (only_known && !candidates.contains(commitment)) return;
    Candidate& candidate = CandidateOf(commitment, spot.core, sealed->core.kind);
    std::string wrong = candidate.value.AddStaged(*sealed, catalog.WhereOf(spot));
    if (!wrong.empty()) candidate.bad_shares.push_back(std::move(wrong));
  }

  bool IsReadable() const {
    return std::any_of(candidates.begin(), candidates.end(),
                       [](const auto& entry) { return entry.second->value.IsReadable(); });
  }

  // The values worth a report, the best one first. What shares of other values say is at odds with a
  // readable one, so it goes to that one's bad shares.
  std::vector<Candidate*> Sift() {
    std::vector<Candidate*> kept;
    for (auto& [commitment, candidate] : candidates) kept.push_back(candidate.get());
    std::stable_sort(kept.begin(), kept.end(), [](const Candidate* a, const Candidate* b) {
      return a->Progress() > b->Progress();
    });
    const bool readable = IsReadable();
    std::size_t count = 0;
    for (Candidate* candidate : kept) {
      const bool own = readable ? candidate->value.IsReadable() : candidate->AnyGood();
      if (own || count == 0) {
        kept[count++] = candidate;
        continue;
      }
      Candidate& first = *kept.front();
      first.bad = first.bad | candidate->bad | candidate->indices;
      for (std::string& reason : candidate->bad_shares)
        first.bad_shares.push_back(std::move(reason));
      for (const std::string& source : candidate->sources) {
        first.bad_shares.push_back(absl::StrCat(source,
                                                ": it is of another value than the others, core ",
                                                candidate->core.Hex(), "; not combined"));
      }
    }
    kept.resize(count);
    if (kept.empty()) return kept;
    for (std::string& reason : stray) kept.front()->bad_shares.push_back(std::move(reason));
    stray.clear();
    return kept;
  }

  const Catalog& catalog;
  cryptoscatter::BatchVerifier& verifier;
  std::map<CommitmentId, std::unique_ptr<Candidate>> candidates;
  std::vector<std::string> stray;
};

Recovery::Recovery(const Catalog& catalog, RecoveryOptions options)
    : catalog_(catalog), options_(std::move(options)), verifier_(kVerifiedBatchesKept) {
  const auto& cell = catalog_.cell();
  if (options_.only_key.has_value() && cell != nullptr &&
      catalog_.cells() == std::set<CellId>{cell->id()}) {
    only_tag_ = cell->KeyTagOf(*options_.only_key);
  }
}

absl::Status Recovery::Run(const Done& done, const Sink& sink) {
  const Spots all = catalog_.spots();
  for (std::size_t begin = 0; begin < all.size();) {
    std::size_t end = begin;
    while (end < all.size() && all[end].key_tag == all[begin].key_tag) ++end;
    WORLDB_RETURN_IF_ERROR(RunKey(all.subspan(begin, end - begin), done, sink));
    begin = end;
  }
  return absl::OkStatus();
}

bool Recovery::IsWanted(const std::optional<Bytes>& key) const {
  return !options_.only_key.has_value() || only_tag_.has_value() || key == options_.only_key;
}

absl::Status Recovery::RunKey(Spots spots, const Done& done, const Sink& sink) {
  // Staged payloads come last: their version is zero.
  std::size_t versions_end = 0;
  while (versions_end < spots.size() && spots[versions_end].kind != Spot::Kind::kStaged) {
    ++versions_end;
  }
  const Spots staged = spots.subspan(versions_end);
  if (only_tag_.has_value() && *only_tag_ != spots[0].key_tag) return absl::OkStatus();
  bool readable = false;
  for (std::size_t begin = 0; begin < versions_end && (options_.all_versions || !readable);) {
    std::size_t end = begin;
    while (end < versions_end && spots[end].version == spots[begin].version &&
           spots[end].slot_epoch == spots[begin].slot_epoch) {
      ++end;
    }
    const Spots group = spots.subspan(begin, end - begin);
    begin = end;
    WORLDB_ASSIGN_OR_RETURN(
        const bool known,
        done({group[0].key_tag, group[0].slot_epoch, group[0].version}, group.size()));
    if (known) {
      readable = true;
      continue;
    }
    WORLDB_ASSIGN_OR_RETURN(const bool read, RunVersion(group, staged, spots, sink));
    readable |= read;
  }
  if (!options_.staged) return absl::OkStatus();
  for (std::size_t begin = 0; begin < staged.size();) {
    std::size_t end = begin;
    while (end < staged.size() && staged[end].core == staged[begin].core) ++end;
    const Spots group = staged.subspan(begin, end - begin);
    begin = end;
    const bool scattered =
        std::any_of(spots.begin(), spots.begin() + static_cast<std::ptrdiff_t>(versions_end),
                    [&group](const Spot& spot) { return spot.core == group[0].core; });
    if (scattered) continue;
    WORLDB_RETURN_IF_ERROR(RunVersion({}, group, spots, sink).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Recovery::RunVersion(Spots spots, Spots staged, Spots key_spots,
                                          const Sink& sink) {
  Reading reading(catalog_, verifier_);
  for (const Spot& spot : spots) reading.AddShare(spot);
  if (!reading.IsReadable()) {
    for (const Spot& spot : staged) reading.AddStaged(spot, /*only_known=*/!spots.empty());
  }
  const Spot& first = spots.empty() ? staged.front() : spots.front();
  const std::vector<Candidate*> values = reading.Sift();
  VersionReport common;
  common.name = {first.key_tag, first.slot_epoch, first.version};
  common.spot_count = spots.empty() ? staged.size() : spots.size();
  bool readable = false;
  for (Candidate* candidate : values) {
    VersionReport report = common;
    report.core = candidate->core;
    report.kind = candidate->kind;
    report.conflict = values.size() > 1;
    report.good = candidate->value.whole();
    report.bad = candidate->bad;
    report.locked = candidate->locked.Minus(report.good);
    report.bad_shares = std::move(candidate->bad_shares);
    SecretBytes value;
    if (candidate->value.IsReadable()) {
      auto opened = candidate->value.Open();
      if (opened.ok()) {
        readable = true;
        report.key = std::move(opened->key_name);
        value = std::move(opened->value);
        report.value_bytes = value.size();
        report.status = report.good == NodeSet::All() && report.bad_shares.empty()
                            ? VersionReport::Status::kRecovered
                            : VersionReport::Status::kDegraded;
      } else {
        report.why_lost =
            absl::StrCat("its shares verify, but do not open: ", opened.status().message());
        report.bad_shares.push_back(
            absl::StrCat("version ", report.name.version.value(), ": ", report.why_lost));
      }
    } else {
      report.shortfall = candidate->value.shortfall();
      if (const auto elsewhere = OtherVersionOf(key_spots, candidate->core, report.name)) {
        for (const std::string& source : candidate->sources) {
          report.bad_shares.push_back(absl::StrCat(source, ": the same value stands as version ",
                                                   elsewhere->value(), " elsewhere"));
        }
      }
    }
    if (!report.key.has_value()) report.key = catalog_.NameOf(report.name.key_tag);
    if (!IsWanted(report.key)) continue;
    WORLDB_RETURN_IF_ERROR(sink(std::move(report), std::move(value)));
  }
  if (values.empty()) {
    common.bad_shares = std::move(reading.stray);
    common.why_lost = "no share of it can be read";
    common.key = catalog_.NameOf(common.name.key_tag);
    if (IsWanted(common.key)) {
      WORLDB_RETURN_IF_ERROR(sink(std::move(common), {}));
    }
  }
  return readable;
}

}  // namespace worldb::tools
