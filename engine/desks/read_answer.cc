#include "engine/desks/read_answer.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/cell/errors.h"

namespace worldb::engine {
namespace {

using arbiter::ClosedVersion;
using arbiter::OutcomeKind;

ReadReply Failed(const ReadQuery& query, absl::StatusCode code, absl::string_view reason,
                 absl::string_view words, const ErrorDetails& details = {}) {
  ReadReply reply;
  reply.id = query.id;
  reply.status = MakeError(code, reason, words, details);
  return reply;
}

ReadReply NotFound(const ReadQuery& query, absl::string_view reason, absl::string_view words,
                   const ErrorDetails& details = {}) {
  return Failed(query, absl::StatusCode::kNotFound, reason, words, details);
}

ReadReply Deleted(const ReadQuery& query, Version version) {
  const std::string number = absl::StrCat(version.value());
  const ErrorDetails details = {{"deleted_version", number}};
  if (query.version.has_value()) {
    return NotFound(query, reason::kNoSuchVersion,
                    absl::StrCat("version ", number, " has no value: it deleted the key"), details);
  }
  return NotFound(query, reason::kNoSuchKey,
                  absl::StrCat("the key was deleted by version ", number), details);
}

ReadReply EndedVoid(const ReadQuery& query, Version version) {
  const std::string number = absl::StrCat(version.value());
  return Failed(query, absl::StatusCode::kDataLoss, reason::kVersionNotReadable,
                absl::StrCat("version ", number, " ended VOID: its value can never be read"),
                {{"version", number}});
}

ReadAnswer Answer(const ReadQuery& query, SlotEpoch slot_epoch, const ClosedVersion& version,
                  std::vector<Version> void_versions) {
  if (version.visible_at == LogIndex()) return NotVisibleYet{version.id};
  if (version.kind == arbiter::OpKind::kDelete) return Deleted(query, version.id.version);
  ReadReply reply;
  reply.id = query.id;
  reply.facts = VersionFacts{.id = version.id,
                             .slot_epoch = slot_epoch,
                             .kind = version.kind,
                             .op = version.op,
                             .commitment = version.commitment,
                             .script = version.script,
                             .level = version.level(),
                             .held = version.held,
                             .payload_bytes = version.payload_bytes,
                             .void_versions = std::move(void_versions)};
  return reply;
}

std::span<const ClosedVersion> UpTo(std::span<const ClosedVersion> versions,
                                    std::optional<Version> last) {
  if (!last.has_value()) return versions;
  const auto end =
      std::partition_point(versions.begin(), versions.end(),
                           [last](const ClosedVersion& v) { return v.id.version <= *last; });
  return versions.first(end - versions.begin());
}

const ClosedVersion* NewestNotVoid(std::span<const ClosedVersion> versions) {
  const auto it = std::find_if(versions.rbegin(), versions.rend(), [](const ClosedVersion& v) {
    return v.outcome != OutcomeKind::kVoid;
  });
  return it == versions.rend() ? nullptr : &*it;
}

ReadAnswer AnswerLatest(std::span<const ClosedVersion> versions, SlotEpoch slot_epoch,
                        const ReadQuery& query) {
  const ClosedVersion* version = NewestNotVoid(versions);
  if (version == nullptr) {
    return NotFound(query, reason::kNoSuchKey, "there is no value under this key");
  }
  std::vector<Version> void_versions;
  for (const ClosedVersion* newer = &versions.back(); newer != version; --newer) {
    void_versions.push_back(newer->id.version);
  }
  return Answer(query, slot_epoch, *version, std::move(void_versions));
}

}  // namespace

ReadAnswer AnswerRead(const arbiter::HomeState& state, SlotEpoch slot_epoch, const ReadQuery& query,
                      std::optional<Version> up_to) {
  if (!query.version.has_value()) {
    return AnswerLatest(UpTo(state.Versions(query.key_tag), up_to), slot_epoch, query);
  }
  const ClosedVersion* version = state.FindVersion({query.key_tag, *query.version});
  if (version == nullptr) {
    return NotFound(query, reason::kNoSuchVersion,
                    absl::StrCat("the key has no version ", query.version->value()));
  }
  if (version->outcome == OutcomeKind::kVoid) return EndedVoid(query, *query.version);
  return Answer(query, slot_epoch, *version, {});
}

ReadReply PatienceEnded(const ReadQuery& query, const ClosedVersion& version) {
  const std::string number = absl::StrCat(version.id.version.value());
  return Failed(query, absl::StatusCode::kUnavailable, reason::kVersionNotReadable,
                absl::StrCat("version ", number, " is the latest and only ",
                             arbiter::LevelName(version.announced),
                             " yet; wait for SAFE, or read with --surviving"),
                {{"version", number}});
}

const ClosedVersion* NewestVisible(std::span<const ClosedVersion> versions) {
  const auto it = std::find_if(versions.rbegin(), versions.rend(), [](const ClosedVersion& v) {
    return v.outcome != OutcomeKind::kVoid && v.visible_at != LogIndex();
  });
  return it == versions.rend() ? nullptr : &*it;
}

}  // namespace worldb::engine
