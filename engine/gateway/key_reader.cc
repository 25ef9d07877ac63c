#include "engine/gateway/key_reader.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "engine/cell/errors.h"
#include "engine/cell/opaque_token.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kAskAgainEvery = absl::Milliseconds(500);
constexpr std::size_t kPageDefault = 100;

std::size_t PageSize(std::size_t asked) {
  return asked == 0 ? kPageDefault : std::min(asked, kListPageMax);
}

absl::Status BadToken(const absl::Status& why) {
  return MakeError(absl::StatusCode::kInvalidArgument, reason::kBadPageToken, why.message(),
                   {{"field", "page_token"}});
}

absl::Status Silent(const std::string& home) {
  return MakeError(
      absl::StatusCode::kUnavailable, reason::kTriadUnavailable,
      absl::StrCat("the data center ", home, " does not answer; try again when it is back"),
      {{"home", home}});
}

}  // namespace

template <typename Query>
void KeyReader::Ask(DataCenterIndex home, Query query) {
  if (!list_requests_.contains(query.id) && !histories_.contains(query.id)) return;
  if (const auto sequencer = homes_.SequencerOf(home)) context_.Send(*sequencer, query);
  const absl::Duration round_trip = peers_.RoundTrip(NodeAt(home.value() * kNodesPerDataCenter));
  context_.executor().PostAfter(
      kAskAgainEvery + 2 * round_trip,
      [this, home, query = std::move(query)]() mutable { Ask(home, std::move(query)); });
}

// ---------------------------------------------------------------- list

void KeyReader::List(ListRequest request, ListDone done) {
  if (request.prefix.size() > cryptoscatter::kKeyNameBytesMax) {
    return done(MakeError(absl::StatusCode::kInvalidArgument, reason::kBadKey,
                          absl::StrCat("the prefix has ", request.prefix.size(), " bytes; at most ",
                                       cryptoscatter::kKeyNameBytesMax, " are allowed"),
                          {{"field", "prefix"}}));
  }
  Bytes after;
  if (!request.page_token.empty()) {
    absl::StatusOr<Bytes> place =
        OpenOpaqueToken(kListTokenLabel, context_.cell(), request.prefix, request.page_token);
    if (!place.ok()) return done(BadToken(place.status()));
    after = *std::move(place);
  }
  const CallId id = ++last_call_;
  ListCall& call = lists_[id];
  call.page_size = PageSize(request.page_size);
  call.prefix = std::move(request.prefix);
  call.done = std::move(done);
  for (Told& told : call.homes) told.to = after;
  call.timer = context_.executor().PostAfter(request.timeout, [this, id] {
    const auto it = lists_.find(id);
    if (it == lists_.end()) return;
    const auto silent = std::find_if(it->second.homes.begin(), it->second.homes.end(),
                                     [](const Told& told) { return told.request != 0; });
    FinishList(id, Silent(context_.cell().data_center_name(
                       DataCenterAt(static_cast<int>(silent - it->second.homes.begin())))));
  });
  Merge(id);
}

// Takes names while every home has said what its next one is, and asks those that have not.
void KeyReader::Merge(CallId id) {
  ListCall& call = lists_.at(id);
  std::vector<ListedKey>& keys = call.reply.keys;
  while (keys.size() < call.page_size) {
    bool wait = false;
    Told* next = nullptr;
    for (int i = 0; i < kDataCenterCount; ++i) {
      Told& told = call.homes[static_cast<std::size_t>(i)];
      if (told.keys.empty()) {
        if (told.all) continue;
        wait = true;
        if (told.request != 0) continue;
        told.request = context_.NextRequest();
        list_requests_.emplace(told.request, std::pair(id, DataCenterAt(i)));
        Ask(DataCenterAt(i), ListQuery{told.request, call.prefix, told.to, call.page_size});
      } else if (next == nullptr || told.keys.front().key < next->keys.front().key) {
        next = &told;
      }
    }
    if (wait) return;
    if (next == nullptr) break;
    keys.push_back(std::move(next->keys.front()));
    next->keys.pop_front();
  }
  const bool more = std::any_of(call.homes.begin(), call.homes.end(),
                                [](const Told& told) { return !told.all || !told.keys.empty(); });
  if (more) {
    call.reply.next_page_token =
        MakeOpaqueToken(kListTokenLabel, context_.cell(), call.prefix, keys.back().key);
  }
  FinishList(id, std::move(call.reply));
}

