#include "engine/repair/repairer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/key_repair.h"
#include "cryptoscatter/merkle.h"
#include "engine/shares/delivery_check.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kAnswerSlack = absl::Milliseconds(500);
constexpr absl::Duration kPauseMin = absl::Seconds(1);
constexpr absl::Duration kPauseMax = absl::Minutes(1);
constexpr std::size_t kOwedAnswersMax = 4;

using cryptoscatter::KeyShare;
using cryptoscatter::Script;
using cryptoscatter::Share;
using SharePtr = std::shared_ptr<const Share>;
using SharesByNode = std::array<SharePtr, kNodeCount>;

// What rebuilding needs, by value: it may run on the pool.
struct RebuildTask {
  std::shared_ptr<const Cell> cell;
  std::shared_ptr<const Script> script;
  NodeIndex target;
  NodeSet helpers;
  SharesByNode shares;
};

}  // namespace

struct Repairer::Rebuilt {
  NodeSet bad;  // helpers whose fragment is not of the signed root
  absl::StatusOr<Bytes> fragment = absl::UnknownError("not rebuilt");
  Hash256 root;
};

struct Repairer::Job {
  enum class Phase { kReady, kPaused, kInspect, kMetadata, kKeyShare, kFragment, kMend };

  explicit Job(const VersionRef& v) : version(v) {}

  const VersionRef version;
  Phase phase = Phase::kReady;
  std::uint64_t step = 0;
  int attempts = 0;
  bool counted_bad = false;
  // Handed over by the scatterer, and who waits for a receipt.
  std::shared_ptr<const ShareDelivery> owed;
  std::optional<KeyShare> owed_key_share;
  std::vector<std::pair<NodeIndex, RequestId>> owed_answers;
  // Contributions of these did not give the share: one of them lies.
  std::vector<NodeSet> failed_helpers;

  // Of the present attempt.
  NodeSet excluded;              // no help from these
  std::vector<RequestId> asked;  // since Watch()
  NodeSet awaited;               // asked, and not heard from
  std::optional<Share> share;    // trusted metadata; what else is known goes in
  std::shared_ptr<const Script> script;
  CoreId core;
  CommitmentId commitment;
  std::optional<Hash256> leaf;  // set when fragment root and key-share hash are not known apart
  std::optional<cryptoscatter::StoredKeyShare> stored_key_share;
  Hash256 stored_key_share_hash;  // as the row beside it says
  std::optional<KeyShare> key_share;
  NodeSet helpers;  // for the key share
  std::vector<cryptoscatter::IndexedKeyShare> contributions;
  bool key_share_rebuilt = false;
  SharesByNode answers;                  // metadata or fragments, judged
  std::optional<Hash256> fragment_root;  // of the fragment in `share`, once it is there
  bool fragment_rebuilt = false;

  void Restart() {
    excluded = {};
    awaited = {};
    share.reset();
    leaf.reset();
    stored_key_share.reset();
    key_share.reset();
    contributions.clear();
    key_share_rebuilt = false;
    answers = {};
    fragment_root.reset();
    fragment_rebuilt = false;
  }
};

namespace {

// Empty when the share is of this version, of the node that sent it, and proved.
std::string Unfit(const NodeContext& context, cryptoscatter::BatchVerifier& verifier,
                  const VersionRef& version, NodeIndex from, const Share& share) {
  if (share.index != from || share.core.key_tag != version.key_tag ||
      share.slot_epoch != version.slot_epoch || share.version != version.version ||
      share.slot != context.cell().SlotOf(version.key_tag)) {
    return "it is another share than was asked for";
  }
  if (share.core.kind == cryptoscatter::ValueKind::kFile) return "a file is not kept by nodes";
  if (!context.cell().IsWriter(share.proof.signer)) {
    return absl::StrCat("key ", share.proof.signer.Hex(),
                        " that signed it is no writer of this cell");
  }
  return cryptoscatter::VerifyShare(share, context.cell().id(), verifier, nullptr, {},
                                    /*has_fragment=*/false, context.cell().scripts().book())
      .reason;
}

}  // namespace

Repairer::Repairer(NodeContext& context, ShareStore& shares, PairwiseKeys& keys,
                   const PeerTable& peers)
    : context_(context), shares_(shares), keys_(keys), peers_(peers) {}
Repairer::~Repairer() = default;

RepairStatus Repairer::Status() const {
  RepairStatus status = counts_;
  status.waiting = jobs_.size();
  return status;
}

