#include "engine/gateway/ingress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "arbiter/ticket.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/cell/errors.h"
#include "engine/cell/key_name.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kTickEvery = absl::Milliseconds(100);
// A stream that has frames under way and does not move for this long is sent again.
// Doubled each time in vain.
constexpr absl::Duration kResendAfter = absl::Seconds(1);
constexpr absl::Duration kResendAfterMax = absl::Seconds(10);
// An op nothing was heard of for this long is asked for.
constexpr absl::Duration kAskAfter = absl::Seconds(1);
constexpr std::size_t kAskPerTickMax = 200;
constexpr std::size_t kFramesPerBatchMax = 256;
constexpr absl::Duration kStageRetryAfter = absl::Milliseconds(300);
// Values sealed this soon after the last signature wait for the next one, so that a busy node's
// signatures are few; an idle node signs at once.
constexpr absl::Duration kSignEvery = absl::Milliseconds(5);
constexpr absl::Duration kSessionLifetime = absl::Minutes(55);
constexpr std::uint64_t kSessionValuesMax = std::uint64_t{1} << 20;

using cryptoscatter::SealedValue;

}  // namespace

void Ingress::Start(StreamEpoch stream_epoch) {
  issuer_ = std::make_unique<arbiter::StampIssuer>(
      context_.index(), stream_epoch, context_.options.clock_bound_max, *context_.parts.clock);
  started_.store(true, std::memory_order_release);
  Tick();
}

bool Ingress::may_stamp() const {
  const arbiter::ClockReading now = context_.parts.clock->Now();
  return started_.load(std::memory_order_acquire) && now.quality != arbiter::ClockQuality::kNone &&
         now.bound <= context_.options.clock_bound_max;
}

absl::StatusOr<Ingress::Admitted> Ingress::Admit(CallId call, SetRequest request,
                                                 SetObserver observer) {
  WORLDB_RETURN_IF_ERROR(CheckKeyName(request.key));
  if (request.value.size() > cryptoscatter::kValueBytesMax) {
    return MakeError(absl::StatusCode::kInvalidArgument, reason::kValueTooLarge,
                     absl::StrCat("the value has ", request.value.size(), " bytes; at most ",
                                  cryptoscatter::kValueBytesMax, " are allowed"),
                     {{"field", "value"}});
  }
  if (request.kind == arbiter::OpKind::kDelete && request.value.size() != 0) {
    return MakeError(absl::StatusCode::kInvalidArgument, reason::kValueTooLarge,
                     "a Delete has no value", {{"field", "value"}});
  }
  CellScripts::ScriptPtr script = context_.cell().scripts().ForKey(request.key);
  if (request.script.has_value()) {
    auto found = context_.cell().FindScript(*request.script);
    if (!found.ok()) {
      return MakeError(absl::StatusCode::kInvalidArgument, reason::kBadScript,
                       found.status().message(), {{"field", "script"}});
    }
    script = *std::move(found);
  }
  if (absl::Status status = arbiter::CheckOpId(request.op); !status.ok()) {
    return MakeError(absl::StatusCode::kInvalidArgument, reason::kBadOpId, status.message(),
                     {{"field", "op_id"}});
  }
  if (!started_.load(std::memory_order_acquire)) {
    return MakeError(absl::StatusCode::kUnavailable, reason::kNoClock,
                     "the node is still starting; try again or ask another node");
  }
  if (request.base.kind != arbiter::Base::Kind::kVersion && request.base.version != Version()) {
    return MakeError(absl::StatusCode::kInvalidArgument, reason::kBadBase,
                     "a base version is given without naming it as the base", {{"field", "base"}});
  }
  const std::uint64_t bytes = request.value.size();
  Admitted admitted{.call = call,
                    .request = std::move(request),
                    .observer = std::move(observer),
                    .key_tag = {},
                    .slot = {},
                    .home = {},
                    .script = std::move(script),
                    .stamp = std::nullopt,
                    .charged_bytes = 0};
  admitted.key_tag = context_.cell().KeyTagOf(admitted.request.key);
  admitted.slot = context_.cell().SlotOf(admitted.key_tag);
  admitted.home = context_.cell().HomeOf(admitted.slot);
  admitted.charged_bytes = bytes;
  Budget& budget = budgets_[admitted.home.value()];
  if (budget.ops.load(std::memory_order_relaxed) >= kPendingOpsMax ||
      budget.bytes.load(std::memory_order_relaxed) + bytes > kPendingBytesMax) {
    return MakeError(
        absl::StatusCode::kResourceExhausted, reason::kShed,
        absl::StrCat("the node has ", kPendingOpsMax, " ops or ", kPendingBytesMax,
                     " bytes under way to ", context_.cell().data_center_name(admitted.home),
                     "; nothing was stamped, try again later"));
  }
  if (bytes <= kValueInFrameBytesMax) {
    absl::StatusOr<arbiter::Stamp> stamp = issuer_->Issue(admitted.home);
    if (!stamp.ok()) {
      return MakeError(absl::StatusCode::kUnavailable, reason::kNoClock, stamp.status().message());
    }
    admitted.stamp = *stamp;
  }
  budget.ops.fetch_add(1, std::memory_order_relaxed);
  budget.bytes.fetch_add(bytes, std::memory_order_relaxed);
  return admitted;
}