void KeyReader::On(NodeIndex from, ListQueryReply reply) {
  const auto it = list_requests_.find(reply.id);
  if (it == list_requests_.end() || DataCenterOf(from) != it->second.second) return;
  const CallId id = it->second.first;
  Told& told = lists_.at(id).homes[it->second.second.value()];
  list_requests_.erase(it);
  told.request = 0;
  std::move(reply.keys.begin(), reply.keys.end(), std::back_inserter(told.keys));
  told.all = reply.told_to.empty();
  told.to = std::move(reply.told_to);
  Merge(id);
}

void KeyReader::FinishList(CallId id, absl::StatusOr<ListReply> reply) {
  auto call = lists_.extract(id);
  context_.executor().Cancel(call.mapped().timer);
  for (const Told& told : call.mapped().homes) list_requests_.erase(told.request);
  call.mapped().done(std::move(reply));
}

// ---------------------------------------------------------------- history

void KeyReader::History(HistoryRequest request, HistoryDone done) {
  if (request.key.empty() || request.key.size() > cryptoscatter::kKeyNameBytesMax) {
    return done(MakeError(absl::StatusCode::kInvalidArgument, reason::kBadKey,
                          absl::StrCat("the key has ", request.key.size(), " bytes; 1 to ",
                                       cryptoscatter::kKeyNameBytesMax, " are allowed"),
                          {{"field", "key"}}));
  }
  HistoryQuery query;
  if (!request.page_token.empty()) {
    const absl::StatusOr<Bytes> place =
        OpenOpaqueToken(kHistoryTokenLabel, context_.cell(), request.key, request.page_token);
    if (!place.ok()) return done(BadToken(place.status()));
    query.before = Version(ByteReader(*place).U64());
  }
  query.id = context_.NextRequest();
  query.key_tag = context_.cell().KeyTagOf(request.key);
  query.versions_max = PageSize(request.page_size);
  HistoryCall& call = histories_[query.id];
  call.home = context_.cell().HomeOf(context_.cell().SlotOf(query.key_tag));
  call.key = std::move(request.key);
  call.done = std::move(done);
  call.timer = context_.executor().PostAfter(request.timeout, [this, id = query.id] {
    const auto it = histories_.find(id);
    if (it == histories_.end()) return;
    FinishHistory(id, Silent(context_.cell().data_center_name(it->second.home)));
  });
  Ask(call.home, query);
}

void KeyReader::On(NodeIndex from, const HistoryQueryReply& reply) {
  const auto it = histories_.find(reply.id);
  if (it == histories_.end() || DataCenterOf(from) != it->second.home) return;
  if (reply.versions.empty()) {
    return FinishHistory(reply.id, MakeError(absl::StatusCode::kNotFound, reason::kNoSuchKey,
                                             "the key has no version"));
  }
  HistoryReply history;
  history.versions = reply.versions;
  if (reply.more) {
    ByteWriter w;
    w.U64(reply.versions.back().version.value());
    history.next_page_token =
        MakeOpaqueToken(kHistoryTokenLabel, context_.cell(), it->second.key, w.span());
  }
  FinishHistory(reply.id, std::move(history));
}

void KeyReader::FinishHistory(RequestId id, absl::StatusOr<HistoryReply> reply) {
  auto call = histories_.extract(id);
  context_.executor().Cancel(call.mapped().timer);
  call.mapped().done(std::move(reply));
}

void KeyReader::StopAll(const absl::Status& status) {
  while (!lists_.empty()) FinishList(lists_.begin()->first, status);
  while (!histories_.empty()) FinishHistory(histories_.begin()->first, status);
}

}  // namespace worldb::engine