Repairer::Job* Repairer::Find(const Step& step) {
  const auto it = jobs_.find(step.version);
  return it == jobs_.end() || it->second->step != step.number ? nullptr : it->second.get();
}

Repairer::Step Repairer::StepOf(const Job& job) const { return {job.version, job.step}; }

void Repairer::NewStep(Job& job) {
  job.step = ++last_step_;
  job.awaited = {};
}

Repairer::Job* Repairer::Add(const VersionRef& version) {
  if (const auto it = jobs_.find(version); it != jobs_.end()) return it->second.get();
  if (jobs_.size() >= kRepairsMax) return nullptr;
  Job* job = jobs_.emplace(version, std::make_unique<Job>(version)).first->second.get();
  ready_.push_back(version);
  context_.executor().Post([this] { Begin(); });
  return job;
}

void Repairer::Repair(const VersionRef& version) { Add(version); }

void Repairer::On(NodeIndex, const ShareDoubt& doubt) { Add(doubt.version); }

absl::StatusOr<KeyShare> Repairer::OpenOwed(const ShareDelivery& delivery) {
  WORLDB_ASSIGN_OR_RETURN(const PairwiseKeys::KeyPtr key,
                          keys_.OpenerKey(delivery.writer_exchange_key));
  return CheckDelivery(context_.cell(), context_.index(), delivery, *key, context_.verifier,
                       /*with_fragment=*/false);
}

void Repairer::On(NodeIndex from, const OwedShare& owed) {
  if (owed.delivery == nullptr) return;
  const Share& share = owed.delivery->share;
  const VersionRef version{share.core.key_tag, share.slot_epoch, share.version};
  const auto refuse = [this, from, &owed, &version](absl::string_view why) {
    PutSharesReply reply;
    reply.id = owed.id;
    reply.refusals.push_back({{version.key_tag, version.version}, std::string(why)});
    context_.Send(from, std::move(reply));
  };
  absl::StatusOr<KeyShare> key_share = OpenOwed(*owed.delivery);
  if (!key_share.ok()) return refuse(key_share.status().message());
  if (share.slot != context_.cell().SlotOf(version.key_tag)) return refuse("it names another slot");
  Job* job = Add(version);
  if (job == nullptr) return refuse("too many repairs wait; offer it again later");
  const CommitmentId commitment = share.Commitment();
  if ((job->owed != nullptr && job->owed->share.Commitment() != commitment) ||
      (job->share.has_value() && job->commitment != commitment)) {
    ++counts_.core_conflicts;
    return refuse("another value was handed over under the same version");
  }
  job->owed = owed.delivery;
  job->owed_key_share = *std::move(key_share);
  if (job->owed_answers.size() >= kOwedAnswersMax) {
    job->owed_answers.erase(job->owed_answers.begin());
  }
  job->owed_answers.emplace_back(from, owed.id);
  Wake(*job);
  Begin();
}

void Repairer::OnNodeReturned() {
  for (auto& [version, job] : jobs_) Wake(*job);
  Begin();
}

void Repairer::Wake(Job& job) {
  if (job.phase != Job::Phase::kPaused) return;
  job.phase = Job::Phase::kReady;
  ready_.push_back(job.version);
}

void Repairer::Begin() {
  while (under_way_ < kUnderWayMax && !ready_.empty()) {
    const auto it = jobs_.find(ready_.front());
    ready_.pop_front();
    if (it == jobs_.end() || it->second->phase != Job::Phase::kReady) continue;
    Job& job = *it->second;
    ++under_way_;
    job.phase = Job::Phase::kInspect;
    job.Restart();
    NewStep(job);
    shares_.reader().Inspect(job.version, /*with_fragment=*/true,
                             [this, step = StepOf(job)](HeldShare held) {
                               if (Job* found = Find(step)) OnInspected(*found, std::move(held));
                             });
  }
}