void Ingress::Begin(Admitted admitted) {
  Call call;
  call.op = admitted.request.op;
  call.key_tag = admitted.key_tag;
  call.slot = admitted.slot;
  call.home = admitted.home;
  call.observer = std::move(admitted.observer);
  call.until = admitted.request.until;
  call.heard = context_.now();
  call.timer = context_.executor().PostAfter(admitted.request.timeout,
                                             [this, id = admitted.call] { OnTimeout(id); });
  calls_of_[call.op].push_back(admitted.call);
  calls_.emplace(admitted.call, std::move(call));
  SealNow(std::move(admitted));
}

std::shared_ptr<const cryptoscatter::WriterSession> Ingress::Session() {
  const bool worn = session_ != nullptr && (context_.now() - session_made_ >= kSessionLifetime ||
                                            session_values_ >= kSessionValuesMax);
  if (session_ == nullptr || worn) {
    auto session = cryptoscatter::WriterSession::Create(context_.cell().SealTargets(),
                                                        *context_.parts.entropy);
    // The targets come from the cell directory, whose keys were made by a real generator.
    WORLDB_CHECK(session.ok());
    session_ = std::make_shared<const cryptoscatter::WriterSession>(*std::move(session));
    session_made_ = context_.now();
    session_values_ = 0;
  }
  ++session_values_;
  return session_;
}

void Ingress::SealNow(Admitted admitted) {
  struct Job {
    Admitted admitted;
    std::shared_ptr<const cryptoscatter::WriterSession> session;
    std::shared_ptr<const Cell> cell;
    Entropy* entropy;
    absl::StatusOr<SealedValue> sealed = absl::UnknownError("not sealed");

    void Run() {
      const SetRequest& request = admitted.request;
      sealed = cryptoscatter::Seal(*admitted.script,
                                   {cell->id(), admitted.key_tag, request.op, request.key,
                                    request.value.ExposeSecret(), ValueKindOf(request.kind)},
                                   *session, *entropy);
      admitted.request.value = SecretBytes();
    }
  };
  const std::size_t bytes = admitted.request.value.size();
  auto job = std::make_shared<Job>(
      Job{std::move(admitted), Session(), context_.parts.cell, context_.parts.entropy});
  if (bytes <= kOffloadBytes) {
    job->Run();
    OnSealed(std::move(job->admitted), std::move(job->sealed));
    return;
  }
  context_.executor().Offload(
      [job] { job->Run(); },
      [this, job] { OnSealed(std::move(job->admitted), std::move(job->sealed)); });
}

