#include "engine/desks/key_lister.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/match.h"

namespace worldb::engine {
namespace {

// An answer that finds little to tell among many names ends here and goes on with the next one.
constexpr std::size_t kNamesLookedAtMax = 10'000;

// The newest version that has not ended VOID; null without one.
const arbiter::ClosedVersion* NewestOf(std::span<const arbiter::ClosedVersion> versions) {
  const auto it = std::find_if(versions.rbegin(), versions.rend(), [](const auto& version) {
    return version.outcome != arbiter::OutcomeKind::kVoid;
  });
  return it == versions.rend() ? nullptr : &*it;
}

}  // namespace

VersionRecord RecordOf(const arbiter::ClosedVersion& version) {
  VersionRecord record;
  record.version = version.id.version;
  record.kind = version.kind;
  record.outcome = version.outcome;
  record.level = version.announced;
  record.fairness = version.fairness;
  record.held = version.held;
  record.op = version.op;
  record.stamp = version.stamp;
  record.script = version.script;
  record.payload_bytes = version.payload_bytes;
  record.closed = version.closed_earliest;
  return record;
}

void KeyLister::Answer(NodeIndex to, const ListQuery& query) const {
  if (!names_.complete()) return;
  const NameIndex::Names& names = names_.names();
  const std::size_t keys_max = std::clamp<std::size_t>(query.keys_max, 1, kListPageMax);
  ListQueryReply reply;
  reply.id = query.id;
  auto it = query.after < query.prefix || query.after.empty() ? names.lower_bound(query.prefix)
                                                              : names.upper_bound(query.after);
  const Bytes* last = nullptr;
  for (std::size_t looked_at = 0;
       it != names.end() && absl::StartsWith(AsText(it->first), AsText(query.prefix)); ++it) {
    if (reply.keys.size() == keys_max || looked_at++ == kNamesLookedAtMax) {
      if (last != nullptr) reply.told_to = *last;
      break;
    }
    last = &it->first;
    const arbiter::ClosedVersion* newest = NewestOf(home_.state().Versions(it->second));
    if (newest == nullptr || newest->kind == arbiter::OpKind::kDelete) continue;
    reply.keys.push_back(
        {it->first, newest->id.version, newest->announced, newest->payload_bytes, newest->op});
  }
  context_.Send(to, std::move(reply));
}

void KeyLister::Answer(NodeIndex to, const HistoryQuery& query) const {
  const std::size_t versions_max = std::clamp<std::size_t>(query.versions_max, 1, kListPageMax);
  HistoryQueryReply reply;
  reply.id = query.id;
  const std::span<const arbiter::ClosedVersion> versions = home_.state().Versions(query.key_tag);
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
    if (query.before != Version() && it->id.version >= query.before) continue;
    if (reply.versions.size() == versions_max) {
      reply.more = true;
      break;
    }
    reply.versions.push_back(RecordOf(*it));
  }
  context_.Send(to, std::move(reply));
}

}  // namespace worldb::engine
