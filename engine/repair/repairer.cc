#include "engine/repair/repairer.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/key_repair.h"
#include "engine/cell/triad.h"
#include "engine/shares/delivery_check.h"
#include "engine/shares/verify_or_offload.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kAnswerSlack = absl::Milliseconds(500);

using cryptoscatter::KeyShare;
using cryptoscatter::Share;

}  // namespace

struct Repairer::Entry {
  enum class State { kReady, kPaused, kUnderWay };

  Entry(RepairingNode node, const VersionRef& version) : job(std::move(node), version) {}

  RepairJob job;
  State state = State::kReady;
  // Of the job's present questions and tasks, among all of all jobs.
  std::uint64_t turn = 0;
  std::vector<RequestId> questions;    // of this turn
  std::vector<Question> owed_answers;  // who waits for a receipt
};

Repairer::Repairer(NodeSelf& self, const NodeSecrets& secrets, PairwiseKeys& keys,
                   cryptoscatter::BatchVerifier& verifier, ShareReader& reader, ShareMender& mender,
                   const PeerTable& peers)
    : self_(self),
      secrets_(secrets),
      keys_(keys),
      verifier_(verifier),
      reader_(reader),
      mender_(mender),
      peers_(peers),
      asked_shares_(self.request_ids(), kQuestionsMax),
      asked_contributions_(self.request_ids(), kQuestionsMax) {}
Repairer::~Repairer() = default;

RepairStatus Repairer::Status() const {
  RepairStatus status = counts_;
  status.waiting = entries_.size();
  return status;
}

Helpers Repairer::HelpersNow() const { return {peers_.Reachable(), peers_.ByDistance()}; }

Repairer::Entry* Repairer::Find(const VersionRef& version) {
  const auto it = entries_.find(version);
  return it == entries_.end() ? nullptr : it->second.get();
}

Repairer::Entry* Repairer::Add(const VersionRef& version) {
  if (Entry* entry = Find(version)) return entry;
  if (entries_.size() >= kRepairsMax) return nullptr;
  auto entry = std::make_unique<Entry>(
      RepairingNode{self_.shared_cell(), self_.index(), &secrets_.storage_key, &verifier_},
      version);
  ready_.push_back(version);
  BeginSoon();
  return entries_.emplace(version, std::move(entry)).first->second.get();
}

void Repairer::BeginSoon() {
  self_.executor().Post([this] { BeginReady(); });
}

void Repairer::BeginReady() {
  while (under_way_ < kUnderWayMax && !ready_.empty()) {
    Entry* entry = Find(ready_.front());
    ready_.pop_front();
    if (entry == nullptr || entry->state != Entry::State::kReady) continue;
    ++under_way_;
    entry->state = Entry::State::kUnderWay;
    Do(*entry, entry->job.Begin());
  }
}

void Repairer::Wake(Entry& entry) {
  if (entry.state != Entry::State::kPaused) return;
  entry.state = Entry::State::kReady;
  ready_.push_back(entry.job.version());
}

void Repairer::WakeAll() {
  for (auto& [version, entry] : entries_) Wake(*entry);
  BeginReady();
}

void Repairer::Leave(Entry& entry) {
  Do(entry, repair::NewTurn());
  --under_way_;
  entries_.erase(VersionRef(entry.job.version()));
  BeginSoon();
}

void Repairer::Repair(const VersionRef& version) { Add(version); }

absl::StatusOr<KeyShare> Repairer::OpenOwed(const ShareDelivery& delivery) {
  WORLDB_ASSIGN_OR_RETURN(const PairwiseKeys::KeyPtr key,
                          keys_.OpenerKey(delivery.writer_exchange_key));
  WORLDB_ASSIGN_OR_RETURN(CheckedDelivery checked,
                          CheckDelivery(self_.cell(), self_.index(), delivery, *key, verifier_,
                                        /*with_fragment=*/false));
  return std::move(checked.key_share);
}