void Ingress::OnSealed(Admitted admitted, absl::StatusOr<SealedValue> sealed) {
  if (!sealed.ok()) {
    if (admitted.stamp.has_value()) {
      SendVoid(admitted);
    } else {
      Release(admitted.home, admitted.charged_bytes);
    }
    Fail(admitted.call, sealed.status());
    return;
  }
  to_sign_.push_back({std::move(admitted), *std::move(sealed)});
  if (std::exchange(sign_posted_, true)) return;
  const absl::Duration wait = signed_last_ + kSignEvery - context_.now();
  if (wait > absl::ZeroDuration()) {
    context_.executor().PostAfter(wait, [this] { SignBatch(); });
  } else {
    // Behind whatever is already waiting to be sealed: all of that shares the signature.
    context_.executor().Post([this] { SignBatch(); });
  }
}

void Ingress::SignBatch() {
  sign_posted_ = false;
  signed_last_ = context_.now();
  std::vector<Sealed> batch = std::exchange(to_sign_, {});
  std::vector<CommitmentId> commitments;
  commitments.reserve(batch.size());
  for (const Sealed& item : batch) commitments.push_back(item.value.Commitment());
  std::vector<cryptoscatter::CommitProof> proofs =
      cryptoscatter::SignBatch(context_.parts.secrets->signing, context_.cell().id(), commitments);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    auto payload = std::make_shared<Payload>();
    payload->sealed = std::move(batch[i].value);
    payload->sealed.proof = std::move(proofs[i]);
    payload->commitment = commitments[i];
    payload->key = batch[i].admitted.request.key;
    payload->encoded = std::make_shared<const Bytes>(payload->sealed.Encode());
    Admitted& admitted = batch[i].admitted;
    if (admitted.stamp.has_value()) {
      SendFrame(admitted, *admitted.stamp, std::move(payload), /*rides=*/true);
    } else {
      Stage(context_.NextRequest(), {std::move(admitted), std::move(payload)});
    }
  }
}

void Ingress::Release(DataCenterIndex home, std::uint64_t bytes) {
  budgets_[home.value()].ops.fetch_sub(1, std::memory_order_relaxed);
  budgets_[home.value()].bytes.fetch_sub(bytes, std::memory_order_relaxed);
}

// Asks for it to be staged, again and again under the same id, as long as the call lives.
void Ingress::Stage(RequestId id, Staged staged) {
  if (!calls_.contains(staged.admitted.call)) {  // timed out or forgotten: no place was taken
    Release(staged.admitted.home, staged.admitted.charged_bytes);
    return;
  }
  const std::optional<NodeIndex> sequencer = homes_.SequencerOf(staged.admitted.home);
  PayloadPtr payload = staged.payload;
  const std::size_t bytes = payload->encoded->size();
  staging_.emplace(id, std::move(staged));
  if (sequencer.has_value()) context_.Send(*sequencer, StageValue{id, std::move(payload)});
  const absl::Duration patience =
      sequencer.has_value() ? 4 * kStageRetryAfter + absl::Microseconds(bytes) : kStageRetryAfter;
  context_.executor().PostAfter(patience, [this, id] {
    auto unanswered = staging_.extract(id);
    if (!unanswered.empty()) Stage(id, std::move(unanswered.mapped()));
  });
}

void Ingress::On(NodeIndex, const StageValueReply& reply) {
  const auto it = staging_.find(reply.id);
  if (it == staging_.end()) return;
  if (!reply.status.ok() && !absl::IsInvalidArgument(reply.status)) return;  // it may pass
  const Staged staged = std::move(staging_.extract(it).mapped());
  const Admitted& admitted = staged.admitted;
  absl::Status status = reply.status;
  if (status.ok() && calls_.contains(admitted.call)) {
    const absl::StatusOr<arbiter::Stamp> stamp = issuer_->Issue(admitted.home);
    if (stamp.ok()) {
      SendFrame(admitted, *stamp, staged.payload, /*rides=*/false);
      return;
    }
    status = MakeError(absl::StatusCode::kUnavailable, reason::kNoClock, stamp.status().message());
  }
  Release(admitted.home, admitted.charged_bytes);
  if (!status.ok()) Fail(admitted.call, std::move(status));
}

