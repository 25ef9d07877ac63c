#include "engine/gateway/list_reader.h"

#include <optional>
#include <utility>

#include "engine/cell/key_name.h"
#include "engine/cell/opaque_token.h"
#include "engine/gateway/key_pages.h"
#include "engine/gateway/refusals.h"

namespace worldb::engine {

void ListReader::List(ListRequest request, Done done) {
  if (absl::Status named = CheckKeyPrefix(request.prefix); !named.ok()) return done(named);
  if (lists_.size() >= kListsMax) return done(TooMany("listings under way", kListsMax));
  Bytes after;
  if (!request.page_token.empty()) {
    absl::StatusOr<Bytes> place =
        OpenOpaqueToken(kListTokenLabel, self_.cell(), request.prefix, request.page_token);
    if (!place.ok()) return done(BadPageToken(place.status()));
    after = *std::move(place);
  }
  const ListId id = ++last_list_;
  Call call{std::move(request.prefix), NameMerge(after, PageSizeOf(request.page_size)),
            std::move(done)};
  call.timer = self_.executor().PostAfter(request.timeout, [this, id] { OnTimeout(id); });
  lists_.emplace(id, std::move(call));
  Advance(id);
}

void ListReader::Advance(ListId id) {
  Call& call = lists_.at(id);
  for (NameMerge::Question& question : call.merge.Advance()) {
    ListQuery query;
    query.prefix = call.prefix;
    query.after = std::move(question.after);
    query.keys_max = call.merge.page_size();
    call.questions[question.home.value()] =
        questions_.Ask(question.home, std::move(query), {id, question.home});
  }
  if (call.merge.done()) Finish(id, PageOf(call));
}

void ListReader::TakeReply(NodeIndex from, ListQueryReply reply) {
  const std::optional<Piece> piece = questions_.Take(from, reply.id);
  if (!piece.has_value()) return;
  Call& call = lists_.at(piece->list);
  call.questions[piece->home.value()] = 0;
  for (const ListedKey& listed : reply.keys) {
    call.told_bytes += sizeof(ListedKey) + listed.key.size();
  }
  auto charge = told_.TryCharge(call.told_bytes);
  if (!charge.has_value()) return Finish(piece->list, NoRoomForNames());
  call.charge = *std::move(charge);
  call.merge.Tell(piece->home, std::move(reply.keys), std::move(reply.told_to));
  Advance(piece->list);
}

ListReply ListReader::PageOf(Call& call) const {
  ListReply reply;
  reply.keys = call.merge.TakePage();
  if (call.merge.more()) {
    reply.next_page_token =
        MakeOpaqueToken(kListTokenLabel, self_.cell(), call.prefix, reply.keys.back().key);
  }
  return reply;
}

void ListReader::OnTimeout(ListId id) {
  const auto it = lists_.find(id);
  if (it == lists_.end()) return;
  Finish(id, HomeIsSilent(self_.cell(), *it->second.merge.awaited()));
}

void ListReader::Finish(ListId id, absl::StatusOr<ListReply> reply) {
  const auto call = lists_.extract(id);
  self_.executor().Cancel(call.mapped().timer);
  for (const RequestId question : call.mapped().questions) questions_.Drop(question);
  call.mapped().done(std::move(reply));
}

void ListReader::StopAll(const absl::Status& status) {
  while (!lists_.empty()) Finish(lists_.begin()->first, status);
}

}  // namespace worldb::engine
