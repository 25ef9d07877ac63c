#include "engine/edge/share_gather.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace worldb::engine {

using cryptoscatter::GatherDecoder;
using cryptoscatter::OpenedValue;

namespace {

// What is shared with the pool; it has the charge too, for it may outlive the call.
struct Opening {
  absl::StatusOr<OpenedValue> value;
  Budget::Charge charge;
};

}  // namespace

std::shared_ptr<ShareGather> ShareGather::Create(EdgeReader& reader, const Bytes& key,
                                                 const KeyTag& key_tag, const ReadTarget& target,
                                                 Budget::Charge charge, Done done) {
  return std::shared_ptr<ShareGather>(
      new ShareGather(reader, key, key_tag, target, std::move(charge), std::move(done)));
}

ShareGather::ShareGather(EdgeReader& reader, const Bytes& key, const KeyTag& key_tag,
                         const ReadTarget& target, Budget::Charge charge, Done done)
    : reader_(reader),
      key_(key),
      key_tag_(key_tag),
      target_(target),
      room_bytes_(target.payload_bytes),
      charge_(std::move(charge)),
      done_(std::move(done)),
      plan_(*target.script, target.holders, reader.answer_times()),
      decoder_(std::make_shared<GatherDecoder>(
          GatherDecoder::Expectation{.cell = reader.cell().id(),
                                     .core = target.core,
                                     .version = target.version,
                                     .scripts = reader.cell().scripts().shared_book()},
          reader.verifier())) {}

void ShareGather::Start(std::unique_ptr<SpeculativeGather> speculative) {
  speculative_ = std::move(speculative);
  const NodeSet hopeful = Hopeful();
  const absl::Duration since =
      speculative_ == nullptr ? absl::ZeroDuration() : speculative_->asked_at();
  Fetch(plan_.Begin(reader_.access().Look(), reader_.now(), hopeful, since));
  const auto self = shared_from_this();
  if (speculative_ != nullptr) {
    for (int i = 0; i < kNodeCount && !over_; ++i) {
      if (hopeful.Has(i) && speculative_->HasReply(NodeAt(i))) TakeSpeculative(NodeAt(i));
    }
    speculative_->Follow([this, hopeful](NodeIndex from) {
      if (hopeful.Has(from) && !over_) TakeSpeculative(from);
    });
  }
  if (!over_) Watch();
}

NodeSet ShareGather::Hopeful() const {
  NodeSet nodes;
  for (int i = 0; i < kNodeCount && speculative_ != nullptr; ++i) {
    if (speculative_->MayHave(NodeAt(i), target_.slot_epoch, target_.version)) nodes.Add(NodeAt(i));
  }
  return nodes;
}

void ShareGather::TakeSpeculative(NodeIndex from) {
  if (speculative_->MayHave(from, target_.slot_epoch, target_.version)) {
    plan_.TakeSpeculative(from);
    return GoOn(from, speculative_->ReplyOf(from));
  }
  plan_.AskAnew(from, reader_.access().Look(), reader_.now());
  NodeSet one;
  one.Add(from);
  Fetch(one);
}

void ShareGather::Fetch(NodeSet nodes) {
  for (int i = 0; i < kNodeCount; ++i) {
    if (!nodes.Has(i)) continue;
    questions_[i] = reader_.access().Fetch(
        NodeAt(i), version(), reader_.public_key(),
        [this, from = NodeAt(i)](const FetchShareReply& reply) { TakeShare(from, reply); });
  }
}

void ShareGather::Watch() {
  const absl::Duration now = reader_.now();
  watch_ = Timer(reader_.executor(), plan_.NextLook(now) - now, [this] {
    if (Follow(plan_.LookAgain(reader_.access().Look(), reader_.now()))) Watch();
  });
}

bool ShareGather::Follow(const ReadPlan::Step& step) {
  if (step.give_up) {
    Finish(std::nullopt);
    return false;
  }
  Fetch(step.ask);
  return true;
}

void ShareGather::TakeShare(NodeIndex from, const FetchShareReply& reply) {
  plan_.TakeAnswer(from, reader_.now());
  GoOn(from, reply);
}

void ShareGather::GoOn(NodeIndex from, const FetchShareReply& reply) {
  const bool good = Judge(from, reply);
  if (no_room_) return Finish(std::nullopt);
  if (decoder_->IsReadable()) return Open();
  Follow(plan_.GoOn(good, reader_.access().Look(), reader_.now()));
}