void Repairer::OnInspected(Job& job, HeldShare held) {
  if (!held.row.ok() && !IsMissingOrDamaged(held.row)) return Pause(job);
  // A share that is owed was never here; others were, or someone who should know thinks so.
  if (!held.whole() && !absl::IsNotFound(held.row) && !std::exchange(job.counted_bad, true)) {
    ++counts_.bad_shares_found;
  }
  if (held.metadata_ok) {
    if (job.owed != nullptr && job.owed->share.Commitment() != held.share.Commitment()) {
      // What is here stays, and is repaired for what it is.
      ++counts_.core_conflicts;
      RefuseOwed(job, "another value is stored under the same version");
    }
    job.share = std::move(held.share);
    if (held.key_share_ok) job.key_share = std::move(held.key_share);
  } else if (job.owed != nullptr) {
    job.share = job.owed->share;
  }
  job.stored_key_share = held.stored_key_share;
  job.stored_key_share_hash = held.share.key_share_hash;
  if (job.share.has_value()) {
    const absl::StatusOr<std::shared_ptr<const Script>> script =
        context_.cell().FindScript(job.share->script);
    WORLDB_CHECK(script.ok());  // its proof holds
    job.script = *script;
    job.core = job.share->core.Id();
    job.commitment = job.share->Commitment();
    if (!job.key_share.has_value() && job.owed_key_share.has_value()) {
      job.key_share = job.owed_key_share->Duplicate();
    }
    if (held.metadata_ok && held.fragment_ok) job.fragment_root = job.share->fragment_root;
  }
  if (held.whole()) return Finish(job, /*written=*/false);
  Advance(job);
}

void Repairer::Advance(Job& job) {
  if (!job.share.has_value()) return AskMetadata(job);
  if (!job.key_share.has_value()) return AskKeyShare(job);
  if (!job.fragment_root.has_value()) return AskFragments(job);
  if (Settle(job)) return Mend(job);
  // The rebuilt fragment is right if its helpers' are. So the key share is wrong, as it was found or
  // as helpers made it, or the writer signed what is no codeword.
  if (!job.leaf.has_value() && KeyShareFits(job)) {
    return GiveUp(job, "the writer's nine leaves do not fit together");
  }
  if (job.key_share_rebuilt) job.failed_helpers.push_back(job.helpers);
  job.key_share.reset();
  Advance(job);
}

NodeSet Repairer::Candidates(const Job& job) const {
  NodeSet others = peers_.Reachable().Minus(job.excluded);
  others.Remove(context_.index());
  return others;
}

template <typename Message>
void Repairer::Ask(Job& job, NodeIndex node, Message message) {
  message.id = context_.NextRequest();
  message.version = job.version;
  requests_.emplace(message.id, Question{StepOf(job), node});
  job.asked.push_back(message.id);
  job.awaited.Add(node);
  context_.Send(node, std::move(message));
}

void Repairer::Watch(Job& job) {
  const std::vector<RequestId> asked = std::exchange(job.asked, {});
  absl::Duration farthest = absl::ZeroDuration();
  for (int i = 0; i < kNodeCount; ++i) {
    if (job.awaited.Has(i)) farthest = std::max(farthest, peers_.RoundTrip(NodeAt(i)));
  }
  context_.executor().PostAfter(2 * farthest + kAnswerSlack, [this, asked, step = StepOf(job)] {
    NodeSet silent;
    for (const RequestId request : asked) {
      const auto it = requests_.find(request);
      if (it == requests_.end()) continue;
      silent.Add(it->second.node);
      requests_.erase(it);
    }
    Job* found = Find(step);
    if (found == nullptr || silent.empty()) return;
    found->excluded = found->excluded | silent;
    found->awaited = found->awaited.Minus(silent);
    Advance(*found);
  });
}

Repairer::Job* Repairer::Answered(NodeIndex from, RequestId request) {
  const auto it = requests_.find(request);
  if (it == requests_.end()) return nullptr;
  const Question question = it->second;
  if (question.node != from) return nullptr;
  requests_.erase(it);
  Job* job = Find(question.step);
  if (job == nullptr) return nullptr;
  job->awaited.Remove(from);
  return job;
}

// -- metadata

void Repairer::AskMetadata(Job& job) {
  if (job.phase == Job::Phase::kMetadata) return Pause(job);  // everybody was asked
  job.phase = Job::Phase::kMetadata;
  job.answers = {};
  NewStep(job);
  const NodeSet others = Candidates(job);
  for (int i = 0; i < kNodeCount; ++i) {
    if (others.Has(i)) Ask(job, NodeAt(i), FetchFragment{0, {}, /*with_fragment=*/false});
  }
  if (others.empty()) return Pause(job);
  Watch(job);
}

