#include "transport/version_messages.h"

#include <utility>
#include <variant>

#include "cryptoscatter/base/status_macros.h"
#include "transport/message_fields.h"

namespace worldb::transport {
namespace {

void VersionToWire(const engine::VersionRecord& record, const engine::Cell& cell,
                   v1::VersionRecord& out) {
  out.set_version(record.version.value());
  out.set_kind(record.kind == arbiter::OpKind::kDelete ? v1::WRITE_KIND_DELETE
                                                       : v1::WRITE_KIND_SET);
  out.set_outcome(OutcomeToWire(record.outcome));
  out.set_level(LevelToWire(record.level));
  out.set_certificate(CertificateToWire(record.fairness));
  SharesToWire(record.held, cell, *out.mutable_shares());
  out.set_op_id(IdToWire(record.op));
  StampToWire(record.stamp, cell, *out.mutable_stamp());
  out.set_script(cell.scripts().NameOf(record.script));
  out.set_payload_bytes(record.payload_bytes);
  out.set_closed_unix_nanoseconds(absl::ToUnixNanos(record.closed));
}

bool VersionFromWire(const v1::VersionRecord& record, VersionInfo& out) {
  const auto outcome = OutcomeFromWire(record.outcome());
  const auto level = LevelFromWire(record.level());
  const bool known_kind =
      record.kind() == v1::WRITE_KIND_SET || record.kind() == v1::WRITE_KIND_DELETE;
  if (!outcome.has_value() || !level.has_value() || !known_kind ||
      !IdFromWire(record.op_id(), out.op)) {
    return false;
  }
  out.version = Version(record.version());
  out.kind =
      record.kind() == v1::WRITE_KIND_DELETE ? arbiter::OpKind::kDelete : arbiter::OpKind::kSet;
  out.outcome = *outcome;
  out.level = *level;
  out.certificate = CertificateFromWire(record.certificate());
  out.shares = SharesFromWire(record.shares());
  out.stamp = StampFromWire(record.stamp());
  out.script = record.script();
  out.payload_bytes = record.payload_bytes();
  out.closed = absl::FromUnixNanos(record.closed_unix_nanoseconds());
  return true;
}

}  // namespace

absl::StatusOr<engine::ListRequest> ListRequestFromWire(const v1::ListRequest& request) {
  engine::ListRequest out;
  out.prefix = ToBytes(AsBytes(request.prefix()));
  WORLDB_ASSIGN_OR_RETURN(out.page_size, PageSizeFromWire(request.page_size()));
  out.page_token = request.page_token();
  return out;
}

absl::StatusOr<engine::HistoryRequest> HistoryRequestFromWire(const v1::HistoryRequest& request) {
  engine::HistoryRequest out;
  out.key = ToBytes(AsBytes(request.key()));
  WORLDB_ASSIGN_OR_RETURN(out.page_size, PageSizeFromWire(request.page_size()));
  out.page_token = request.page_token();
  return out;
}

absl::StatusOr<engine::WatchRequest> WatchRequestFromWire(const v1::WatchRequest& request) {
  engine::WatchRequest out;
  switch (request.target_case()) {
    case v1::WatchRequest::kKey:
      out.key = ToBytes(AsBytes(request.key()));
      break;
    case v1::WatchRequest::kPrefix:
      out.key = ToBytes(AsBytes(request.prefix()));
      out.prefix = true;
      break;
    case v1::WatchRequest::TARGET_NOT_SET:
      return BadField("target", "a key or a prefix is needed; an empty prefix stands for all keys");
  }
  out.resume_token = request.resume_token();
  return out;
}

void ListReplyToWire(const engine::ListReply& reply, v1::ListResponse& out) {
  for (const engine::ListedKey& key : reply.keys) {
    v1::ListedKey& listed = *out.add_keys();
    listed.set_key(key.key.data(), key.key.size());
    listed.set_version(key.version.value());
    listed.set_level(LevelToWire(key.level));
    listed.set_payload_bytes(key.payload_bytes);
    listed.set_op_id(IdToWire(key.op));
  }
  out.set_next_page_token(reply.next_page_token);
}

void HistoryReplyToWire(const engine::HistoryReply& reply, const engine::Cell& cell,
                        v1::HistoryResponse& out) {
  for (const engine::VersionRecord& record : reply.versions) {
    VersionToWire(record, cell, *out.add_versions());
  }
  out.set_next_page_token(reply.next_page_token);
}

v1::WatchEvent WatchEventToWire(const engine::WatchEvent& event, const engine::Cell& cell) {
  v1::WatchEvent out;
  if (const auto* change = std::get_if<engine::WatchChange>(&event)) {
    out.mutable_change()->set_key(change->key.data(), change->key.size());
    VersionToWire(change->version, cell, *out.mutable_change()->mutable_version());
    out.set_resume_token(change->resume_token);
  } else {
    out.mutable_progress();
    out.set_resume_token(std::get<engine::WatchProgress>(event).resume_token);
  }
  return out;
}

bool ListResultFromWire(const v1::ListResponse& response, ListResult& out) {
  for (const v1::ListedKey& listed : response.keys()) {
    ListedKey key;
    const auto level = LevelFromWire(listed.level());
    if (!level.has_value() || !IdFromWire(listed.op_id(), key.op)) return false;
    key.key = ToBytes(AsBytes(listed.key()));
    key.version = Version(listed.version());
    key.level = *level;
    key.payload_bytes = listed.payload_bytes();
    out.keys.push_back(std::move(key));
  }
  out.next_page_token = response.next_page_token();
  return true;
}

bool HistoryResultFromWire(const v1::HistoryResponse& response, HistoryResult& out) {
  for (const v1::VersionRecord& record : response.versions()) {
    VersionInfo version;
    if (!VersionFromWire(record, version)) return false;
    out.versions.push_back(std::move(version));
  }
  out.next_page_token = response.next_page_token();
  return true;
}

std::optional<WatchUpdate> WatchUpdateFromWire(const v1::WatchEvent& event) {
  WatchUpdate update;
  update.resume_token = event.resume_token();
  if (event.has_change()) {
    WatchUpdate::Change& change = update.change.emplace();
    change.key = ToBytes(AsBytes(event.change().key()));
    if (!VersionFromWire(event.change().version(), change.version)) return std::nullopt;
  }
  return update;
}

}  // namespace worldb::transport