void Ingress::SendFrame(const Admitted& admitted, const arbiter::Stamp& stamp, PayloadPtr payload,
                        bool rides) {
  Frame frame;
  frame.number = stamp.number;
  frame.candidate = arbiter::Candidate{.op = admitted.request.op,
                                       .key_tag = admitted.key_tag,
                                       .slot = admitted.slot,
                                       .kind = admitted.request.kind,
                                       .base = admitted.request.base,
                                       .seen = admitted.request.seen,
                                       .stamp = stamp,
                                       .attempt = admitted.request.attempt,
                                       .commitment = payload->commitment,
                                       .script = payload->sealed.script,
                                       .content_tag = admitted.request.content_tag,
                                       .payload_bytes = payload->sealed.ciphertext.size(),
                                       .staged = {}};
  if (rides) frame.payload = std::move(payload);
  if (const auto call = calls_.find(admitted.call); call != calls_.end()) {
    call->second.frame = stamp.number;
  }
  Keep(admitted, std::move(frame));
}

void Ingress::SendVoid(const Admitted& admitted) {
  Keep(admitted, Frame{admitted.stamp->number, std::nullopt, nullptr});
}

// Until the cursor passes it; only then is its part of the budget free again.
void Ingress::Keep(const Admitted& admitted, Frame frame) {
  const FrameNumber number = frame.number;
  streams_[admitted.home.value()].frames.emplace(
      number, KeptFrame{std::move(frame), admitted.charged_bytes});
  PostFlush(admitted.home);
}

void Ingress::PostFlush(DataCenterIndex home) {
  if (std::exchange(streams_[home.value()].flush_posted, true)) return;
  context_.executor().Post([this, home] {
    streams_[home.value()].flush_posted = false;
    Flush(home);
  });
}

void Ingress::Flush(DataCenterIndex home) {
  Stream& stream = streams_[home.value()];
  if (!stream.leader.has_value()) return;
  auto it = stream.frames.find(stream.next_to_send);
  if (it != stream.frames.end() && stream.next_to_send == stream.cursor.Next()) {
    stream.moved = context_.now();  // nothing was under way: patience begins now
  }
  while (it != stream.frames.end()) {
    FrameBatch batch;
    batch.home = home;
    batch.stream_epoch = issuer_->stream_epoch();
    while (it != stream.frames.end() && it->first == stream.next_to_send &&
           batch.frames.size() < kFramesPerBatchMax &&
           it->first.value() <= stream.cursor.value() + kFramesUnderWayMax) {
      batch.frames.push_back(it->second.frame);
      stream.next_to_send = stream.next_to_send.Next();
      ++it;
    }
    if (batch.frames.empty()) break;
    context_.Send(stream.leader->sequencer, std::move(batch));
  }
}

void Ingress::On(const SequencerBeat& beat) {
  if (issuer_ == nullptr) return;
  Stream& stream = streams_[beat.home.value()];
  const std::optional<HomeDirectory::Leader> leader = homes_.LeaderOf(beat.home);
  const bool anew = std::exchange(stream.leader, leader) != leader;
  if (beat.cursor.stream_epoch == issuer_->stream_epoch() && beat.cursor.number > stream.cursor) {
    stream.cursor = beat.cursor.number;
    stream.moved = context_.now();
    stream.resend_after = kResendAfter;
    const auto end = stream.frames.upper_bound(stream.cursor);
    for (auto it = stream.frames.begin(); it != end; it = stream.frames.erase(it)) {
      Release(beat.home, it->second.charged_bytes);
    }
    stream.next_to_send = std::max(stream.next_to_send, stream.cursor.Next());
  }
  const bool stuck = stream.next_to_send > stream.cursor.Next() &&
                     context_.now() - stream.moved > stream.resend_after;
  if (stuck) stream.resend_after = std::min(2 * stream.resend_after, kResendAfterMax);
  if (anew || stuck) {
    stream.next_to_send = stream.cursor.Next();
    stream.moved = context_.now();
  }
  if (anew) {
    for (const auto& [id, call] : calls_) {
      if (call.home == beat.home) Ask(call);
    }
  }
  Flush(beat.home);
}