// Once nodes that could read the value name one commitment, a neighbour's share tells the rest.
void Repairer::OnMetadata(Job& job) {
  std::map<CommitmentId, NodeSet> named;
  for (std::size_t i = 0; i < job.answers.size(); ++i) {
    if (job.answers[i] != nullptr) {
      named[job.answers[i]->Commitment()].Add(NodeAt(static_cast<int>(i)));
    }
  }
  if (named.size() > 1) {
    ++counts_.core_conflicts;
    return GiveUp(job, "other nodes hold two values under this version");
  }
  const NodeSet agree = named.empty() ? NodeSet() : named.begin()->second;
  const NodeSet near = agree & NodeSet::Of(context_.data_center());
  if (!near.empty()) {
    const Share& neighbour = *job.answers[static_cast<std::size_t>(std::countr_zero(near.bits()))];
    const auto script = context_.cell().FindScript(neighbour.script);
    if (script.ok() && (*script)->CanRead(agree)) {
      if (!std::exchange(job.counted_bad, true)) ++counts_.bad_shares_found;
      cryptoscatter::SiblingMetadata own =
          cryptoscatter::MetadataOfSibling(neighbour, context_.index());
      job.share = std::move(own.share);
      job.leaf = own.leaf;
      job.script = *script;
      job.core = job.share->core.Id();
      job.commitment = named.begin()->first;
      job.answers = {};
      // What can be unwrapped for this core was wrapped by this node, under this very hash.
      if (job.stored_key_share.has_value()) {
        auto key_share = cryptoscatter::UnwrapKeyShare(
            context_.parts.secrets->storage_key,
            {job.core, job.share->generation, context_.index(),
             context_.cell().node(context_.index()).id, job.stored_key_share_hash},
            *job.stored_key_share);
        if (key_share.ok() && cryptoscatter::KeyShareHash(job.core, context_.index(), *key_share) ==
                                  job.stored_key_share_hash) {
          job.key_share = *std::move(key_share);
        }
      }
      return Advance(job);
    }
  }
  if (!job.awaited.empty()) return;
  // All others answered, and none has it: it was never here, or is gone everywhere.
  if (agree.empty() && job.excluded.Count() == kNodeCount - 1) {
    return GiveUp(job, "no node holds this version");
  }
  Pause(job);
}

void Repairer::On(NodeIndex from, const FetchFragmentReply& reply) {
  Job* job = Answered(from, reply.id);
  if (job == nullptr) return;
  const bool usable = reply.status.ok() && reply.share != nullptr &&
                      Unfit(context_, context_.verifier, job->version, from, *reply.share).empty();
  if (job->phase == Job::Phase::kMetadata) {
    if (usable) {
      job->answers[from.value()] = reply.share;
    } else {
      job->excluded.Add(from);
    }
    return OnMetadata(*job);
  }
  if (reply.share != nullptr) {
    (DataCenterOf(from) == context_.data_center() ? counts_.fragment_bytes_lan
                                                  : counts_.fragment_bytes_wan) +=
        reply.share->fragment.size();
  }
  if (usable && reply.share->Commitment() == job->commitment) {
    job->answers[from.value()] = reply.share;
    return MaybeRebuild(*job);
  }
  if (usable) ++counts_.core_conflicts;
  job->excluded.Add(from);
  Advance(*job);
}

// -- key share

// The nearest nodes that give it, in a combination not tried in vain.
std::optional<NodeSet> Repairer::ChooseKeyHelpers(const Job& job) const {
  std::vector<NodeSet> sets =
      cryptoscatter::KeyHelperSets(job.script->key_sharing(), context_.index(), Candidates(job));
  std::erase_if(sets, [&job](NodeSet set) {
    return std::find(job.failed_helpers.begin(), job.failed_helpers.end(), set) !=
           job.failed_helpers.end();
  });
  const std::vector<NodeIndex> order = peers_.ByDistance();
  NodeSet near;
  for (auto next = order.begin();; ++next) {
    const auto found = std::find_if(sets.begin(), sets.end(),
                                    [near](NodeSet set) { return set.Minus(near).empty(); });
    if (found != sets.end()) return *found;
    if (next == order.end()) return std::nullopt;
    near.Add(*next);
  }
}

void Repairer::AskKeyShare(Job& job) {
  job.phase = Job::Phase::kKeyShare;
  job.contributions.clear();
  NewStep(job);
  const std::optional<NodeSet> chosen = ChooseKeyHelpers(job);
  if (!chosen.has_value()) return Pause(job);
  job.helpers = *chosen;
  if (chosen->empty()) return OnContributions(job);  // a node without a place in the key clause
  for (int i = 0; i < kNodeCount; ++i) {
    if (chosen->Has(i)) Ask(job, NodeAt(i), RepairKeyShare{0, {}, job.commitment, *chosen});
  }
  Watch(job);
}

