#include "engine/edge/gatherer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/cell/errors.h"
#include "engine/cell/levels.h"

namespace worldb::engine {
namespace {

// A home that does not answer is asked again; the request or the answer may have been lost.
constexpr absl::Duration kAskHomeEvery = absl::Milliseconds(500);
// Everybody is asked what they hold when the home has been silent for this part of the deadline.
constexpr double kHomeSilentPart = 0.4;
constexpr absl::Duration kLookAgainEvery = absl::Milliseconds(250);
// How much sooner than its caller the home must give up, beside the way back.
constexpr absl::Duration kAnswerSlack = absl::Milliseconds(200);
constexpr absl::Duration kListSlack = absl::Milliseconds(300);

using cryptoscatter::GatherDecoder;
using cryptoscatter::OpenedValue;

// For who got too few shares: nodes with a good one, the fewest that would do, and the others.
ErrorDetails SharesDetails(const Cell& cell, const cryptoscatter::Script& script, NodeSet have) {
  int need = kNodeCount;
  for (int bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
    const NodeSet set = NodeSet::FromBits(static_cast<std::uint32_t>(bits));
    if (script.IsReadable(set)) need = std::min(need, set.Count());
  }
  std::string missing;
  for (int i = 0; i < kNodeCount; ++i) {
    if (!have.Has(NodeAt(i))) {
      absl::StrAppend(&missing, missing.empty() ? "" : ",", cell.node(NodeAt(i)).name);
    }
  }
  return {{"have", absl::StrCat(have.Count())}, {"need", absl::StrCat(need)}, {"missing", missing}};
}

}  // namespace

Gatherer::Gatherer(NodeContext& context, const HomeDirectory& homes, const PeerTable& peers)
    : context_(context),
      homes_(homes),
      peers_(peers),
      reader_(cryptoscatter::ExchangeKeyPair::Generate(*context.parts.entropy)) {}

Gatherer::Call* Gatherer::Find(CallId id) {
  const auto it = calls_.find(id);
  return it == calls_.end() ? nullptr : it->second.get();
}

RequestId Gatherer::NewRequest(CallId id, Call& call) {
  const RequestId request = context_.NextRequest();
  requests_.emplace(request, Request{id, call.target});
  call.requests.push_back(request);
  return request;
}

void Gatherer::Get(GetRequest request, Done done) {
  if (request.key.empty() || request.key.size() > cryptoscatter::kKeyNameBytesMax) {
    return done(MakeError(absl::StatusCode::kInvalidArgument, reason::kBadKey,
                          absl::StrCat("the key has ", request.key.size(), " bytes; 1 to ",
                                       cryptoscatter::kKeyNameBytesMax, " are allowed"),
                          {{"field", "key"}}));
  }
  const CallId id = ++last_call_;
  auto call = std::make_unique<Call>();
  call->key_tag = context_.cell().KeyTagOf(request.key);
  call->home = context_.cell().HomeOf(context_.cell().SlotOf(call->key_tag));
  call->deadline = context_.now() + request.timeout;
  call->timer = context_.executor().PostAfter(request.timeout, [this, id] { OnDeadline(id); });
  call->done = std::move(done);
  const ReadMode mode = request.mode;
  const absl::Duration patience = kHomeSilentPart * request.timeout;
  call->request = std::move(request);
  calls_.emplace(id, std::move(call));
  if (mode == ReadMode::kSurviving) {
    ListAll(id);
    return;
  }
  AskHome(id);
  context_.executor().PostAfter(patience, [this, id] {
    const Call* silent = Find(id);
    if (silent != nullptr && !silent->home_answered) ListAll(id);
  });
}

void Gatherer::AskHome(CallId id) {
  Call* call = Find(id);
  if (call == nullptr || call->home_answered) return;
  if (const auto sequencer = homes_.SequencerOf(call->home)) {
    ReadQuery query;
    // Asked again under the same id, it is the same read.
    if (call->home_request == 0) call->home_request = NewRequest(id, *call);
    query.id = call->home_request;
    query.key_tag = call->key_tag;
    if (call->request.mode == ReadMode::kVersion) query.version = call->request.version;
    query.patience =
        std::max(absl::ZeroDuration(),
                 call->deadline - context_.now() - peers_.RoundTrip(*sequencer) - kAnswerSlack);
    context_.Send(*sequencer, query);
  }
  const absl::Duration round_trip =
      peers_.RoundTrip(NodeAt(call->home.value() * kNodesPerDataCenter));
  context_.executor().PostAfter(kAskHomeEvery + 2 * round_trip, [this, id] { AskHome(id); });
}

void Gatherer::On(NodeIndex, const ReadReply& reply) {
  const auto it = requests_.find(reply.id);
  if (it == requests_.end()) return;
  const CallId id = it->second.call;
  Call* call = Find(id);
  if (call == nullptr || call->home_answered) return;
  if (reply.status.ok() && !reply.facts.has_value()) return;
  call->home_answered = true;
  if (!reply.status.ok()) return Finish(id, reply.status);
  const VersionFacts& facts = *reply.facts;
  absl::StatusOr<std::shared_ptr<const cryptoscatter::Script>> script =
      context_.cell().FindScript(facts.script);
  if (!script.ok()) {
    return Finish(id, MakeError(absl::StatusCode::kFailedPrecondition, reason::kBadScript,
                                script.status().message()));
  }
  call->targets = {{facts.slot_epoch, facts.id.version, facts.commitment, std::nullopt,
                    *std::move(script), facts.held, facts.level, facts.op, facts.void_versions}};
  Gather(id);
}

void Gatherer::ListAll(CallId id) {
  Call& call = *Find(id);
  call.listing = true;
  absl::Duration farthest = absl::ZeroDuration();
  const NodeSet reachable = peers_.PossiblyReachable();
  for (int i = 0; i < kNodeCount; ++i) {
    context_.Send(NodeAt(i), ListShares{NewRequest(id, call), call.key_tag});
    if (reachable.Has(i)) farthest = std::max(farthest, peers_.RoundTrip(NodeAt(i)));
  }
  context_.executor().PostAfter(2 * farthest + kListSlack, [this, id] {
    const Call* waiting = Find(id);
    if (waiting != nullptr && waiting->listing) OnListed(id);
  });
}

void Gatherer::On(NodeIndex from, const ListSharesReply& reply) {
  const auto it = requests_.find(reply.id);
  if (it == requests_.end()) return;
  const CallId id = it->second.call;
  Call* call = Find(id);
  if (call == nullptr || !call->listing) return;
  // Who could not look says nothing of what is there.
  (reply.status.ok() ? call->listed : call->could_not_list).Add(from);
  for (const ListedShare& share : reply.shares) call->holders[share].Add(from);
  if (peers_.PossiblyReachable().Minus(call->listed | call->could_not_list).empty()) OnListed(id);
}

std::vector<Gatherer::Target> Gatherer::TargetsOf(const Call& call) const {
  std::vector<Target> targets;
  // The map is in order of slot epoch and version: newest last.
  for (auto it = call.holders.rbegin(); it != call.holders.rend(); ++it) {
    const auto& [share, holders] = *it;
    const auto script = context_.cell().FindScript(share.script);
    if (!script.ok() || !(*script)->IsReadable(holders)) continue;
    targets.push_back({share.slot_epoch,
                       share.version,
                       std::nullopt,
                       share.core,
                       *script,
                       holders,
                       LevelOf(**script, holders),
                       OpId(),
                       {}});
  }
  return targets;
}

void Gatherer::OnListed(CallId id) {
  Call& call = *Find(id);
  call.listing = false;
  if (call.request.mode != ReadMode::kSurviving) return;  // kept for the words at the deadline
  call.targets = TargetsOf(call);
  if (!call.targets.empty()) return Gather(id);
  if (!call.holders.empty()) {
    const auto& [newest, holders] = *call.holders.rbegin();
    const auto script = context_.cell().FindScript(newest.script);
    return Finish(
        id, MakeError(
                absl::StatusCode::kUnavailable, reason::kSharesInsufficient,
                absl::StrCat("the ", call.listed.Count(),
                             " nodes that answered hold too few shares of any "
                             "version; start more nodes and try again"),
                SharesDetails(context_.cell(),
                              script.ok() ? **script : *cryptoscatter::Script::Nested(), holders)));
  }
  // Where the silent ones could read by themselves, absence proves nothing.
  for (const auto& [name, script] : context_.cell().scripts().by_name()) {
    if (!script->IsReadable(NodeSet::All().Minus(call.listed))) continue;
    return Finish(id, MakeError(absl::StatusCode::kUnavailable, reason::kSharesInsufficient,
                                absl::StrCat("only ", call.listed.Count(),
                                             " nodes answered; start more nodes and try again"),
                                SharesDetails(context_.cell(), *script, call.listed)));
  }
  Finish(id, MakeError(absl::StatusCode::kNotFound, reason::kNoSuchKey,
                       "no node that answered holds a share of this key"));
}

absl::Duration Gatherer::ExpectedTime(NodeIndex node) const {
  return answer_times_.Expected(node, peers_.RoundTrip(node), context_.now());
}

// `hopeful` and the quickest further nodes that suffice together, none of those superfluous.
NodeSet Gatherer::NearestReadable(const cryptoscatter::Script& script, NodeSet holders,
                                  NodeSet hopeful) const {
  std::vector<NodeIndex> order = peers_.ByDistance();
  std::stable_sort(order.begin(), order.end(),
                   [this](NodeIndex a, NodeIndex b) { return ExpectedTime(a) < ExpectedTime(b); });
  NodeSet chosen = hopeful;
  for (const NodeIndex node : order) {
    if (script.IsReadable(chosen)) break;
    if (holders.Has(node)) chosen.Add(node);
  }
  if (!script.IsReadable(chosen)) return {};
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    NodeSet without = chosen;
    without.Remove(*it);
    if (!hopeful.Has(*it) && script.IsReadable(without)) chosen = without;
  }
  return chosen;
}

