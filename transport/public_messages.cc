#include "transport/public_messages.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/cell/errors.h"
#include "transport/message_fields.h"

namespace worldb::transport {
namespace {

template <typename Names>
void NamesToWire(NodeSet nodes, const engine::Cell& cell, Names* out) {
  for (int i = 0; i < kNodeCount; ++i) {
    if (nodes.Has(i)) *out->Add() = cell.node(NodeAt(i)).name;
  }
}

// What a Set and a Delete have in common.
template <typename Request>
absl::Status WriteFromWire(const Request& request, engine::SetRequest& out) {
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
  if (request.has_base_version()) {
    if (request.base_version() == 0) {
      return BadField("base_version", "versions count from 1; for no base, leave it out");
    }
    out.base = {arbiter::Base::Kind::kVersion, Version(request.base_version())};
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
  WORLDB_ASSIGN_OR_RETURN(out.until, UntilFromWire(request.until()));
  return absl::OkStatus();
}

void AcceptedToWire(const engine::SetAccepted& accepted, const engine::Cell& cell,
                    v1::SetAccepted& out) {
  out.set_ticket(accepted.ticket);
  StampToWire(accepted.stamp, cell, *out.mutable_stamp());
  out.set_home_data_center(cell.data_center_name(accepted.home));
  out.set_version(accepted.version.value());
  out.set_leading(accepted.leading);
  for (const DataCenterIndex dc : accepted.out) out.add_out(cell.data_center_name(dc));
  out.set_within_reach(LevelToWire(accepted.within_reach));
}

void LevelReachedToWire(const engine::SetLevel& level, const engine::Cell& cell,
                        v1::LevelReached& out) {
  out.set_level(LevelToWire(level.level));
  out.set_version(level.version.value());
  SharesToWire(level.held, cell, *out.mutable_shares());
}

}  // namespace

v1::SetEvent SetEventToWire(const engine::SetEvent& event, const engine::Cell& cell) {
  v1::SetEvent out;
  if (const auto* accepted = std::get_if<engine::SetAccepted>(&event)) {
    AcceptedToWire(*accepted, cell, *out.mutable_accepted());
  } else if (const auto* decided = std::get_if<engine::SetDecided>(&event)) {
    DecisionToWire(decided->outcome, cell, *out.mutable_decided());
  } else {
    LevelReachedToWire(std::get<engine::SetLevel>(event), cell, *out.mutable_level());
  }
  return out;
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
  for (const Version version : reply.void_versions) out.add_void_versions(version.value());
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
  out.set_staged_bytes(status.staged_bytes);
  out.set_store_error(status.store_error);
  v1::RepairStatus& repair = *out.mutable_repair();
  repair.set_bad_shares_found(status.repair.bad_shares_found);
  repair.set_shares_repaired(status.repair.shares_repaired);
  repair.set_fragments_repaired(status.repair.fragments_repaired);
  repair.set_key_shares_repaired(status.repair.key_shares_repaired);
  repair.set_fragment_bytes_lan(status.repair.fragment_bytes_lan);
  repair.set_fragment_bytes_wan(status.repair.fragment_bytes_wan);
  repair.set_waiting(status.repair.waiting);
  repair.set_given_up(status.repair.given_up);
  repair.set_core_conflicts(status.repair.core_conflicts);
  repair.set_missing(status.repair.missing);
  repair.set_lacking(status.repair.lacking);
  v1::HomeStatus& home = *out.mutable_home();
  home.set_serving(status.home.serving);
  home.set_sequencer(status.home.sequencer);
  home.set_log_epoch(status.home.log_epoch.value());
  home.set_applied_index(status.home.applied.value());
  home.set_checkpoint_index(status.home.checkpoint.value());
  home.set_window_nanoseconds(absl::ToInt64Nanoseconds(status.home.window));
  home.set_open_rounds(status.home.open_rounds);
  home.set_ops(status.home.ops);
  home.set_unsettled(status.home.unsettled);
  home.set_incomplete(status.home.incomplete);
  home.set_late_first(status.home.late_first);
  home.set_halted(status.home.halted);
  for (const DataCenterIndex dc : status.home.out) home.add_out(cell.data_center_name(dc));
}

absl::StatusOr<engine::SetRequest> SetRequestFromWire(v1::SetRequest& request,
                                                      const engine::Cell& cell) {
  engine::SetRequest out;
  out.value = SecretBytes(ToBytes(AsBytes(request.value())));
  WipeString(*request.mutable_value());
  WORLDB_RETURN_IF_ERROR(WriteFromWire(request, out));
  if (request.has_base_absent()) out.base = {arbiter::Base::Kind::kAbsent, Version(0)};
  WORLDB_ASSIGN_OR_RETURN(out.script, ScriptFromWire(request.script(), cell));
  return out;
}

absl::StatusOr<engine::SetRequest> DeleteRequestFromWire(const v1::DeleteRequest& request) {
  engine::SetRequest out;
  out.kind = arbiter::OpKind::kDelete;
  WORLDB_RETURN_IF_ERROR(WriteFromWire(request, out));
  return out;
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
      const auto within_reach = LevelFromWire(in.within_reach());
      if (!within_reach.has_value()) return std::nullopt;
      return Accepted{in.ticket(),           StampFromWire(in.stamp()),
                      in.home_data_center(), Version(in.version()),
                      in.leading(),          {in.out().begin(), in.out().end()},
                      *within_reach};
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
  for (const std::uint64_t version : response.void_versions()) {
    out.void_versions.push_back(Version(version));
  }
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
  out.staged_bytes = status.staged_bytes();
  out.store_error = status.store_error();
  const v1::RepairStatus& repair = status.repair();
  out.repair = {.bad_shares_found = repair.bad_shares_found(),
                .shares_repaired = repair.shares_repaired(),
                .fragments_repaired = repair.fragments_repaired(),
                .key_shares_repaired = repair.key_shares_repaired(),
                .fragment_bytes_lan = repair.fragment_bytes_lan(),
                .fragment_bytes_wan = repair.fragment_bytes_wan(),
                .waiting = repair.waiting(),
                .given_up = repair.given_up(),
                .missing = repair.missing(),
                .lacking = repair.lacking(),
                .core_conflicts = repair.core_conflicts()};
  const v1::HomeStatus& home = status.home();
  out.home = {home.serving(),
              home.sequencer(),
              home.log_epoch(),
              home.applied_index(),
              home.checkpoint_index(),
              absl::Nanoseconds(home.window_nanoseconds()),
              home.open_rounds(),
              home.ops(),
              home.unsettled(),
              home.incomplete(),
              home.late_first(),
              {home.out().begin(), home.out().end()},
              home.halted()};
  return out;
}

}  // namespace worldb::transport
