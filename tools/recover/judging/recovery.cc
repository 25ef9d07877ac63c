#include "tools/recover/judging/recovery.h"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/print.h"
#include "tools/stop_signals.h"

namespace worldb::tools {
namespace {

using engine::OfflineValue;

constexpr std::size_t kVerifiedBatchesKept = std::size_t{1} << 16;

// One of the values that stand under a version.
struct Candidate {
  Candidate(const ShareSource& source, cryptoscatter::BatchVerifier& verifier)
      : value(source.keys(), source.script_book(), verifier) {}
  OfflineValue value;
  CellId cell;
  CoreId core;
  CommitmentId commitment;
  cryptoscatter::ValueKind kind = cryptoscatter::ValueKind::kValue;
  NodeSet indices;
  NodeSet bad;
  NodeSet locked;
  std::vector<std::string> places;  // of its shares that are good so far
  std::vector<std::string> bad_shares;

  bool AnyGood() const { return !value.fragments().empty() || !value.key_shares().empty(); }
  int Progress() const {
    return (value.IsReadable() ? 100 : 0) + value.fragments().Count() + value.key_shares().Count();
  }
};

constexpr HashLabel kSpotsLabel("wdb spots 1");

// As long as this is the same for all of a key, so is what becomes of it. It does not depend on the
// order of the sources.
Bytes DigestBytes(const Spot& spot) {
  const std::string text = absl::StrCat(static_cast<int>(spot.kind), ".", spot.slot_epoch.value(),
                                        ".", spot.version.value(), ".", spot.core.Hex(), ".",
                                        spot.index, ".", static_cast<int>(spot.value_kind), ";");
  return ToBytes(AsBytes(text));
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
  Reading(const ShareSource& source, cryptoscatter::BatchVerifier& verifier)
      : source(source), verifier(verifier) {}

  Candidate& CandidateOf(const CommitmentId& commitment, const cryptoscatter::Core& core) {
    const auto [at, added] = candidates.try_emplace(commitment);
    if (added) {
      at->second = std::make_unique<Candidate>(source, verifier);
      at->second->cell = core.cell;
      at->second->core = core.Id();
      at->second->commitment = commitment;
      at->second->kind = core.kind;
    }
    return *at->second;
  }

  void AddShare(const Spot& spot) {
    if (spot.kind == Spot::Kind::kBadRow) {
      stray.push_back(source.WhyBad(spot));
      return;
    }
    auto found = source.Fetch(spot);
    if (!found.ok()) {
      stray.push_back(absl::StrCat("share ", spot.index, " of version ", spot.version.value(),
                                   " on node ", source.PlaceOf(spot), ": ",
                                   found.status().message()));
      return;
    }
    const cryptoscatter::Share& share = found->share;
    const NodeIndex index = share.index;
    const bool locked = found->locked;
    Candidate& candidate = CandidateOf(share.Commitment(), share.core);
    std::string wrong = candidate.value.Add(*std::move(found));
    if (!wrong.empty()) {
      candidate.bad.Add(index);
      candidate.bad_shares.push_back(std::move(wrong));
      return;
    }
    candidate.indices.Add(index);
    if (locked) candidate.locked.Add(index);
    candidate.places.push_back(absl::StrCat("share ", index.value(), " of version ",
                                            spot.version.value(), " on node ",
                                            source.PlaceOf(spot)));
  }

  // `only_known`: leaves out payloads whose value has no stored share here.
  void AddStaged(const Spot& spot, bool only_known) {
    const auto sealed = source.FetchStaged(spot);
    if (!sealed.ok()) {
      stray.push_back(absl::StrCat("staged payload in ", source.WhereOf(spot), ": ",
                                   sealed.status().message()));
      return;
    }
    const CommitmentId commitment = sealed->Commitment();
    if (only_known && !candidates.contains(commitment)) return;
    Candidate& candidate = CandidateOf(commitment, sealed->core);
    std::string wrong = candidate.value.AddStaged(*sealed, source.WhereOf(spot));
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
      for (const std::string& place : candidate->places) {
        first.bad_shares.push_back(absl::StrCat(place,
                                                ": it is of another value than the others, core ",
                                                candidate->core.Hex(), "; not combined"));
      }
    }
    kept.resize(count);
    if (kept.empty()) return kept;
    if (!readable) BlameMinority(kept);
    for (std::string& reason : stray) kept.front()->bad_shares.push_back(std::move(reason));
    stray.clear();
    return kept;
  }

