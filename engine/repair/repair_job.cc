#include "engine/repair/repair_job.h"

#include <algorithm>
#include <bit>
#include <map>
#include <utility>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/merkle.h"
#include "engine/cell/triad.h"

namespace worldb::engine {

using cryptoscatter::KeyShare;
using cryptoscatter::Share;

bool RepairJob::Owe(std::shared_ptr<const ShareDelivery> delivery, KeyShare key_share) {
  const CommitmentId commitment = delivery->share.Commitment();
  if (owed_ != nullptr && owed_->share.Commitment() != commitment) return false;
  if (attempt_.share.has_value() && attempt_.commitment != commitment) return false;
  owed_ = std::move(delivery);
  owed_key_share_ = std::move(key_share);
  return true;
}

repair::Effects RepairJob::Begin() {
  attempt_ = {};
  BeginTurn();
  Add(repair::Inspect());
  return Take();
}

repair::Effects RepairJob::TakeHeld(HeldShare held, Helpers helpers) {
  helpers_ = std::move(helpers);
  if (held.unread()) {
    Pause();
    return Take();
  }
  const bool whole = held.whole();
  // A share that is owed was never here; others were, or someone who should know thinks so.
  if (!whole && !absl::IsNotFound(held.row)) NoteBad();
  attempt_.stored_key_share = held.stored_key_share;
  attempt_.stored_key_share_hash = held.share.key_share_hash;
  if (held.metadata_ok) {
    if (owed_ != nullptr && owed_->share.Commitment() != held.share.Commitment()) {
      // What is here stays, and is repaired for what it is.
      Add(repair::Alarm());
      RefuseOwed("another value is stored under the same version");
    }
    if (held.key_share_ok) attempt_.key_share = std::move(held.key_share);
    if (held.fragment_ok) attempt_.fragment_root = held.share.fragment_root;
    Know(std::move(held.share));
  } else if (owed_ != nullptr) {
    Know(owed_->share);
  }
  if (attempt_.share.has_value() && !attempt_.key_share.has_value() &&
      owed_key_share_.has_value()) {
    attempt_.key_share = owed_key_share_->Duplicate();
  }
  if (whole) {
    Add(repair::Done());
  } else {
    Advance();
  }
  return Take();
}

repair::Effects RepairJob::TakeShare(NodeIndex from, std::shared_ptr<const Share> share,
                                     Helpers helpers) {
  helpers_ = std::move(helpers);
  attempt_.awaited.Remove(from);
  const bool usable = share != nullptr && IsUsable(from, *share);
  if (attempt_.question == Question::kMetadata) {
    if (usable) {
      attempt_.answers[from.value()] = std::move(share);
    } else {
      attempt_.excluded.Add(from);
    }
    WeighMetadata();
    return Take();
  }
  if (share != nullptr) Add(repair::Fetched{from, share->fragment.size()});
  if (usable && share->Commitment() == attempt_.commitment) {
    attempt_.answers[from.value()] = std::move(share);
    MaybeRebuild();
  } else {
    if (usable) Add(repair::Alarm());
    attempt_.excluded.Add(from);
    Advance();
  }
  return Take();
}

repair::Effects RepairJob::TakeContribution(NodeIndex from, std::optional<KeyShare> contribution,
                                            Helpers helpers) {
  helpers_ = std::move(helpers);
  attempt_.awaited.Remove(from);
  // One of another number of rows is a lie, and its sender known.
  const int rows = attempt_.script->key_sharing().RowCount(node_.index);
  if (!contribution.has_value() || contribution->rows() != rows) {
    attempt_.excluded.Add(from);
    Advance();
  } else {
    attempt_.contributions.push_back({from, *std::move(contribution)});
    if (attempt_.awaited.empty()) JoinContributions();
  }
  return Take();
}

repair::Effects RepairJob::TakeSilence(NodeSet silent, Helpers helpers) {
  helpers_ = std::move(helpers);
  attempt_.excluded = attempt_.excluded | silent;
  attempt_.awaited = attempt_.awaited.Minus(silent);
  Advance();
  return Take();
}

repair::Effects RepairJob::TakeRebuilt(RebuiltFragment rebuilt, Helpers helpers) {
  helpers_ = std::move(helpers);
  if (!rebuilt.bad.empty()) {
    attempt_.excluded = attempt_.excluded | rebuilt.bad;
    for (std::size_t i = 0; i < attempt_.answers.size(); ++i) {
      if (rebuilt.bad.Has(static_cast<int>(i))) attempt_.answers[i] = nullptr;
    }
    Advance();
    return Take();
  }
  attempt_.answers = {};
  if (!rebuilt.fragment.ok()) {
    GiveUp(std::string(rebuilt.fragment.status().message()));
    return Take();
  }
  attempt_.share->fragment = *std::move(rebuilt.fragment);
  attempt_.fragment_root = rebuilt.root;
  attempt_.fragment_rebuilt = true;
  Advance();
  return Take();
}

repair::Effects RepairJob::TakeMended(const absl::Status& status) {
  if (absl::IsAlreadyExists(status)) {
    Add(repair::Alarm());
    GiveUp(std::string(status.message()));
  } else if (!status.ok()) {
    Pause();
  } else {
    Add(repair::Done{/*written=*/true, attempt_.fragment_rebuilt, attempt_.key_share_rebuilt});
  }
  return Take();
}

void RepairJob::Advance() {
  if (!attempt_.share.has_value()) return AskMetadata();
  if (!attempt_.key_share.has_value()) return AskKeyShare();
  if (!attempt_.fragment_root.has_value()) return AskFragments();
  if (Settle()) {
    BeginTurn();
    return Add(repair::Mend());
  }
  // The rebuilt fragment is right if its helpers' are. So the key share is wrong, as it was found or
  // as helpers made it, or the writer signed what is no codeword.
  if (!attempt_.leaf.has_value() && KeyShareFits()) {
    return GiveUp("the writer's nine leaves do not fit together");
  }
  if (attempt_.key_share_rebuilt) failed_helpers_.push_back(attempt_.helpers);
  attempt_.key_share.reset();
  Advance();
}

bool RepairJob::KeyShareFits() const {
  return cryptoscatter::KeyShareHash(attempt_.core, node_.index, *attempt_.key_share) ==
         attempt_.share->key_share_hash;
}

bool RepairJob::Settle() {
  Share& share = *attempt_.share;
  if (!attempt_.leaf.has_value()) {
    return share.fragment_root == *attempt_.fragment_root && KeyShareFits();
  }
  share.fragment_root = *attempt_.fragment_root;
  share.key_share_hash =
      cryptoscatter::KeyShareHash(attempt_.core, share.index, *attempt_.key_share);
  return share.Commitment() == attempt_.commitment;
}

NodeSet RepairJob::Candidates() const {
  NodeSet others = helpers_.reachable.Minus(attempt_.excluded);
  others.Remove(node_.index);
  return others;
}

// Of this version, of the node that sent it, and proved.
bool RepairJob::IsUsable(NodeIndex from, const Share& share) const {
  return share.index == from && share.core.key_tag == version_.key_tag &&
         share.slot_epoch == version_.slot_epoch && share.version == version_.version &&
         share.slot == node_.cell->SlotOf(version_.key_tag) &&
         share.core.kind != cryptoscatter::ValueKind::kFile &&
         node_.cell->IsWriter(share.proof.signer) &&
         cryptoscatter::VerifyShare(share, node_.cell->id(), *node_.verifier, nullptr, {},
                                    /*has_fragment=*/false, node_.cell->scripts().book())
             .reason.empty();
}

void RepairJob::Know(Share share) {
  const auto script = node_.cell->FindScript(share.script);
  WORLDB_CHECK(script.ok());  // its proof holds
  attempt_.script = *script;
  attempt_.core = share.core.Id();
  attempt_.commitment = share.Commitment();
  attempt_.share = std::move(share);
}

void RepairJob::AskMetadata() {
  if (attempt_.question == Question::kMetadata) return Pause();  // everybody was asked
  const NodeSet others = Candidates();
  if (others.empty()) return Pause();
  attempt_.question = Question::kMetadata;
  BeginTurn();
  attempt_.awaited = others;
  Add(repair::AskMetadata{others});
}

// Once nodes that could read the value name one commitment, a neighbour's share tells the rest.
void RepairJob::WeighMetadata() {
  std::map<CommitmentId, NodeSet> named;
  for (std::size_t i = 0; i < attempt_.answers.size(); ++i) {
    if (attempt_.answers[i] != nullptr) {
      named[attempt_.answers[i]->Commitment()].Add(NodeAt(static_cast<int>(i)));
    }
  }
  if (named.size() > 1) {
    Add(repair::Alarm());
    return GiveUp("other nodes hold two values under this version");
  }
  const NodeSet agree = named.empty() ? NodeSet() : named.begin()->second;
  const NodeSet near = agree & Triad::Of(node_.index).set();
  if (!near.empty()) {
    const auto neighbour =
        attempt_.answers[static_cast<std::size_t>(std::countr_zero(near.bits()))];
    const auto script = node_.cell->FindScript(neighbour->script);
    if (script.ok() && (*script)->CanRead(agree)) {
      Adopt(*neighbour, named.begin()->first);
      return Advance();
    }
  }
  if (!attempt_.awaited.empty()) return;
  // All others answered, and none has it: it was never here, or is gone everywhere.
  if (agree.empty() && attempt_.excluded.Count() == kNodeCount - 1) {
    return GiveUp("no node holds this version");
  }
  Pause();
}

void RepairJob::Adopt(const Share& neighbour, const CommitmentId& commitment) {
  NoteBad();
  cryptoscatter::SiblingMetadata own = cryptoscatter::MetadataOfSibling(neighbour, node_.index);
  attempt_.leaf = own.leaf;
  Know(std::move(own.share));
  attempt_.commitment = commitment;  // its own cannot be told while its leaf is whole
  attempt_.answers = {};
  UnwrapStored();
}

// What can be unwrapped for this core was wrapped by this node, under this very hash.
void RepairJob::UnwrapStored() {
  if (!attempt_.stored_key_share.has_value()) return;
  const Hash256& hash = attempt_.stored_key_share_hash;
  auto key_share =
      cryptoscatter::UnwrapKeyShare(*node_.storage_key,
                                    {attempt_.core, attempt_.share->generation, node_.index,
                                     node_.cell->node(node_.index).id, hash},
                                    *attempt_.stored_key_share);
  if (key_share.ok() &&
      cryptoscatter::KeyShareHash(attempt_.core, node_.index, *key_share) == hash) {
    attempt_.key_share = *std::move(key_share);
  }
}

cryptoscatter::KeyRepair RepairJob::key_repair() const {
  return {attempt_.commitment, attempt_.share->generation, node_.index, attempt_.helpers};
}

// The nearest nodes that give it, in a combination not tried in vain.
std::optional<NodeSet> RepairJob::ChooseKeyHelpers() const {
  std::vector<NodeSet> sets =
      cryptoscatter::KeyHelperSets(attempt_.script->key_sharing(), node_.index, Candidates());
  std::erase_if(sets, [this](NodeSet set) {
    return std::find(failed_helpers_.begin(), failed_helpers_.end(), set) != failed_helpers_.end();
  });
  NodeSet near;
  for (auto next = helpers_.by_distance.begin();; ++next) {
    const auto found = std::find_if(sets.begin(), sets.end(),
                                    [near](NodeSet set) { return set.Minus(near).empty(); });
    if (found != sets.end()) return *found;
    if (next == helpers_.by_distance.end()) return std::nullopt;
    near.Add(*next);
  }
}

void RepairJob::AskKeyShare() {
  const std::optional<NodeSet> chosen = ChooseKeyHelpers();
  if (!chosen.has_value()) return Pause();
  attempt_.question = Question::kKeyShare;
  BeginTurn();
  attempt_.contributions.clear();
  attempt_.helpers = *chosen;
  if (chosen->empty()) return JoinContributions();  // a node without a place in the key clause
  attempt_.awaited = *chosen;
  Add(repair::AskContributions{*chosen});
}

void RepairJob::JoinContributions() {
  auto joined = cryptoscatter::JoinContributions(attempt_.script->key_sharing(), key_repair(),
                                                 attempt_.contributions);
  const bool known = !attempt_.leaf.has_value();
  if (!joined.ok() || (known && cryptoscatter::KeyShareHash(attempt_.core, node_.index, *joined) !=
                                    attempt_.share->key_share_hash)) {
    failed_helpers_.push_back(attempt_.helpers);
  } else {
    attempt_.key_share = *std::move(joined);
    attempt_.key_share_rebuilt = true;
  }
  Advance();
}

std::optional<NodeSet> RepairJob::ChooseFragmentHelpers() const {
  const NodeSet candidates = Candidates();
  NodeSet near;
  for (const NodeIndex node : helpers_.by_distance) {
    if (!candidates.Has(node)) continue;
    near.Add(node);
    const auto helpers = attempt_.script->code().HelpersFor(node_.index, near);
    if (helpers.ok()) return *helpers;
  }
  return std::nullopt;
}

void RepairJob::AskFragments() {
  const std::optional<NodeSet> chosen = ChooseFragmentHelpers();
  if (!chosen.has_value()) return Pause();
  if (std::exchange(attempt_.question, Question::kFragments) != Question::kFragments) BeginTurn();
  NodeSet whom = chosen->Minus(attempt_.awaited);
  for (std::size_t i = 0; i < attempt_.answers.size(); ++i) {
    if (attempt_.answers[i] != nullptr) whom.Remove(NodeAt(static_cast<int>(i)));
  }
  if (whom.empty()) return MaybeRebuild();
  attempt_.awaited = attempt_.awaited | whom;
  Add(repair::AskFragments{whom});
}

void RepairJob::MaybeRebuild() {
  NodeSet answered;
  for (std::size_t i = 0; i < attempt_.answers.size(); ++i) {
    if (attempt_.answers[i] != nullptr) answered.Add(NodeAt(static_cast<int>(i)));
  }
  const auto helpers = attempt_.script->code().HelpersFor(node_.index, answered);
  if (!helpers.ok()) return;
  BeginTurn();
  Add(repair::Rebuild{
      FragmentRebuild{node_.cell, attempt_.script, node_.index, *helpers, attempt_.answers}});
}

void RepairJob::BeginTurn() {
  attempt_.awaited = {};
  Add(repair::NewTurn());
}

void RepairJob::NoteBad() {
  if (!std::exchange(counted_bad_, true)) Add(repair::FoundBad());
}

void RepairJob::RefuseOwed(std::string why) {
  owed_ = nullptr;
  owed_key_share_.reset();
  Add(repair::RefuseOwed{std::move(why)});
}

void RepairJob::Pause() {
  if (++attempts_ >= kAttemptsMax) {
    return GiveUp("its helpers could not be reached in time; offer it again later");
  }
  attempt_ = {};
  BeginTurn();
  const int doublings = std::min(attempts_ - 1, 6);
  Add(repair::Pause{std::min(kPauseMax, kPauseMin * static_cast<double>(1u << doublings))});
}

void RepairJob::GiveUp(std::string why) { Add(repair::GiveUp{std::move(why)}); }

}  // namespace worldb::engine