void Ingress::Tick() {
  // Goes on next time where it stopped, so that every quiet call has its turn.
  std::size_t asked = 0;
  auto it = calls_.upper_bound(asked_last_);
  for (std::size_t i = 0; i < calls_.size() && asked < kAskPerTickMax; ++i) {
    if (it == calls_.end()) it = calls_.begin();
    auto& [id, call] = *it++;
    asked_last_ = id;
    if (context_.now() - call.heard < kAskAfter) continue;
    call.heard = context_.now();
    Ask(call);
    ++asked;
  }
  context_.executor().PostAfter(kTickEvery, [this] { Tick(); });
}

void Ingress::Ask(const Call& call) {
  const std::optional<NodeIndex> sequencer = homes_.SequencerOf(call.home);
  if (!sequencer.has_value()) return;
  const RequestId id = context_.NextRequest();
  asked_.emplace(id, call.op);
  // Answers that never come must not pile up.
  while (asked_.size() > kPendingOpsMax) asked_.erase(asked_.begin());
  context_.Send(*sequencer, TicketQuery{id, call.op, std::nullopt, absl::ZeroDuration()});
}

void Ingress::On(NodeIndex from, const TicketReply& reply) {
  const auto it = asked_.find(reply.id);
  if (it == asked_.end()) return;
  const OpId op = it->second;
  asked_.erase(it);
  if (!reply.facts.has_value()) return;
  const TicketFacts& facts = *reply.facts;
  const DataCenterIndex home = DataCenterOf(from);
  Notify(home, {op, NoticeAccepted{facts.stamp, facts.outcome.version, false, facts.out,
                                   facts.within_reach}});
  if (facts.outcome.kind != arbiter::OutcomeKind::kPending) Notify(home, {op, facts.outcome});
  if (facts.level > arbiter::Level::kDecided) {
    Notify(home, {op, NoticeLevel{facts.level, facts.outcome.version, facts.held}});
  }
}

void Ingress::On(NodeIndex from, const OpNotices& notices) {
  if (DataCenterOf(from) != notices.home) return;
  for (const OpNotice& notice : notices.notices) Notify(notices.home, notice);
}

void Ingress::Notify(DataCenterIndex home, const OpNotice& notice) {
  const auto it = calls_of_.find(notice.op);
  if (it == calls_of_.end()) return;
  // A copy: telling may end calls.
  const std::vector<CallId> ids = it->second;
  for (const CallId id : ids) Tell(id, home, notice);
}

void Ingress::Tell(CallId id, DataCenterIndex home, const OpNotice& notice) {
  Call& call = calls_.at(id);
  if (call.home != home) return;  // the same op id under a key of another home
  call.heard = context_.now();
  if (const auto* accepted = std::get_if<NoticeAccepted>(&notice.what)) {
    if (std::exchange(call.accepted, true)) return;
    call.observer(SetAccepted{TicketOf(call), accepted->stamp, call.home, accepted->version,
                              accepted->leading, accepted->out, accepted->within_reach});
    if (call.until == arbiter::Level::kAccepted) End(id);
    return;
  }
  if (const auto* outcome = std::get_if<arbiter::Outcome>(&notice.what)) {
    if (!call.accepted) return Ask(call);  // what came before it was lost with a sequencer
    // A win may still end VOID or PERISHED; anything else that was told was the end of the call.
    if (std::exchange(call.decided, true) && outcome->kind == arbiter::OutcomeKind::kWon) return;
    call.observer(SetDecided{*outcome});
    if (outcome->kind != arbiter::OutcomeKind::kWon || call.until <= arbiter::Level::kDecided) {
      End(id);
    }
    return;
  }
  if (const auto* level = std::get_if<NoticeLevel>(&notice.what)) {
    if (!call.decided) return Ask(call);
    if (level->level <= call.level) return;
    call.level = level->level;
    call.held = level->held;
    call.observer(SetLevel{level->level, level->version, level->held});
    if (level->level >= call.until) End(id);
    return;
  }
  const auto& refused = std::get<NoticeRefused>(notice.what);
  if (call.frame == refused.number) Fail(id, refused.status);
}

