#include "engine/desks/key_lister.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "absl/strings/match.h"
#include "engine/desks/read_answer.h"

namespace worldb::engine {

VersionRecord RecordOf(const arbiter::ClosedVersion& version) {
  VersionRecord record;
  record.version = version.id.version;
  record.kind = version.kind;
  record.outcome = version.outcome;
  record.level = version.level();
  record.fairness = version.fairness;
  record.held = version.held;
  record.op = version.op;
  record.stamp = version.stamp;
  record.script = version.script;
  record.payload_bytes = version.payload_bytes;
  record.closed = version.closed_earliest;
  return record;
}

std::optional<ListQueryReply> KeyLister::List(const ListQuery& query) const {
  if (!names_.complete()) return std::nullopt;
  const NameIndex::Names& names = names_.names();
  const std::size_t keys_max = std::clamp<std::size_t>(query.keys_max, 1, kListPageMax);
  ListQueryReply reply;
  reply.id = query.id;
  auto it = query.after < query.prefix || query.after.empty() ? names.lower_bound(query.prefix)
                                                              : names.upper_bound(query.after);
  for (std::size_t looked_at = 0;
       it != names.end() && absl::StartsWith(AsText(it->first), AsText(query.prefix)); ++it) {
    if (reply.keys.size() == keys_max || looked_at++ == kNamesLookedAtMax) {
      reply.told_to = std::prev(it)->first;
      break;
    }
    const arbiter::ClosedVersion* newest = NewestVisible(state_.Versions(it->second));
    if (newest == nullptr || newest->kind == arbiter::OpKind::kDelete) continue;
    reply.keys.push_back(
        {it->first, newest->id.version, newest->level(), newest->payload_bytes, newest->op});
  }
  return reply;
}

HistoryQueryReply KeyLister::History(const HistoryQuery& query) const {
  const std::size_t versions_max = std::clamp<std::size_t>(query.versions_max, 1, kListPageMax);
  HistoryQueryReply reply;
  reply.id = query.id;
  const std::span<const arbiter::ClosedVersion> versions = state_.Versions(query.key_tag);
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
    if (query.before != Version() && it->id.version >= query.before) continue;
    if (reply.versions.size() == versions_max) {
      reply.more = true;
      break;
    }
    reply.versions.push_back(RecordOf(*it));
  }
  return reply;
}

}  // namespace worldb::engine