void Repairer::On(NodeIndex from, const RepairKeyShareReply& reply) {
  Job* job = Answered(from, reply.id);
  if (job == nullptr) return;
  if (reply.status.ok()) {
    const cryptoscatter::KeyRepair repair{job->commitment, job->share->generation, context_.index(),
                                          job->helpers};
    const auto opener = keys_.OpenerKey(context_.cell().node(from).exchange_key);
    if (opener.ok()) {
      auto contribution =
          cryptoscatter::OpenContribution(**opener, repair, from, reply.contribution);
      // One of another number of rows is a lie, and its sender known.
      if (contribution.ok() &&
          contribution->rows() == job->script->key_sharing().RowCount(context_.index())) {
        job->contributions.push_back({from, *std::move(contribution)});
        if (job->awaited.empty()) OnContributions(*job);
        return;
      }
    }
  }
  job->excluded.Add(from);
  Advance(*job);
}

void Repairer::OnContributions(Job& job) {
  auto joined = cryptoscatter::JoinContributions(
      job.script->key_sharing(),
      {job.commitment, job.share->generation, context_.index(), job.helpers}, job.contributions);
  const bool known = !job.leaf.has_value();
  if (!joined.ok() || (known && cryptoscatter::KeyShareHash(job.core, context_.index(), *joined) !=
                                    job.share->key_share_hash)) {
    job.failed_helpers.push_back(job.helpers);
  } else {
    job.key_share = *std::move(joined);
    job.key_share_rebuilt = true;
  }
  Advance(job);
}

// -- fragment

void Repairer::AskFragments(Job& job) {
  if (std::exchange(job.phase, Job::Phase::kFragment) != Job::Phase::kFragment) NewStep(job);
  const NodeSet candidates = Candidates(job);
  NodeSet near;
  std::optional<NodeSet> chosen;
  for (const NodeIndex node : peers_.ByDistance()) {
    if (!candidates.Has(node)) continue;
    near.Add(node);
    const auto helpers = job.script->code().HelpersFor(context_.index(), near);
    if (helpers.ok()) {
      chosen = *helpers;
      break;
    }
  }
  if (!chosen.has_value()) return Pause(job);
  for (int i = 0; i < kNodeCount; ++i) {
    if (chosen->Has(i) && !job.awaited.Has(i) &&
        job.answers[static_cast<std::size_t>(i)] == nullptr) {
      Ask(job, NodeAt(i), FetchFragment{0, {}, /*with_fragment=*/true});
    }
  }
  if (!job.asked.empty()) return Watch(job);
  MaybeRebuild(job);
}

void Repairer::MaybeRebuild(Job& job) {
  NodeSet answered;
  for (int i = 0; i < kNodeCount; ++i) {
    if (job.answers[static_cast<std::size_t>(i)] != nullptr) answered.Add(NodeAt(i));
  }
  const auto helpers = job.script->code().HelpersFor(context_.index(), answered);
  if (helpers.ok()) Rebuild(job, *helpers);
}

void Repairer::Rebuild(Job& job, NodeSet helpers) {
  const RebuildTask task{context_.parts.cell, job.script, context_.index(), helpers, job.answers};
  const auto run = [](const RebuildTask& t, cryptoscatter::BatchVerifier& verifier) {
    Rebuilt out;
    cryptoscatter::FragmentSpans spans;
    SharePtr any;
    for (std::size_t i = 0; i < t.shares.size(); ++i) {
      if (!t.helpers.Has(static_cast<int>(i))) continue;
      any = t.shares[i];
      spans[i] = any->fragment;
      if (!cryptoscatter::VerifyShare(*any, t.cell->id(), verifier, nullptr, {},
                                      /*has_fragment=*/true, t.cell->scripts().book())
               .fragment_usable()) {
        out.bad.Add(NodeAt(static_cast<int>(i)));
      }
    }
    if (!out.bad.empty()) return out;
    out.fragment = t.script->code().RebuildFragment(t.target, t.helpers, spans);
    if (out.fragment.ok()) {
      out.root = cryptoscatter::FragmentRoot(any->core.suite, any->core.Id(), any->generation,
                                             t.target, *out.fragment);
    }
    return out;
  };
  std::size_t bytes = 0;
  for (const SharePtr& share : task.shares) bytes += share == nullptr ? 0 : share->fragment.size();
  if (bytes <= kOffloadBytes) return OnRebuilt(job, run(task, context_.verifier));
  NewStep(job);
  auto rebuilt = std::make_shared<Rebuilt>();
  context_.executor().Offload(
      [task, run, rebuilt] {
        cryptoscatter::BatchVerifier verifier;
        *rebuilt = run(task, verifier);
      },
      [this, rebuilt, step = StepOf(job)] {
        if (Job* found = Find(step)) OnRebuilt(*found, std::move(*rebuilt));
      });
}