bool ShareGather::Judge(NodeIndex from, const FetchShareReply& reply) {
  if (reply.share == nullptr) {
    // Where nobody says that it should be, its absence is no fault.
    if (!absl::IsNotFound(reply.status)) {
      Reject(from, reply.status.message());
    } else if (target_.holders.Has(from)) {
      Reject(from, "missing, though the node signed for it");
    }
    return false;
  }
  const cryptoscatter::Share& share = *reply.share;
  if (target_.commitment.has_value() && share.Commitment() != *target_.commitment) {
    Reject(from, absl::StrCat("the node gave share ", share.index.value(), " of version ",
                              share.version.value(), ", not of the value the home recorded"));
    return false;
  }
  if (!reader_.cell().IsWriter(share.proof.signer)) {
    Reject(from, "no writer of this cell signed it");
    return false;
  }
  return Add(from, reply);
}

bool ShareGather::Add(NodeIndex from, const FetchShareReply& reply) {
  std::optional<cryptoscatter::KeyShare> key_share = reader_.OpenKeyShare(from, reply);
  const bool has_key_share = key_share.has_value();
  const bool has_fragment = !reply.share->fragment.empty();
  const cryptoscatter::ShareVerdict verdict = decoder_->Add(
      *reply.share, std::move(key_share), reader_.cell().node(from).name, has_fragment, from);
  if (verdict.proof_ok) MakeRoomFor(reply.share->core);
  if (verdict.fragment_usable() || verdict.key_share_usable()) used_.Add(from);
  if (!has_fragment || !has_key_share) {
    Reject(from, has_fragment ? "its key share is not readable" : "its fragment is not readable");
    return false;
  }
  const bool good = verdict.fragment_usable() && verdict.key_share_usable() &&
                    verdict.record_fault == cryptoscatter::ShareFault::kNone;
  // The decoder keeps the reason.
  if (!good) reader_.access().Doubt(from, version());
  return good;
}

void ShareGather::MakeRoomFor(const cryptoscatter::Core& core) {
  if (core.CiphertextBytes() <= room_bytes_) return;
  room_bytes_ = core.CiphertextBytes();
  charge_ = {};
  auto charge = reader_.budget().TryCharge(*target_.script, room_bytes_);
  if (charge.has_value()) {
    charge_ = *std::move(charge);
  } else {
    no_room_ = true;
  }
}

void ShareGather::Reject(NodeIndex from, absl::string_view what) {
  rejected_.push_back(absl::StrCat("share ", from.value(), " of version ", target_.version.value(),
                                   " on node ", reader_.cell().node(from).name, ": ", what));
  reader_.access().Doubt(from, version());
}

void ShareGather::Open() {
  End();
  const std::optional<cryptoscatter::Core> core = decoder_->ReadableCore();
  if (core.has_value()) op_ = core->op_id;
  auto opening = std::make_shared<Opening>();
  opening->charge = std::move(charge_);
  RunOrOffload(
      reader_.executor(), core.has_value() ? core->plaintext_bytes : 0,
      [opening, decoder = decoder_, key = key_] { opening->value = decoder->Open(key); },
      [weak = weak_from_this(), opening] {
        const auto self = weak.lock();
        if (self == nullptr) return;
        self->charge_ = std::move(opening->charge);
        self->TakeOpened(std::move(opening->value));
      });
}

void ShareGather::TakeOpened(absl::StatusOr<OpenedValue> opened) {
  if (!opened.ok()) return Finish(std::nullopt, opened.status().message());
  Finish(*std::move(opened));
}

void ShareGather::End() {
  over_ = true;
  questions_ = {};
  watch_ = {};
  if (speculative_ != nullptr) speculative_->Stop();
}

void ShareGather::Finish(std::optional<OpenedValue> value, absl::string_view failure) {
  End();
  Gathered gathered{.value = std::move(value),
                    .op = op_,
                    .rejected = std::move(rejected_),
                    .no_room = no_room_,
                    .charge = std::move(charge_)};
  for (const std::string& reason : decoder_->rejected()) gathered.rejected.push_back(reason);
  if (!failure.empty()) gathered.rejected.emplace_back(failure);
  std::exchange(done_, nullptr)(std::move(gathered));
}

}  // namespace worldb::engine
