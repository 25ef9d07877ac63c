#include "tools/recover/judging/recovery.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/print.h"
#include "tools/recover/judging/spot_groups.h"
#include "tools/stop_signals.h"

namespace worldb::tools {
namespace {

constexpr std::size_t kVerifiedBatchesKept = std::size_t{1} << 16;

constexpr HashLabel kSpotsLabel("wdb spots 1");

// As long as this is the same for all of a key, so is what becomes of it. It does not depend on the
// order of the sources.
Bytes DigestBytes(const Spot& spot) {
  const std::string text = absl::StrCat(static_cast<int>(spot.kind), ".", spot.slot_epoch.value(),
                                        ".", spot.version.value(), ".", spot.core.Hex(), ".",
                                        spot.index, ".", static_cast<int>(spot.value_kind), ";");
  return ToBytes(AsBytes(text));
}

bool IsStaged(const Spot& spot) { return spot.kind == Spot::Kind::kStaged; }

// What is known of a value before it is opened.
void Describe(Candidate& candidate, VersionReport& report) {
  report.cell = candidate.cell;
  report.core = candidate.core;
  report.commitment = candidate.commitment;
  report.kind = candidate.kind;
  report.good = candidate.value.whole();
  report.bad = candidate.bad;
  report.locked = candidate.locked.Minus(report.good);
  report.bad_shares = std::move(candidate.bad_shares);
}

// Adds that the value more likely belongs to another version.
void BlamePlace(const Candidate& candidate, const VersionClaims& claims, VersionReport& report) {
  const auto other = claims.InsteadOf(candidate.core, report.name.slot_epoch, report.name.version);
  if (!other.has_value()) return;
  for (const std::string& place : candidate.places) {
    report.bad_shares.push_back(
        absl::StrCat(place, ": the same value stands as version ", other->value(), " elsewhere"));
  }
}

}  // namespace

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
  for (Spots rest = source_.spots(); !rest.empty();) {
    WORLDB_RETURN_IF_ERROR(CheckNotStopped());
    const Unknown before = unknown_;
    other_key_ = false;
    WORLDB_RETURN_IF_ERROR(RunKey(TakeGroup(rest, IsSameKey), done, sink));
    if (other_key_) unknown_ = before;
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
  if (only_tags_.has_value() && !only_tags_->contains(spots[0].key_tag)) return absl::OkStatus();
  // Staged payloads come last: their version is zero.
  const auto scattered =
      static_cast<std::size_t>(std::find_if(spots.begin(), spots.end(), IsStaged) - spots.begin());
  const VersionClaims claims(source_, verifier_, spots);
  const Key key{spots.first(scattered), spots.subspan(scattered), claims, DigestOf(spots)};
  WORLDB_RETURN_IF_ERROR(RunScattered(key, done, sink));
  return options_.staged ? RunStaged(key, done, sink) : absl::OkStatus();
}

absl::Status Recovery::RunScattered(const Key& key, const Done& done, const Sink& sink) {
  bool readable = false;
  for (Spots rest = key.scattered; !rest.empty() && (options_.all_versions || !readable);) {
    const Spots group = TakeGroup(rest, IsSameVersion);
    const Spot& first = group.front();
    WORLDB_ASSIGN_OR_RETURN(const bool known,
                            done({first.key_tag, first.slot_epoch, first.version}, key.digest));
    if (known) {
      readable = true;
      continue;
    }
    WORLDB_ASSIGN_OR_RETURN(const bool read,
                            RunVersion(group, key.staged, key.claims, key.digest, sink));
    readable |= read;
  }
  return absl::OkStatus();
}

absl::Status Recovery::RunStaged(const Key& key, const Done& done, const Sink& sink) {
  for (Spots rest = key.staged; !rest.empty();) {
    const Spots group = TakeGroup(rest, IsSameCore);
    const Spot& first = group.front();
    const bool scattered =
        std::any_of(key.scattered.begin(), key.scattered.end(),
                    [&first](const Spot& spot) { return spot.core == first.core; });
    if (scattered) continue;
    // Staged payloads of a key have one version name, so their core must tell them apart.
    Bytes own(key.digest.bytes.begin(), key.digest.bytes.end());
    own.insert(own.end(), first.core.bytes.begin(), first.core.bytes.end());
    const Hash256 own_digest = LabelledHash(kSpotsLabel, own);
    WORLDB_ASSIGN_OR_RETURN(const bool known, done({first.key_tag, {}, {}}, own_digest));
    if (known) continue;
    WORLDB_RETURN_IF_ERROR(RunVersion({}, group, key.claims, own_digest, sink).status());
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

SecretBytes Recovery::OpenInto(const Candidate& candidate, VersionReport& report) const {
  if (!candidate.value.IsReadable()) {
    report.shortfall = candidate.value.shortfall();
    return {};
  }
  auto opened = candidate.value.Open();
  report.why_lost =
      opened.ok() ? WrongNameOf(report, opened->key_name)
                  : absl::StrCat("its shares verify, but do not open: ", opened.status().message());
  if (!report.why_lost.empty()) {
    report.bad_shares.push_back(
        absl::StrCat("version ", report.name.version.value(), ": ", report.why_lost));
    return {};
  }
  report.key = std::move(opened->key_name);
  report.value_bytes = opened->value.size();
  report.status = report.good == NodeSet::All() && report.bad_shares.empty()
                      ? VersionReport::Status::kRecovered
                      : VersionReport::Status::kDegraded;
  return std::move(opened->value);
}

absl::StatusOr<bool> Recovery::RunVersion(Spots spots, Spots staged, const VersionClaims& claims,
                                          const Hash256& digest, const Sink& sink) {
  VersionReading reading(source_, verifier_);
  for (const Spot& spot : spots) reading.AddShare(spot);
  if (!reading.IsReadable()) {
    for (const Spot& spot : staged) reading.AddStaged(spot, /*only_known=*/!spots.empty());
  }
  const Spot& first = spots.empty() ? staged.front() : spots.front();
  const std::vector<Candidate*> values = reading.Sift();
  VersionReport common;
  common.name = {first.key_tag, first.slot_epoch, first.version};
  common.digest = digest;
  common.conflict = values.size() > 1;
  bool readable = false;
  bool bad = false;
  const auto tell = [&](VersionReport report, SecretBytes value) -> absl::Status {
    readable |= report.status != VersionReport::Status::kLost;
    if (!report.key.has_value()) report.key = source_.NameOf(report.name.key_tag);
    if (!IsWanted(report)) return absl::OkStatus();
    bad |= !report.bad_shares.empty();
    return sink(std::move(report), std::move(value));
  };
  for (Candidate* candidate : values) {
    VersionReport report = common;
    report.value_count = values.size();
    Describe(*candidate, report);
    if (!spots.empty()) BlamePlace(*candidate, claims, report);
    SecretBytes value = OpenInto(*candidate, report);
    WORLDB_RETURN_IF_ERROR(tell(std::move(report), std::move(value)));
  }
  if (values.empty()) {
    common.bad_shares = reading.TakeStray();
    common.why_lost = "no share of it can be read";
    WORLDB_RETURN_IF_ERROR(tell(std::move(common), {}));
  }
  if (bad && bad_version_ && !spots.empty()) WORLDB_RETURN_IF_ERROR(bad_version_(spots, claims));
  return readable;
}

}  // namespace worldb::tools
