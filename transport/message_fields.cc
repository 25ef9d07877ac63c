#include "transport/message_fields.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cryptoscatter/base/secret.h"
#include "engine/cell/errors.h"
#include "transport/reasons.h"

namespace worldb::transport {

using arbiter::Level;
using arbiter::OutcomeKind;

void WipeString(std::string& text) {
  WipeMemory({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  text.clear();
}

absl::Status BadField(absl::string_view field, absl::string_view why) {
  return engine::MakeError(absl::StatusCode::kInvalidArgument, reason::kBadRequest,
                           absl::StrCat(field, ": ", why), {{"field", std::string(field)}});
}

v1::Outcome OutcomeToWire(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kPending:
      return v1::OUTCOME_PENDING;
    case OutcomeKind::kWon:
      return v1::OUTCOME_WON;
    case OutcomeKind::kLost:
      return v1::OUTCOME_LOST;
    case OutcomeKind::kLateFirst:
      return v1::OUTCOME_LATE_FIRST;
    case OutcomeKind::kLate:
      return v1::OUTCOME_LATE;
    case OutcomeKind::kStale:
      return v1::OUTCOME_STALE;
    case OutcomeKind::kVoid:
      return v1::OUTCOME_VOID;
    case OutcomeKind::kPerished:
      return v1::OUTCOME_PERISHED;
  }
  return v1::OUTCOME_UNSPECIFIED;
}

std::optional<OutcomeKind> OutcomeFromWire(v1::Outcome outcome) {
  switch (outcome) {
    case v1::OUTCOME_PENDING:
      return OutcomeKind::kPending;
    case v1::OUTCOME_WON:
      return OutcomeKind::kWon;
    case v1::OUTCOME_LOST:
      return OutcomeKind::kLost;
    case v1::OUTCOME_LATE_FIRST:
      return OutcomeKind::kLateFirst;
    case v1::OUTCOME_LATE:
      return OutcomeKind::kLate;
    case v1::OUTCOME_STALE:
      return OutcomeKind::kStale;
    case v1::OUTCOME_VOID:
      return OutcomeKind::kVoid;
    case v1::OUTCOME_PERISHED:
      return OutcomeKind::kPerished;
    default:
      return std::nullopt;
  }
}

namespace {

constexpr std::size_t kPageSizeDefault = 100;

// Rounds close by timeout alone so far. Nothing was contested where the write was STALE.
v1::Certificate CertificateOf(OutcomeKind kind) {
  switch (kind) {
    case OutcomeKind::kPending:
    case OutcomeKind::kStale:
      return v1::CERTIFICATE_UNSPECIFIED;
    case OutcomeKind::kLateFirst:
      return v1::CERTIFICATE_REFUTED;
    default:
      return v1::CERTIFICATE_TIMEOUT;
  }
}

}  // namespace

void StampToWire(const arbiter::Stamp& stamp, const engine::Cell& cell, v1::Stamp& out) {
  out.set_midpoint_unix_nanoseconds(absl::ToUnixNanos(stamp.midpoint));
  out.set_bound_nanoseconds(absl::ToInt64Nanoseconds(stamp.bound));
  out.set_node(cell.node(stamp.node).name);
}

StampInfo StampFromWire(const v1::Stamp& stamp) {
  return {absl::FromUnixNanos(stamp.midpoint_unix_nanoseconds()),
          absl::Nanoseconds(stamp.bound_nanoseconds()), stamp.node()};
}

void DecisionToWire(const arbiter::Outcome& outcome, const engine::Cell& cell, v1::Decision& out) {
  out.set_outcome(OutcomeToWire(outcome.kind));
  out.set_version(outcome.version.value());
  if (outcome.rival.has_value()) {
    out.mutable_rival()->set_op_id(IdToWire(outcome.rival->op));
    StampToWire(outcome.rival->stamp, cell, *out.mutable_rival()->mutable_stamp());
  }
  out.set_margin_nanoseconds(absl::ToInt64Nanoseconds(outcome.margin));
  out.set_ambiguous(outcome.ambiguous);
  out.set_present_version(outcome.present.value());
  out.set_certificate(CertificateOf(outcome.kind));
}

bool DecisionFromWire(const v1::Decision& decision, Decision& out) {
  const auto outcome = OutcomeFromWire(decision.outcome());
  if (!outcome.has_value()) return false;
  out.outcome = *outcome;
  out.version = Version(decision.version());
  if (decision.has_rival()) {
    RivalInfo rival;
    if (!IdFromWire(decision.rival().op_id(), rival.op)) return false;
    rival.stamp = StampFromWire(decision.rival().stamp());
    out.rival = std::move(rival);
  }
  out.margin = absl::Nanoseconds(decision.margin_nanoseconds());
  out.ambiguous = decision.ambiguous();
  out.present = Version(decision.present_version());
  out.certificate = CertificateFromWire(decision.certificate());
  return true;
}

void SharesToWire(NodeSet held, const engine::Cell& cell, WireShares& out) {
  for (int i = 0; i < kDataCenterCount; ++i) {
    v1::DataCenterShares& shares = *out.Add();
    shares.set_data_center(cell.data_center_name(DataCenterAt(i)));
    shares.set_count(held.CountIn(DataCenterAt(i)));
  }
}

std::vector<DataCenterCount> SharesFromWire(const WireShares& shares) {
  std::vector<DataCenterCount> counts;
  for (const v1::DataCenterShares& s : shares) counts.push_back({s.data_center(), s.count()});
  return counts;
}

v1::Certificate CertificateToWire(arbiter::Fairness fairness) {
  return fairness == arbiter::Fairness::kRefuted ? v1::CERTIFICATE_REFUTED
                                                 : v1::CERTIFICATE_TIMEOUT;
}

std::optional<arbiter::Fairness> CertificateFromWire(v1::Certificate certificate) {
  if (certificate == v1::CERTIFICATE_TIMEOUT) return arbiter::Fairness::kTimeout;
  if (certificate == v1::CERTIFICATE_REFUTED) return arbiter::Fairness::kRefuted;
  return std::nullopt;
}

v1::Level LevelToWire(Level level) {
  switch (level) {
    case Level::kAccepted:
      return v1::LEVEL_ACCEPTED;
    case Level::kDecided:
      return v1::LEVEL_DECIDED;
    case Level::kHeld:
      return v1::LEVEL_HELD;
    case Level::kSafe:
      return v1::LEVEL_SAFE;
    case Level::kFull:
      return v1::LEVEL_FULL;
  }
  return v1::LEVEL_UNSPECIFIED;
}

std::optional<Level> LevelFromWire(v1::Level level) {
  switch (level) {
    case v1::LEVEL_ACCEPTED:
      return Level::kAccepted;
    case v1::LEVEL_DECIDED:
      return Level::kDecided;
    case v1::LEVEL_HELD:
      return Level::kHeld;
    case v1::LEVEL_SAFE:
      return Level::kSafe;
    case v1::LEVEL_FULL:
      return Level::kFull;
    default:
      return std::nullopt;
  }
}

absl::StatusOr<Level> UntilFromWire(v1::Level until) {
  if (until == v1::LEVEL_UNSPECIFIED) return Level::kSafe;
  const auto level = LevelFromWire(until);
  if (!level.has_value()) return BadField("until", "not a level of this version");
  return *level;
}

absl::StatusOr<std::optional<ScriptId>> ScriptFromWire(const std::string& name,
                                                       const engine::Cell& cell) {
  if (name.empty()) return std::nullopt;
  if (const auto script = cell.scripts().Find(name); script != nullptr) return script->id();
  const std::string known = cell.scripts().NameList();
  return engine::MakeError(
      absl::StatusCode::kInvalidArgument, engine::reason::kBadScript,
      absl::StrCat("no script is named \"", absl::CHexEscape(name), "\"; there are: ", known),
      {{"known", absl::StrReplaceAll(known, {{", ", ","}})}});
}

absl::StatusOr<std::size_t> PageSizeFromWire(int page_size) {
  if (page_size < 0) return BadField("page_size", "cannot be negative");
  if (page_size == 0) return kPageSizeDefault;
  return std::min(static_cast<std::size_t>(page_size), engine::kListPageMax);
}

}  // namespace worldb::transport