void Repairer::OnRebuilt(Job& job, Rebuilt rebuilt) {
  if (!rebuilt.bad.empty()) {
    job.excluded = job.excluded | rebuilt.bad;
    for (std::size_t i = 0; i < job.answers.size(); ++i) {
      if (rebuilt.bad.Has(static_cast<int>(i))) job.answers[i] = nullptr;
    }
    return Advance(job);
  }
  job.answers = {};
  if (!rebuilt.fragment.ok()) return GiveUp(job, std::string(rebuilt.fragment.status().message()));
  job.share->fragment = *std::move(rebuilt.fragment);
  job.fragment_root = rebuilt.root;
  job.fragment_rebuilt = true;
  Advance(job);
}

// -- end

bool Repairer::KeyShareFits(const Job& job) const {
  return cryptoscatter::KeyShareHash(job.core, context_.index(), *job.key_share) ==
         job.share->key_share_hash;
}

bool Repairer::Settle(Job& job) {
  Share& share = *job.share;
  if (!job.leaf.has_value()) {
    return share.fragment_root == *job.fragment_root && KeyShareFits(job);
  }
  share.fragment_root = *job.fragment_root;
  share.key_share_hash = cryptoscatter::KeyShareHash(job.core, share.index, *job.key_share);
  return share.Commitment() == job.commitment;
}

void Repairer::Mend(Job& job) {
  job.phase = Job::Phase::kMend;
  NewStep(job);
  shares_.mender().Mend(*job.share, *job.key_share,
                        [this, step = StepOf(job)](absl::Status status) {
                          Job* found = Find(step);
                          if (found == nullptr) return;
                          if (absl::IsAlreadyExists(status)) {
                            ++counts_.core_conflicts;
                            return GiveUp(*found, std::string(status.message()));
                          }
                          if (!status.ok()) return Pause(*found);
                          Finish(*found, /*written=*/true);
                        });
}

void Repairer::Pause(Job& job) {
  if (++job.attempts >= kAttemptsMax) {
    return GiveUp(job, "its helpers could not be reached in time; offer it again later");
  }
  job.phase = Job::Phase::kPaused;
  job.Restart();
  NewStep(job);
  --under_way_;
  const absl::Duration pause =
      std::min(kPauseMax, kPauseMin * static_cast<double>(1u << std::min(job.attempts - 1, 6)));
  context_.executor().PostAfter(pause, [this, step = StepOf(job)] {
    Job* found = Find(step);
    if (found == nullptr) return;
    Wake(*found);
    Begin();
  });
  context_.executor().Post([this] { Begin(); });
}

void Repairer::RefuseOwed(Job& job, const std::string& why) {
  for (const auto& [to, id] : job.owed_answers) {
    PutSharesReply reply;
    reply.id = id;
    reply.refusals.push_back({{job.version.key_tag, job.version.version}, why});
    context_.Send(to, std::move(reply));
  }
  job.owed_answers.clear();
  job.owed = nullptr;
  job.owed_key_share.reset();
}

void Repairer::GiveUp(Job& job, const std::string& why) {
  ++counts_.given_up;
  RefuseOwed(job, why);
  Leave(job.version);
}

void Repairer::Finish(Job& job, bool written) {
  if (written) {
    ++counts_.shares_repaired;
    counts_.fragments_repaired += job.fragment_rebuilt ? 1 : 0;
    counts_.key_shares_repaired += job.key_share_rebuilt ? 1 : 0;
  }
  const cryptoscatter::ReceiptClaim claim = job.share->Claim();
  for (const auto& [to, id] : job.owed_answers) {
    PutSharesReply reply;
    reply.id = id;
    reply.receipts = cryptoscatter::SignReceipts(context_.parts.secrets->signing,
                                                 context_.cell().id(), {&claim, 1});
    context_.Send(to, std::move(reply));
  }
  Leave(job.version);
}

void Repairer::Leave(VersionRef version) {
  --under_way_;
  jobs_.erase(version);
  context_.executor().Post([this] { Begin(); });
}

}  // namespace worldb::engine