void Gatherer::Gather(CallId id) {
  Call& call = *Find(id);
  const Target& target = call.targets[call.target];
  call.decoder = std::make_shared<GatherDecoder>(
      GatherDecoder::Expectation{.cell = context_.cell().id(),
                                 .core = target.core,
                                 .version = target.version,
                                 .scripts = context_.cell().scripts().shared_book()},
      context_.verifier);
  call.asked = {};
  call.overdue = {};
  call.answered = {};
  call.used = {};
  NodeSet first = NearestReadable(*target.script, target.holders & peers_.Reachable());
  // The log's held set may lag behind what the nodes have.
  if (first.empty()) first = NearestReadable(*target.script, peers_.Reachable());
  if (first.empty()) first = NodeSet::All();
  Fetch(id, first);
  Watch(id);
}

// Looks again when the next answer is overdue.
void Gatherer::Watch(CallId id) {
  const Call& call = *Find(id);
  const NodeSet awaited = call.asked.Minus(call.answered).Minus(call.overdue);
  absl::Duration next =
      awaited.empty() ? context_.now() + kLookAgainEvery : absl::InfiniteDuration();
  for (int i = 0; i < kNodeCount; ++i) {
    if (awaited.Has(i)) next = std::min(next, call.due_at[i]);
  }
  context_.executor().PostAfter(next - context_.now(), [this, id, at = call.target] {
    const Call* slow = Find(id);
    if (slow == nullptr || slow->target != at || slow->opening) return;
    Hedge(id);
    MaybeGiveUp(id);
    const Call* still = Find(id);
    if (still != nullptr && still->target == at) Watch(id);
  });
}