  // Of several values, none readable: the one most nodes hold is not to blame.
  static void BlameMinority(const std::vector<Candidate*>& kept) {
    Tally<CommitmentId> values;
    for (const Candidate* candidate : kept) {
      for (int i = 0; i < kNodeCount; ++i) {
        if (candidate->indices.Has(i)) values.Count(candidate->commitment, NodeAt(i));
      }
    }
    for (Candidate* candidate : kept) {
      if (!values.InsteadOf(candidate->commitment).has_value()) continue;
      for (const std::string& place : candidate->places) {
        candidate->bad_shares.push_back(
            absl::StrCat(place, ": it is of another value than other shares of this version"));
      }
    }
  }

  const ShareSource& source;
  cryptoscatter::BatchVerifier& verifier;
  std::map<CommitmentId, std::unique_ptr<Candidate>> candidates;
  std::vector<std::string> stray;
};

std::optional<std::set<KeyTag>> TagsOf(const ShareSource& source, ByteSpan key) {
  std::set<KeyTag> tags;
  for (const CellId& id : source.cells()) {
    const engine::Cell* cell = source.CellOf(id);
    if (cell == nullptr) return std::nullopt;
    tags.insert(cell->KeyTagOf(key));
  }
  return tags;
}

Recovery::Recovery(const ShareSource& source, RecoveryOptions options)
    : source_(source), options_(std::move(options)), verifier_(kVerifiedBatchesKept) {
  if (options_.only_key.has_value()) only_tags_ = TagsOf(source_, *options_.only_key);
}

absl::Status Recovery::Run(const Done& done, const Sink& sink, const BadVersion& bad) {
  bad_version_ = bad;
  const Spots all = source_.spots();
  for (std::size_t begin = 0; begin < all.size();) {
    WORLDB_RETURN_IF_ERROR(CheckNotStopped());
    std::size_t end = begin;
    while (end < all.size() && all[end].key_tag == all[begin].key_tag) ++end;
    const Unknown before = unknown_;
    other_key_ = false;
    WORLDB_RETURN_IF_ERROR(RunKey(all.subspan(begin, end - begin), done, sink));
    if (other_key_) unknown_ = before;
    begin = end;
  }
  return absl::OkStatus();
}

bool Recovery::IsWanted(const VersionReport& report) {
  if (!options_.only_key.has_value() || only_tags_.has_value()) return true;
  if (report.key == options_.only_key) return true;
  if (!report.key.has_value()) {
    ++unknown_.versions;
    unknown_.damaged |= !report.bad_shares.empty();
  } else {
    other_key_ = true;
  }
  return false;
}

absl::Status Recovery::RunKey(Spots spots, const Done& done, const Sink& sink) {
  // Staged payloads come last: their version is zero.
  std::size_t versions_end = 0;
  while (versions_end < spots.size() && spots[versions_end].kind != Spot::Kind::kStaged) {
    ++versions_end;
  }
  const Spots staged = spots.subspan(versions_end);
  if (only_tags_.has_value() && !only_tags_->contains(spots[0].key_tag)) return absl::OkStatus();
  const VersionClaims claims(source_, verifier_, spots);
  const Hash256 digest = DigestOf(spots);
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
        const bool known, done({group[0].key_tag, group[0].slot_epoch, group[0].version}, digest));
    if (known) {
      readable = true;
      continue;
    }
    WORLDB_ASSIGN_OR_RETURN(const bool read, RunVersion(group, staged, claims, digest, sink));
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
    // Staged payloads of a key have one version name, so their core must tell them apart.
    Bytes own(digest.bytes.begin(), digest.bytes.end());
    own.insert(own.end(), group[0].core.bytes.begin(), group[0].core.bytes.end());
    const Hash256 own_digest = LabelledHash(kSpotsLabel, own);
    WORLDB_ASSIGN_OR_RETURN(const bool known, done({group[0].key_tag, {}, {}}, own_digest));
    if (known) continue;
    WORLDB_RETURN_IF_ERROR(RunVersion({}, group, claims, own_digest, sink).status());
  }
  return absl::OkStatus();
}