std::string Ingress::TicketOf(const Call& call) const {
  return arbiter::FormatTicket({call.home, call.slot, call.key_tag, call.op}, context_.cell().id(),
                               context_.cell().ticket_key());
}

absl::Status Ingress::TimeoutError(const Call& call) const {
  const std::string& home = context_.cell().data_center_name(call.home);
  ErrorDetails details = {{"ticket", TicketOf(call)},
                          {"op_id", arbiter::FormatOpId(call.op)},
                          {"home", home},
                          {"wanted", std::string(arbiter::LevelName(call.until))}};
  if (!call.accepted) {
    const bool silent = homes_.IsSilent(call.home);
    return MakeError(
        silent ? absl::StatusCode::kUnavailable : absl::StatusCode::kDeadlineExceeded,
        silent ? reason::kTriadUnavailable : reason::kOutcomeUnknown,
        absl::StrCat(
            "the key's home data center ", home,
            silent ? " does not answer" : " had not put the write on record in time",
            "; it may still be recorded: ask with the ticket, or retry with the same op id"),
        details);
  }
  if (!call.decided) {
    return MakeError(absl::StatusCode::kDeadlineExceeded, reason::kOutcomeUnknown,
                     absl::StrCat("on record at ", home,
                                  ", but its round had not closed when the time was up; the "
                                  "ticket will tell"),
                     details);
  }
  const arbiter::Level reached = std::max(call.level, arbiter::Level::kDecided);
  details.emplace_back("reached", arbiter::LevelName(reached));
  std::string shares;
  for (int i = 0; i < kDataCenterCount; ++i) {
    const std::string& name = context_.cell().data_center_name(DataCenterAt(i));
    const int count = call.held.CountIn(DataCenterAt(i));
    absl::StrAppend(&shares, i == 0 ? "" : ", ", name, " ", count);
    details.emplace_back(absl::StrCat("shares_", name), absl::StrCat(count));
  }
  return MakeError(absl::StatusCode::kFailedPrecondition, reason::kToleranceNotReached,
                   absl::StrCat("won, but ", arbiter::LevelName(reached), " and not ",
                                arbiter::LevelName(call.until),
                                " when the time was up; shares reported: ", shares,
                                "; the op goes on, its ticket tells how far"),
                   details);
}

void Ingress::OnTimeout(CallId id) {
  const auto it = calls_.find(id);
  if (it != calls_.end()) Fail(id, TimeoutError(it->second));
}

void Ingress::Fail(CallId id, absl::Status status) {
  const auto it = calls_.find(id);
  if (it == calls_.end()) return;
  it->second.observer(SetFailed{std::move(status)});
  End(id);
}

void Ingress::End(CallId id) {
  const auto it = calls_.find(id);
  if (it == calls_.end()) return;
  context_.executor().Cancel(it->second.timer);
  const auto of = calls_of_.find(it->second.op);
  std::erase(of->second, id);
  if (of->second.empty()) calls_of_.erase(of);
  calls_.erase(it);
}

void Ingress::Forget(CallId call) { End(call); }

void Ingress::StopAll(const absl::Status& status) {
  while (!calls_.empty()) Fail(calls_.begin()->first, status);
}

}  // namespace worldb::engine