void Gatherer::Hedge(CallId id) {
  Call& call = *Find(id);
  const NodeSet awaited = call.asked.Minus(call.answered).Minus(call.overdue);
  for (int i = 0; i < kNodeCount; ++i) {
    if (!awaited.Has(i) || call.due_at[i] > context_.now()) continue;
    call.overdue.Add(NodeAt(i));
    answer_times_.Add(NodeAt(i), context_.now() - call.asked_at[i], context_.now());
  }
  const NodeSet hopeful = call.asked.Minus(call.overdue.Minus(call.answered));
  const Target& target = call.targets[call.target];
  const NodeSet enough =
      NearestReadable(*target.script, target.holders & peers_.Reachable(), hopeful);
  Fetch(id, enough.empty() ? NodeSet::All() : enough);
}

void Gatherer::Fetch(CallId id, NodeSet nodes) {
  Call& call = *Find(id);
  const Target& target = call.targets[call.target];
  for (int i = 0; i < kNodeCount; ++i) {
    if (!nodes.Has(i) || call.asked.Has(i)) continue;
    const NodeIndex node = NodeAt(i);
    call.asked.Add(node);
    call.asked_at[i] = context_.now();
    call.due_at[i] =
        context_.now() + answer_times_.Patience(node, peers_.RoundTrip(node), context_.now());
    context_.Send(node, FetchShare{NewRequest(id, call), call.key_tag, target.slot_epoch,
                                   target.version, reader_.public_key()});
  }
}