Hash256 Recovery::DigestOf(Spots key_spots) const {
  std::vector<Bytes> parts;
  for (const Spot& spot : key_spots) parts.push_back(DigestBytes(spot));
  std::sort(parts.begin(), parts.end());
  parts.push_back(ToBytes(source_.keys().Fingerprint().bytes));
  for (const auto& [id, cell] : source_.cell_files()) parts.push_back(ToBytes(id.bytes));
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return LabelledHash(kSpotsLabel, all);
}

std::string Recovery::WrongNameOf(const VersionReport& report, ByteSpan key_name) const {
  const engine::Cell* cell = source_.CellOf(report.cell);
  if (cell == nullptr) return "";
  if (cell->KeyTagOf(key_name) == report.name.key_tag) return "";
  return absl::StrCat("its shares verify, but the name sealed with it, ",
                      Printable(AsText(key_name)), ", is that of another key");
}

absl::StatusOr<bool> Recovery::RunVersion(Spots spots, Spots staged, const VersionClaims& claims,
                                          const Hash256& digest, const Sink& sink) {
  Reading reading(source_, verifier_);
  for (const Spot& spot : spots) reading.AddShare(spot);
  if (!reading.IsReadable()) {
    for (const Spot& spot : staged) reading.AddStaged(spot, /*only_known=*/!spots.empty());
  }
  const Spot& first = spots.empty() ? staged.front() : spots.front();
  const std::vector<Candidate*> values = reading.Sift();
  VersionReport common;
  common.name = {first.key_tag, first.slot_epoch, first.version};
  common.digest = digest;
  bool readable = false;
  bool bad = values.empty();
  for (Candidate* candidate : values) {
    VersionReport report = common;
    report.cell = candidate->cell;
    report.core = candidate->core;
    report.commitment = candidate->commitment;
    report.kind = candidate->kind;
    report.conflict = values.size() > 1;
    report.value_count = values.size();
    report.good = candidate->value.whole();
    report.bad = candidate->bad;
    report.locked = candidate->locked.Minus(report.good);
    report.bad_shares = std::move(candidate->bad_shares);
    if (const auto other =
            claims.InsteadOf(candidate->core, common.name.slot_epoch, common.name.version);
        other.has_value() && !spots.empty()) {
      for (const std::string& place : candidate->places) {
        report.bad_shares.push_back(absl::StrCat(place, ": the same value stands as version ",
                                                 other->value(), " elsewhere"));
      }
    }
    SecretBytes value;
    if (candidate->value.IsReadable()) {
      auto opened = candidate->value.Open();
      if (opened.ok()) report.why_lost = WrongNameOf(report, opened->key_name);
      if (opened.ok() && report.why_lost.empty()) {
        readable = true;
        report.key = std::move(opened->key_name);
        value = std::move(opened->value);
        report.value_bytes = value.size();
        report.status = report.good == NodeSet::All() && report.bad_shares.empty()
                            ? VersionReport::Status::kRecovered
                            : VersionReport::Status::kDegraded;
      } else {
        if (!opened.ok()) {
          report.why_lost =
              absl::StrCat("its shares verify, but do not open: ", opened.status().message());
        }
        report.bad_shares.push_back(
            absl::StrCat("version ", report.name.version.value(), ": ", report.why_lost));
      }
    } else {
      report.shortfall = candidate->value.shortfall();
    }
    if (!report.key.has_value()) report.key = source_.NameOf(report.name.key_tag);
    if (!IsWanted(report)) continue;
    bad |= !report.bad_shares.empty();
    WORLDB_RETURN_IF_ERROR(sink(std::move(report), std::move(value)));
  }
  if (values.empty()) {
    common.bad_shares = std::move(reading.stray);
    common.why_lost = "no share of it can be read";
    common.key = source_.NameOf(common.name.key_tag);
    bad = IsWanted(common);
    if (bad) WORLDB_RETURN_IF_ERROR(sink(std::move(common), {}));
  }
  if (bad && bad_version_ && !spots.empty()) WORLDB_RETURN_IF_ERROR(bad_version_(spots, claims));
  return readable;
}

}  // namespace worldb::tools
