#include "transport/public_messages.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/errors.h"
#include "transport/reasons.h"

namespace worldb::transport {
namespace {

using arbiter::Level;
using arbiter::OutcomeKind;

absl::Status BadField(absl::string_view field, absl::string_view why) {
  return engine::MakeError(absl::StatusCode::kInvalidArgument, reason::kBadRequest,
                           absl::StrCat(field, ": ", why), {{"field", std::string(field)}});
}

template <typename Id>
std::string IdToWire(const Id& id) {
  return std::string(AsText(id.span()));
}

// False unless `bytes` has the right size.
template <typename Id>
bool IdFromWire(const std::string& bytes, Id& id) {
  if (bytes.size() != Id::kBytes) return false;
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return true;
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
  if (decision.certificate() == v1::CERTIFICATE_TIMEOUT) {
    out.certificate = arbiter::Fairness::kTimeout;
  } else if (decision.certificate() == v1::CERTIFICATE_REFUTED) {
    out.certificate = arbiter::Fairness::kRefuted;
  }
  return true;
}

using WireShares = google::protobuf::RepeatedPtrField<v1::DataCenterShares>;

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

template <typename Names>
void NamesToWire(NodeSet nodes, const engine::Cell& cell, Names* out) {
  for (int i = 0; i < kNodeCount; ++i) {
    if (nodes.Has(i)) *out->Add() = cell.node(NodeAt(i)).name;
  }
}

}  // namespace

void WipeString(std::string& text) {
  WipeMemory({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  text.clear();
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

v1::SetEvent SetEventToWire(const engine::SetAccepted& accepted, const engine::Cell& cell) {
  v1::SetEvent event;
  v1::SetAccepted& out = *event.mutable_accepted();
  out.set_ticket(accepted.ticket);
  StampToWire(accepted.stamp, cell, *out.mutable_stamp());
  out.set_home_data_center(cell.data_center_name(accepted.home));
  out.set_version(accepted.version.value());
  out.set_leading(accepted.leading);
  return event;
}

v1::SetEvent SetEventToWire(const engine::SetDecided& decided, const engine::Cell& cell) {
  v1::SetEvent event;
  DecisionToWire(decided.outcome, cell, *event.mutable_decided());
  return event;
}

v1::SetEvent SetEventToWire(const engine::SetLevel& level, const engine::Cell& cell) {
  v1::SetEvent event;
  v1::LevelReached& out = *event.mutable_level();
  out.set_level(LevelToWire(level.level));
  out.set_version(level.version.value());
  SharesToWire(level.held, cell, *out.mutable_shares());
  return event;
}

void GetReplyToWire(const engine::GetReply& reply, const engine::Cell& cell, v1::GetResponse& out) {
  const ByteSpan value = reply.value.ExposeSecret();
  out.set_value(value.data(), value.size());
  out.set_version(reply.version.value());
  out.set_op_id(IdToWire(reply.op));
  out.set_level(LevelToWire(reply.level));
  out.set_home_silent(reply.home_silent);
  NamesToWire(reply.read_from, cell, out.mutable_read_from());
  for (const std::string& reason : reply.rejected) out.add_rejected_shares(reason);
}

void TicketToWire(const engine::TicketStatus& ticket, const engine::Cell& cell, v1::Ticket& out) {
  out.set_op_id(IdToWire(ticket.op));
  out.set_home_data_center(cell.data_center_name(ticket.home));
  StampToWire(ticket.stamp, cell, *out.mutable_stamp());
  DecisionToWire(ticket.outcome, cell, *out.mutable_decision());
  out.set_level(LevelToWire(ticket.level));
  out.set_final(ticket.final);
  SharesToWire(ticket.held, cell, *out.mutable_shares());
}

void NodeStatusToWire(const engine::NodeStatus& status, const engine::Cell& cell,
                      v1::StatusResponse& out) {
  out.set_node(status.name);
  out.set_data_center(status.data_center);
  out.set_cell_id(IdToWire(status.cell));
  out.set_clock_bound_nanoseconds(absl::ToInt64Nanoseconds(status.clock_bound));
  out.set_may_stamp(status.may_stamp);
  NamesToWire(status.reachable, cell, out.mutable_reachable());
  out.set_shares_stored(status.shares_stored);
  out.set_pending_ops(status.pending_ops);
  v1::HomeStatus& home = *out.mutable_home();
  home.set_serving(status.home.serving);
  home.set_sequencer(status.home.sequencer);
  home.set_log_epoch(status.home.log_epoch.value());
  home.set_applied_index(status.home.applied.value());
  home.set_window_nanoseconds(absl::ToInt64Nanoseconds(status.home.window));
  home.set_open_rounds(status.home.open_rounds);
  home.set_ops(status.home.ops);
  home.set_unsettled(status.home.unsettled);
  home.set_late_first(status.home.late_first);
}

absl::StatusOr<engine::SetRequest> SetRequestFromWire(v1::SetRequest& request) {
  engine::SetRequest out;
  out.value = SecretBytes(ToBytes(AsBytes(request.value())));
  WipeString(*request.mutable_value());
  out.key = ToBytes(AsBytes(request.key()));
  if (!IdFromWire(request.op_id(), out.op)) {
    return engine::MakeError(
        absl::StatusCode::kInvalidArgument, engine::reason::kBadOpId,
        absl::StrCat("op_id: expected the 16 bytes of a UUID of version 7, found ",
                     request.op_id().size(), " bytes"));
  }
  if (absl::Status status = arbiter::CheckOpId(out.op); !status.ok()) {
    return engine::MakeError(absl::StatusCode::kInvalidArgument, engine::reason::kBadOpId,
                             absl::StrCat("op_id: ", status.message()));
  }
  switch (request.base_case()) {
    case v1::SetRequest::kBaseVersion:
      if (request.base_version() == 0) {
        return BadField("base_version", "versions count from 1; leave it out, or say base_absent");
      }
      out.base = {arbiter::Base::Kind::kVersion, Version(request.base_version())};
      break;
    case v1::SetRequest::kBaseAbsent:
      out.base = {arbiter::Base::Kind::kAbsent, Version(0)};
      break;
    case v1::SetRequest::BASE_NOT_SET:
      break;
  }
  out.seen = Version(request.seen());
  out.attempt = request.attempt();
  if (!request.content_tag().empty()) {
    ContentTag tag;
    if (!IdFromWire(request.content_tag(), tag)) {
      return BadField("content_tag", absl::StrCat("expected 16 bytes or none, found ",
                                                  request.content_tag().size()));
    }
    out.content_tag = tag;
  }
  return out;
}

absl::StatusOr<Level> UntilFromWire(v1::Level until) {
  if (until == v1::LEVEL_UNSPECIFIED) return Level::kSafe;
  const auto level = LevelFromWire(until);
  if (!level.has_value()) return BadField("until", "not a level of this version");
  return *level;
}

absl::StatusOr<engine::GetRequest> GetRequestFromWire(const v1::GetRequest& request) {
  engine::GetRequest out;
  out.key = ToBytes(AsBytes(request.key()));
  switch (request.mode()) {
    case v1::READ_MODE_UNSPECIFIED:
    case v1::READ_MODE_LATEST:
      out.mode = engine::ReadMode::kLatest;
      break;
    case v1::READ_MODE_SURVIVING:
      out.mode = engine::ReadMode::kSurviving;
      break;
    case v1::READ_MODE_VERSION:
      out.mode = engine::ReadMode::kVersion;
      break;
    default:
      return BadField("mode", "not a read mode of this version");
  }
  if ((out.mode == engine::ReadMode::kVersion) != (request.version() != 0)) {
    return BadField("version", "goes with READ_MODE_VERSION and counts from 1");
  }
  out.version = Version(request.version());
  return out;
}

std::optional<SetEvent> SetEventFromWire(const v1::SetEvent& event) {
  switch (event.event_case()) {
    case v1::SetEvent::kAccepted: {
      const v1::SetAccepted& in = event.accepted();
      return Accepted{in.ticket(), StampFromWire(in.stamp()), in.home_data_center(),
                      Version(in.version()), in.leading()};
    }
    case v1::SetEvent::kDecided: {
      Decision decision;
      if (!DecisionFromWire(event.decided(), decision)) return std::nullopt;
      return decision;
    }
    case v1::SetEvent::kLevel: {
      const auto level = LevelFromWire(event.level().level());
      if (!level.has_value()) return std::nullopt;
      return LevelReached{*level, Version(event.level().version()),
                          SharesFromWire(event.level().shares())};
    }
    case v1::SetEvent::EVENT_NOT_SET:
      break;
  }
  return std::nullopt;
}

bool GetResultFromWire(v1::GetResponse& response, GetResult& out) {
  out.value = SecretBytes(ToBytes(AsBytes(response.value())));
  WipeString(*response.mutable_value());
  const auto level = LevelFromWire(response.level());
  if (!level.has_value() || !IdFromWire(response.op_id(), out.op)) return false;
  out.level = *level;
  out.version = Version(response.version());
  out.home_silent = response.home_silent();
  out.read_from.assign(response.read_from().begin(), response.read_from().end());
  out.rejected.assign(response.rejected_shares().begin(), response.rejected_shares().end());
  return true;
}

bool TicketFromWire(const v1::Ticket& ticket, TicketResult& out) {
  const auto level = LevelFromWire(ticket.level());
  if (!level.has_value() || !IdFromWire(ticket.op_id(), out.op)) return false;
  out.home = ticket.home_data_center();
  out.stamp = StampFromWire(ticket.stamp());
  out.level = *level;
  out.final = ticket.final();
  out.shares = SharesFromWire(ticket.shares());
  return DecisionFromWire(ticket.decision(), out.decision);
}

NodeResult NodeResultFromWire(const v1::StatusResponse& status) {
  NodeResult out;
  out.node = status.node();
  out.data_center = status.data_center();
  IdFromWire(status.cell_id(), out.cell);  // all zero if malformed; shown, never relied on
  out.clock_bound = absl::Nanoseconds(status.clock_bound_nanoseconds());
  out.may_stamp = status.may_stamp();
  out.reachable.assign(status.reachable().begin(), status.reachable().end());
  out.shares_stored = status.shares_stored();
  out.pending_ops = status.pending_ops();
  const v1::HomeStatus& home = status.home();
  out.home = {home.serving(),
              home.sequencer(),
              home.log_epoch(),
              home.applied_index(),
              absl::Nanoseconds(home.window_nanoseconds()),
              home.open_rounds(),
              home.ops(),
              home.unsettled(),
              home.late_first()};
  return out;
}

}  // namespace worldb::transport