const cryptoscatter::PairwiseKey* Gatherer::OpenerKey(NodeIndex node) {
  auto& key = opener_keys_[node.value()];
  if (key == nullptr) {
    auto made = reader_.PairwiseKeyAsOpener(context_.cell().node(node).exchange_key);
    if (!made.ok()) return nullptr;
    key = std::make_unique<cryptoscatter::PairwiseKey>(*std::move(made));
  }
  return key.get();
}

void Gatherer::On(NodeIndex from, const FetchShareReply& reply) {
  const auto it = requests_.find(reply.id);
  if (it == requests_.end()) return;
  const Request request = it->second;
  requests_.erase(it);
  const CallId id = request.call;
  Call* call = Find(id);
  if (call == nullptr || call->opening || call->decoder == nullptr) return;
  if (call->target != request.target) return;  // of a version given up since
  call->answered.Add(from);
  answer_times_.Add(from, context_.now() - call->asked_at[from.value()], context_.now());
  OnShare(id, from, reply);
}

void Gatherer::OnShare(CallId id, NodeIndex from, const FetchShareReply& reply) {
  Call& call = *Find(id);
  const Target& target = call.targets[call.target];
  const std::string& name = context_.cell().node(from).name;
  bool good = false;
  const auto reject = [this, &call, &target, &name, from](absl::string_view what) {
    call.rejected.push_back(absl::StrCat("share ", from.value(), " of version ",
                                         target.version.value(), " on node ", name, ": ", what));
    Doubt(call, from);
  };
  if (reply.share == nullptr) {
    // Where nobody says that it should be, its absence is no fault.
    if (!absl::IsNotFound(reply.status)) {
      reject(reply.status.message());
    } else if (target.holders.Has(from)) {
      reject("missing, though the node signed for it");
    }
  } else if (target.commitment.has_value() && reply.share->Commitment() != *target.commitment) {
    reject(absl::StrCat("the node gave share ", reply.share->index.value(), " of version ",
                        reply.share->version.value(), ", not of the value the home recorded"));
  } else {
    std::optional<cryptoscatter::KeyShare> key_share;
    if (const auto* key = OpenerKey(from); key != nullptr && reply.status.ok()) {
      auto opened = cryptoscatter::OpenKeyShare(
          *key, {reply.share->core.Id(), reply.share->index, reply.share->key_share_hash},
          cryptoscatter::ReaderIdOf(reader_.public_key()), reply.key_share);
      if (opened.ok()) key_share = *std::move(opened);
    }
    const bool has_key_share = key_share.has_value();
    const bool has_fragment = !reply.share->fragment.empty();
    const auto verdict =
        call.decoder->Add(*reply.share, std::move(key_share), name, has_fragment, from);
    good = has_fragment && has_key_share && verdict.fragment_usable() &&
           verdict.key_share_usable() && verdict.record_fault == cryptoscatter::ShareFault::kNone;
    if (verdict.fragment_usable() || verdict.key_share_usable()) call.used.Add(from);
    if (!has_fragment || !has_key_share) {
      reject(has_fragment ? "its key share is not readable" : "its fragment is not readable");
    } else if (!good) {
      Doubt(call, from);  // the decoder keeps the reason
    }
  }
  if (call.decoder->IsReadable()) return Open(id);
  if (!good) Fetch(id, NodeSet::All());
  const Call* still = Find(id);
  if (still != nullptr) MaybeGiveUp(id);
}

void Gatherer::Doubt(const Call& call, NodeIndex node) {
  const Target& target = call.targets[call.target];
  context_.Send(node, ShareDoubt{{call.key_tag, target.slot_epoch, target.version}});
}

// Nobody who is up has anything to add.
void Gatherer::MaybeGiveUp(CallId id) {
  const Call& call = *Find(id);
  if (call.opening || !peers_.PossiblyReachable().Minus(call.answered).empty()) return;
  NextTarget(id);
}

void Gatherer::Open(CallId id) {
  Call& call = *Find(id);
  call.opening = true;
  const std::optional<cryptoscatter::Core> core = call.decoder->ReadableCore();
  if (core.has_value()) call.targets[call.target].op = core->op_id;
  if (!core.has_value() || core->plaintext_bytes <= kOffloadBytes) {
    return OnOpened(id, call.decoder->Open(call.request.key));
  }
  auto opened = std::make_shared<absl::StatusOr<OpenedValue>>(absl::UnknownError("not opened"));
  context_.executor().Offload(
      [opened, decoder = call.decoder, key = call.request.key] { *opened = decoder->Open(key); },
      [this, id, opened] {
        if (Find(id) != nullptr) OnOpened(id, std::move(*opened));
      });
}

