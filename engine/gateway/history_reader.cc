#include "engine/gateway/history_reader.h"

#include <optional>
#include <utility>

#include "engine/cell/key_name.h"
#include "engine/cell/opaque_token.h"
#include "engine/gateway/key_pages.h"
#include "engine/gateway/refusals.h"

namespace worldb::engine {

void HistoryReader::History(HistoryRequest request, Done done) {
  if (absl::Status named = CheckKeyName(request.key); !named.ok()) return done(named);
  if (calls_.size() >= kHistoriesMax) {
    return done(TooMany("histories under way", kHistoriesMax));
  }
  HistoryQuery query;
  if (!request.page_token.empty()) {
    const absl::StatusOr<Bytes> place =
        OpenOpaqueToken(kHistoryTokenLabel, self_.cell(), request.key, request.page_token);
    if (!place.ok()) return done(BadPageToken(place.status()));
    query.before = Version(ByteReader(*place).U64());
  }
  query.key_tag = self_.cell().KeyTagOf(request.key);
  query.versions_max = PageSizeOf(request.page_size);
  const DataCenterIndex home = self_.cell().HomeOf(self_.cell().SlotOf(query.key_tag));
  const RequestId id = calls_.Ask(home, query, {std::move(request.key), home, std::move(done)});
  calls_.Find(id)->timer =
      self_.executor().PostAfter(request.timeout, [this, id] { OnTimeout(id); });
}

void HistoryReader::TakeReply(NodeIndex from, HistoryQueryReply reply) {
  const std::optional<Call> call = calls_.Take(from, reply.id);
  if (call.has_value()) Finish(*call, PageOf(*call, std::move(reply)));
}

absl::StatusOr<HistoryReply> HistoryReader::PageOf(const Call& call,
                                                   HistoryQueryReply reply) const {
  if (reply.versions.empty()) {
    return MakeError(absl::StatusCode::kNotFound, reason::kNoSuchKey, "the key has no version");
  }
  HistoryReply page;
  page.versions = std::move(reply.versions);
  if (reply.more) {
    ByteWriter w;
    w.U64(page.versions.back().version.value());
    page.next_page_token = MakeOpaqueToken(kHistoryTokenLabel, self_.cell(), call.key, w.span());
  }
  return page;
}

void HistoryReader::OnTimeout(RequestId id) {
  const std::optional<Call> call = calls_.Drop(id);
  if (call.has_value()) Finish(*call, HomeIsSilent(self_.cell(), call->home));
}

void HistoryReader::Finish(const Call& call, absl::StatusOr<HistoryReply> reply) {
  self_.executor().Cancel(call.timer);
  call.done(std::move(reply));
}

void HistoryReader::StopAll(const absl::Status& status) {
  while (const std::optional<Call> call = calls_.DropOldest()) Finish(*call, status);
}

}  // namespace worldb::engine