void Repairer::TakeOwed(NodeIndex from, const OwedShare& owed) {
  if (owed.delivery == nullptr) return;
  const Share& share = owed.delivery->share;
  const VersionRef version{share.core.key_tag, share.slot_epoch, share.version};
  absl::StatusOr<KeyShare> key_share = OpenOwed(*owed.delivery);
  if (!key_share.ok()) {
    return Refuse(from, owed.id, std::string(key_share.status().message()));
  }
  Entry* entry = Add(version);
  if (entry == nullptr) {
    return Refuse(from, owed.id, "too many repairs wait; offer it again later");
  }
  if (!entry->job.Owe(owed.delivery, *std::move(key_share))) {
    ++counts_.core_conflicts;
    return Refuse(from, owed.id, "another value was handed over under the same version");
  }
  if (entry->owed_answers.size() >= kOwedAnswersMax) {
    entry->owed_answers.erase(entry->owed_answers.begin());
  }
  entry->owed_answers.emplace_back(from, owed.id);
  Wake(*entry);
  BeginReady();
}

void Repairer::TakeFragment(NodeIndex from, const FetchFragmentReply& reply) {
  const std::optional<VersionRef> version = asked_shares_.Take(from, reply.id);
  Entry* entry = version.has_value() ? Find(*version) : nullptr;
  if (entry == nullptr) return;
  Do(*entry, entry->job.TakeShare(from, reply.status.ok() ? reply.share : nullptr, HelpersNow()));
}

void Repairer::TakeContribution(NodeIndex from, const RepairKeyShareReply& reply) {
  const std::optional<VersionRef> version = asked_contributions_.Take(from, reply.id);
  Entry* entry = version.has_value() ? Find(*version) : nullptr;
  if (entry == nullptr) return;
  std::optional<KeyShare> contribution;
  const auto opener = keys_.OpenerKey(self_.cell().node(from).exchange_key);
  if (reply.status.ok() && opener.ok()) {
    auto opened = cryptoscatter::OpenContribution(**opener, entry->job.key_repair(), from,
                                                  reply.contribution);
    if (opened.ok()) contribution = *std::move(opened);
  }
  Do(*entry, entry->job.TakeContribution(from, std::move(contribution), HelpersNow()));
}

void Repairer::Do(Entry& entry, repair::Effects effects) {
  for (const repair::Effect& effect : effects) {
    std::visit([&](const auto& one) { Do(entry, one); }, effect);
  }
}

template <typename Then>
auto Repairer::InThisTurn(const Entry& entry, Then then) {
  return [this, version = entry.job.version(), turn = entry.turn,
          then = std::move(then)](auto&&... arguments) {
    Entry* found = Find(version);
    if (found == nullptr || found->turn != turn) return;
    then(*found, std::forward<decltype(arguments)>(arguments)...);
  };
}

void Repairer::Do(Entry& entry, const repair::NewTurn&) {
  entry.turn = ++last_turn_;
  for (const RequestId id : std::exchange(entry.questions, {})) {
    asked_shares_.Drop(id);
    asked_contributions_.Drop(id);
  }
}

void Repairer::Do(Entry& entry, const repair::Inspect&) {
  reader_.Inspect(entry.job.version(), /*with_fragment=*/true,
                  InThisTurn(entry, [this](Entry& found, HeldShare held) {
                    Do(found, found.job.TakeHeld(std::move(held), HelpersNow()));
                  }));
}

void Repairer::Do(Entry& entry, const repair::AskMetadata& ask) {
  Ask(entry, ask.whom, asked_shares_, FetchFragment{0, {}, /*with_fragment=*/false});
}

void Repairer::Do(Entry& entry, const repair::AskFragments& ask) {
  Ask(entry, ask.whom, asked_shares_, FetchFragment{0, {}, /*with_fragment=*/true});
}

void Repairer::Do(Entry& entry, const repair::AskContributions& ask) {
  const cryptoscatter::KeyRepair repair = entry.job.key_repair();
  Ask(entry, ask.whom, asked_contributions_,
      RepairKeyShare{0, {}, repair.commitment, repair.helpers});
}

template <typename Message>
void Repairer::Ask(Entry& entry, NodeSet whom, Asked<VersionRef>& asked, Message message) {
  message.version = entry.job.version();
  std::vector<Question> questions;
  for (int i = 0; i < kNodeCount; ++i) {
    if (!whom.Has(i)) continue;
    message.id = asked.Add(NodeAt(i), message.version);
    questions.emplace_back(NodeAt(i), message.id);
    entry.questions.push_back(message.id);
    self_.Send(NodeAt(i), message);
  }
  WatchFor(entry, std::move(questions));
}