void Gatherer::OnOpened(CallId id, absl::StatusOr<OpenedValue> opened) {
  Call& call = *Find(id);
  for (const std::string& reason : call.decoder->rejected()) call.rejected.push_back(reason);
  if (!opened.ok()) {
    call.rejected.push_back(std::string(opened.status().message()));
    return NextTarget(id);
  }
  const Target& target = call.targets[call.target];
  if (opened->kind == cryptoscatter::ValueKind::kTombstone) {
    const std::string version = absl::StrCat(target.version.value());
    return Finish(id, MakeError(absl::StatusCode::kNotFound, reason::kNoSuchKey,
                                absl::StrCat("the key was deleted by version ", version,
                                             ", the newest that the nodes which answered can read"),
                                {{"deleted_version", version}}));
  }
  GetReply reply;
  reply.version = target.version;
  reply.op = target.op;
  reply.level = target.level;
  reply.home_silent = call.request.mode == ReadMode::kSurviving;
  reply.value = std::move(opened->value);
  reply.void_versions = target.void_versions;
  reply.read_from = call.used;
  reply.rejected = std::move(call.rejected);
  Finish(id, std::move(reply));
}

// SURVIVING falls back to the next older version; the others have one target only.
void Gatherer::NextTarget(CallId id) {
  Call& call = *Find(id);
  if (!call.opening) {
    for (const std::string& reason : call.decoder->rejected()) call.rejected.push_back(reason);
  }
  if (call.target + 1 < call.targets.size()) {
    ++call.target;
    call.opening = false;
    return Gather(id);
  }
  const Target& target = call.targets[call.target];
  ErrorDetails details = SharesDetails(context_.cell(), *target.script, call.used);
  details.emplace_back("version", absl::StrCat(target.version.value()));
  Finish(id, MakeError(absl::StatusCode::kUnavailable, reason::kSharesInsufficient,
                       absl::StrCat("version ", target.version.value(), " cannot be read from the ",
                                    call.answered.Count(), " nodes that answered: ",
                                    call.rejected.empty() ? "they hold too few shares"
                                                          : absl::StrJoin(call.rejected, "; ")),
                       details));
}

void Gatherer::OnDeadline(CallId id) {
  Call* call = Find(id);
  if (call == nullptr) return;
  if (call->decoder != nullptr) {
    const Target& target = call->targets[call->target];
    ErrorDetails details = SharesDetails(context_.cell(), *target.script, call->used);
    details.emplace_back("version", absl::StrCat(target.version.value()));
    return Finish(id, MakeError(absl::StatusCode::kUnavailable, reason::kSharesInsufficient,
                                absl::StrCat("version ", target.version.value(),
                                             " was not readable in time: ", call->answered.Count(),
                                             " of ", call->asked.Count(), " nodes answered"),
                                details));
  }
  const std::string& home = context_.cell().data_center_name(call->home);
  ErrorDetails details = {{"home", home}};
  std::string words = absl::StrCat("the key's home data center ", home, " does not answer");
  if (const std::vector<Target> surviving = TargetsOf(*call); !surviving.empty()) {
    const std::string version = absl::StrCat(surviving.front().version.value());
    details.emplace_back("surviving_version", version);
    absl::StrAppend(&words, "; --surviving would return version ", version,
                    ", which may not be the latest");
  } else {
    absl::StrAppend(&words, "; try again when it is back");
  }
  Finish(id, MakeError(absl::StatusCode::kUnavailable, reason::kTriadUnavailable, words, details));
}

void Gatherer::Finish(CallId id, absl::StatusOr<GetReply> reply) {
  const auto it = calls_.find(id);
  const std::unique_ptr<Call> call = std::move(it->second);
  calls_.erase(it);
  context_.executor().Cancel(call->timer);
  for (const RequestId request : call->requests) requests_.erase(request);
  call->done(std::move(reply));
}

void Gatherer::StopAll(const absl::Status& status) {
  while (!calls_.empty()) Finish(calls_.begin()->first, status);
}

}  // namespace worldb::engine