void Repairer::WatchFor(Entry& entry, std::vector<Question> questions) {
  absl::Duration farthest = absl::ZeroDuration();
  for (int i = 0; i < kNodeCount; ++i) {
    if (entry.job.awaited().Has(i)) farthest = std::max(farthest, peers_.RoundTrip(NodeAt(i)));
  }
  const auto look = [this, questions = std::move(questions)](Entry& found) {
    NodeSet silent;
    for (const auto& [node, id] : questions) {
      if (asked_shares_.Drop(id) || asked_contributions_.Drop(id)) silent.Add(node);
    }
    if (!silent.empty()) Do(found, found.job.TakeSilence(silent, HelpersNow()));
  };
  self_.executor().PostAfter(2 * farthest + kAnswerSlack, InThisTurn(entry, look));
}

void Repairer::Do(Entry& entry, const repair::Rebuild& rebuild) {
  const auto rebuilt = std::make_shared<RebuiltFragment>();
  VerifyOrOffload(
      self_.executor(), rebuild.task.bytes(), verifier_,
      [task = rebuild.task, rebuilt](cryptoscatter::BatchVerifier& verifier) {
        *rebuilt = task.Run(verifier);
      },
      InThisTurn(entry, [this, rebuilt](Entry& found) {
        Do(found, found.job.TakeRebuilt(std::move(*rebuilt), HelpersNow()));
      }));
}

void Repairer::Do(Entry& entry, const repair::Mend&) {
  mender_.Mend(entry.job.share(), entry.job.key_share(),
               InThisTurn(entry, [this](Entry& found, const absl::Status& status) {
                 Do(found, found.job.TakeMended(status));
               }));
}

void Repairer::Do(Entry&, const repair::FoundBad&) { ++counts_.bad_shares_found; }

void Repairer::Do(Entry&, const repair::Alarm&) { ++counts_.core_conflicts; }

void Repairer::Do(Entry&, const repair::Fetched& fetched) {
  const bool near = Triad::Of(self_.index()).Has(fetched.from);
  (near ? counts_.fragment_bytes_lan : counts_.fragment_bytes_wan) += fetched.bytes;
}

void Repairer::Refuse(NodeIndex to, RequestId id, const std::string& why) const {
  PutSharesReply reply;
  reply.id = id;
  reply.refusals.push_back({.delivery = 0, .reason = why});
  self_.Send(to, std::move(reply));
}

void Repairer::Do(Entry& entry, const repair::RefuseOwed& refuse) {
  for (const auto& [to, id] : std::exchange(entry.owed_answers, {})) {
    Refuse(to, id, refuse.why);
  }
}

void Repairer::Do(Entry& entry, const repair::Pause& pause) {
  entry.state = Entry::State::kPaused;
  --under_way_;
  self_.executor().PostAfter(pause.length, InThisTurn(entry, [this](Entry& found) {
                               Wake(found);
                               BeginReady();
                             }));
  BeginSoon();
}

void Repairer::Do(Entry& entry, const repair::GiveUp& give_up) {
  ++counts_.given_up;
  Do(entry, repair::RefuseOwed{give_up.why});
  Leave(entry);
}

void Repairer::Do(Entry& entry, const repair::Done& done) {
  if (done.written) {
    ++counts_.shares_repaired;
    counts_.fragments_repaired += done.fragment_rebuilt ? 1 : 0;
    counts_.key_shares_repaired += done.key_share_rebuilt ? 1 : 0;
  }
  const cryptoscatter::ReceiptClaim claim = entry.job.share().Claim();
  for (const auto& [to, id] : entry.owed_answers) {
    PutSharesReply reply;
    reply.id = id;
    reply.receipts = cryptoscatter::SignClaims(secrets_.signing, self_.cell().id(), {&claim, 1});
    self_.Send(to, std::move(reply));
  }
  Leave(entry);
}

}  // namespace worldb::engine
