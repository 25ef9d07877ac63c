#include "engine/sequencer/sequencer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/check.h"
#include "engine/cell/errors.h"
#include "engine/home/ticket_facts.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kBeatEvery = absl::Milliseconds(50);
constexpr absl::Duration kThirdNodePatience = absl::Milliseconds(250);
constexpr absl::Duration kStageAgainAfter = absl::Milliseconds(500);
constexpr absl::Duration kAppendAgainAfter = absl::Milliseconds(50);
constexpr std::size_t kStageJobsMax = 4;
constexpr std::size_t kStageItemsMax = 256;
constexpr std::size_t kStageBytesMax = std::size_t{8} << 20;
constexpr std::size_t kCandidatesPerEntryMax = 1024;
// No timer for a CLOSE runs longer: the clock may be set meanwhile.
constexpr absl::Duration kCloseLookMax = absl::Milliseconds(100);
constexpr absl::Duration kWindowChangeMin = absl::Milliseconds(1);

// The payload's own consistency: signed by a node of this cell, roots as coded.
absl::Status CheckPayload(const Cell& cell, const Payload& payload,
                          cryptoscatter::BatchVerifier& verifier) {
  const cryptoscatter::SealedValue& sealed = payload.sealed;
  if (sealed.core.cell != cell.id()) {
    return absl::InvalidArgumentError("the sealed value is of another cell");
  }
  const auto script = cell.FindScript(sealed.script);
  if (!script.ok()) return absl::InvalidArgumentError(script.status().message());
  bool known_writer = false;
  for (int i = 0; i < kNodeCount; ++i) {
    known_writer = known_writer || cell.node(NodeAt(i)).signing_key == sealed.proof.signer;
  }
  if (!known_writer) return absl::InvalidArgumentError("the writer is not known to this cell");
  if (cell.KeyTagOf(payload.key) != sealed.core.key_tag) {
    return absl::InvalidArgumentError("the key's name is not that of its tag");
  }
  absl::Status status = verifier.VerifyCommit(sealed.proof, cell.id(), payload.commitment);
  if (!status.ok()) return absl::InvalidArgumentError(status.message());
  return cryptoscatter::VerifySealedValue(**script, sealed);
}

absl::Status CheckKind(const arbiter::Candidate& candidate, const Payload& payload) {
  if (payload.sealed.core.kind == ValueKindOf(candidate.kind)) return absl::OkStatus();
  return absl::InvalidArgumentError("the frame and what its writer signed differ in kind");
}

}  // namespace

Sequencer::Sequencer(NodeContext& context, Home& home, LogNotes& notes, Staging& staging,
                     NameIndex& names, PeerTable& peers)
    : context_(context),
      home_(home),
      notes_(notes),
      staging_(staging),
      peers_(peers),
      lister_(context, home, names),
      watches_(context, home, names),
      reads_(context, home, lister_, watches_),
      window_(context.options.window) {}

void Sequencer::Lead(LogEpoch epoch) {
  leading_ = true;
  epoch_ = epoch;
  ++term_;
  streams_ = {};
  // What was applied before this term counts: else a cell that restarts often would never have one.
  entries_since_ = home_.state().applied().value() - home_.state().checkpoint().at.value();
  bytes_since_ = 0;
  checkpoint_asked_ = context_.now();
  // Whether the last sum is logged is not known here; once more does no harm.
  sum_logged_ = LogIndex();
  checkpoints_ = {};
  trimmed_ = LogIndex();
  log_earliest_ = home_.state().log_earliest();
  log_earliest_at_ = context_.now();
  notes_.Open([this] { PostTryAppend(); });
  BeatAll();
  ArmClose();
  if (CheckpointOverdue()) PostTryAppend();
}

void Sequencer::StepDown() {
  leading_ = false;
  ++term_;
  pipeline_.clear();
  stage_jobs_.clear();
  item_jobs_ = 0;
  in_entry_ = 0;
  appending_ = false;
  notes_.Close();
  staged_.clear();
  staging_values_.clear();
  under_way_.reset();
  reads_.Clear();
  watches_.Clear();
  close_intent_.reset();
  close_posted_ = false;
  context_.executor().Cancel(close_timer_);
  close_armed_for_ = absl::InfiniteFuture();
}

// ---------------------------------------------------------------- frames in

Sequencer::Item* Sequencer::Find(std::uint64_t sequence) {
  if (sequence < first_sequence_ || sequence - first_sequence_ >= pipeline_.size()) return nullptr;
  return &pipeline_[sequence - first_sequence_];
}

void Sequencer::On(NodeIndex from, FrameBatch batch) {
  if (!leading_ || batch.home != context_.data_center()) return;
  Stream& stream = streams_[from.value()];
  if (batch.stream_epoch < stream.epoch) return;
  if (batch.stream_epoch > stream.epoch) {
    stream.epoch = batch.stream_epoch;
    stream.next = home_.state().Cursor(from, batch.stream_epoch).Next();
  }
  for (Frame& frame : batch.frames) {
    // Below: a repeat. Above: something before it was lost and will be sent again.
    if (frame.number != stream.next) continue;
    stream.next = stream.next.Next();
    const std::uint64_t sequence = first_sequence_ + pipeline_.size();
    pipeline_.push_back({from, batch.stream_epoch, std::move(frame), Item::Stage::kFetching, {}});
    CheckFrame(sequence);
  }
  StageReady();
  TryAppend();
}

absl::Status Sequencer::CheckFrameFields(const Item& item) const {
  const arbiter::Candidate& c = *item.frame.candidate;
  if (c.stamp.node != item.from || c.stamp.stream_epoch != item.stream_epoch ||
      c.stamp.number != item.frame.number) {
    return absl::InvalidArgumentError("the stamp does not belong to its frame");
  }
  if (context_.cell().SlotOf(c.key_tag) != c.slot ||
      context_.cell().HomeOf(c.slot) != context_.data_center()) {
    return absl::InvalidArgumentError("the key's home is another data center");
  }
  if (absl::Status status = arbiter::CheckOpId(c.op); !status.ok()) return status;
  if (absl::Status status = arbiter::CheckCandidate(c); !status.ok()) return status;
  if (item.frame.payload == nullptr) {
    if (c.kind == arbiter::OpKind::kDelete) {
      return absl::InvalidArgumentError("a Delete without what its writer sealed");
    }
    const auto staged = staged_.find(c.commitment);
    if (staged != staged_.end() && staged->second.script != c.script) {
      return absl::InvalidArgumentError("the payload was staged under another script");
    }
    if (staged != staged_.end() || staging_.Has(c.commitment)) return absl::OkStatus();
    return MakeError(absl::StatusCode::kUnavailable, reason::kTriadUnavailable,
                     "the home changed its sequencer while the value was under way and recorded "
                     "nothing; retry with the same op id");
  }
  const Payload& payload = *item.frame.payload;
  if (payload.commitment != c.commitment || payload.sealed.core.op_id != c.op ||
      payload.sealed.core.key_tag != c.key_tag || payload.sealed.script != c.script) {
    return absl::InvalidArgumentError("the payload belongs to another op");
  }
  return CheckKind(c, payload);
}

void Sequencer::CheckFrame(std::uint64_t sequence) {
  Item& item = *Find(sequence);
  if (!item.frame.candidate.has_value()) {
    item.stage = Item::Stage::kRefused;  // a void number: nothing to record, the cursor passes it
    return;
  }
  absl::Status status = CheckFrameFields(item);
  if (status.ok() && item.frame.payload != nullptr) {
    status = CheckPayload(context_.cell(), *item.frame.payload, context_.verifier);
  }
  if (!status.ok()) {
    Refuse(item, std::move(status));
  } else if (item.frame.payload != nullptr) {
    item.stage = Item::Stage::kToStage;
  } else if (auto staged = staged_.extract(item.frame.candidate->commitment); !staged.empty()) {
    item.staged = staged.mapped().nodes;
    item.stage = Item::Stage::kReady;
  } else {
    Restage(sequence);
  }
}

void Sequencer::Refuse(Item& item, absl::Status status) {
  item.stage = Item::Stage::kRefused;
  OpNotices notices{context_.data_center(), {}};
  notices.notices.push_back(
      {item.frame.candidate->op, NoticeRefused{std::move(status), item.frame.number}});
  context_.Send(item.from, std::move(notices));
}

// Staged under another sequencer: how many live copies there are is not known here.
void Sequencer::Restage(std::uint64_t sequence) {
  staging_.Get(Find(sequence)->frame.candidate->commitment,
               [this, sequence, term = term_](absl::StatusOr<PayloadPtr> payload) {
                 if (term != term_) return;
                 Item& item = *Find(sequence);
                 if (payload.ok() && !(*payload)->whole()) {
                   payload = absl::NotFoundError("only what nodes are owed is left of the payload");
                 }
                 if (payload.ok() && (*payload)->sealed.script != item.frame.candidate->script) {
                   payload =
                       absl::InvalidArgumentError("the payload is staged under another script");
                 }
                 if (payload.ok()) {
                   const absl::Status kind = CheckKind(*item.frame.candidate, **payload);
                   if (!kind.ok()) payload = kind;
                 }
                 if (payload.ok()) {
                   item.frame.payload = *std::move(payload);
                   item.stage = Item::Stage::kToStage;
                 } else {
                   Refuse(item, payload.status());
                 }
                 StageReady();
                 TryAppend();
               });
}

void Sequencer::StageReady() {
  while (leading_ && item_jobs_ < kStageJobsMax) {
    std::vector<PayloadPtr> payloads;
    std::vector<std::uint64_t> sequences;
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < pipeline_.size() && payloads.size() < kStageItemsMax; ++i) {
      Item& item = pipeline_[i];
      if (item.stage != Item::Stage::kToStage) continue;
      bytes += item.frame.payload->encoded->size();
      if (!payloads.empty() && bytes > kStageBytesMax) break;
      item.stage = Item::Stage::kStaging;
      payloads.push_back(item.frame.payload);
      sequences.push_back(first_sequence_ + i);
    }
    if (payloads.empty()) return;
    ++item_jobs_;
    StartStageJob(std::move(payloads), [this, sequences = std::move(sequences)](NodeSet synced) {
      --item_jobs_;
      for (const std::uint64_t sequence : sequences) {
        Item& item = *Find(sequence);
        item.stage = Item::Stage::kReady;
        item.staged = synced;
      }
      StageReady();
      TryAppend();
    });
  }
}

void Sequencer::StartStageJob(std::vector<PayloadPtr> payloads,
                              std::function<void(NodeSet synced)> done) {
  const RequestId id = context_.NextRequest();
  StageJob& job = stage_jobs_[id];
  job.payloads = std::move(payloads);
  job.done = std::move(done);
  SendStageJob(id);
  context_.executor().PostAfter(kThirdNodePatience, [this, id] {
    const auto it = stage_jobs_.find(id);
    if (it == stage_jobs_.end()) return;
    it->second.patient = false;
    MaybeFinish(id);
  });
}

// To every node of the triad that has not synced it yet.
void Sequencer::SendStageJob(RequestId id) {
  const auto it = stage_jobs_.find(id);
  if (it == stage_jobs_.end()) return;
  for (int i = 0; i < kNodeCount; ++i) {
    const NodeIndex node = NodeAt(i);
    if (DataCenterOf(node) != context_.data_center() || it->second.synced.Has(node)) continue;
    if (node != context_.index()) {
      context_.Send(node, StagePut{id, it->second.payloads});
      continue;
    }
    staging_.Put(it->second.payloads, [this, id](absl::Status status) {
      if (status.ok()) OnStaged(id, context_.index());
    });
  }
  context_.executor().PostAfter(kStageAgainAfter, [this, id] { SendStageJob(id); });
}

void Sequencer::On(NodeIndex from, const StagePutReply& reply) {
  if (reply.status.ok() && DataCenterOf(from) == context_.data_center()) OnStaged(reply.id, from);
}

void Sequencer::OnStaged(RequestId id, NodeIndex node) {
  const auto it = stage_jobs_.find(id);
  if (it == stage_jobs_.end()) return;
  it->second.synced.Add(node);
  MaybeFinish(id);
}

void Sequencer::MaybeFinish(RequestId id) {
  const auto it = stage_jobs_.find(id);
  const NodeSet healthy = peers_.Reachable() & NodeSet::Of(context_.data_center());
  const int wanted = it->second.patient ? std::max(2, healthy.Count()) : 2;
  if (it->second.synced.Count() < wanted) return;
  const auto done = std::move(it->second.done);
  const NodeSet synced = it->second.synced;
  stage_jobs_.erase(it);
  done(synced);
}

void Sequencer::On(NodeIndex from, StageValue request) {
  if (!leading_ || request.payload == nullptr) return;
  const CommitmentId commitment = request.payload->commitment;
  const auto answer = [this, from, id = request.id](const absl::Status& s) {
    context_.Send(from, StageValueReply{id, s});
  };
  if (staged_.contains(commitment)) return answer(absl::OkStatus());
  // A repeat while the first one is still being staged is answered with it.
  if (!staging_values_.insert(commitment).second) return;
  auto status = std::make_shared<absl::Status>();
  context_.executor().Offload(
      [status, payload = request.payload, cell = context_.parts.cell] {
        cryptoscatter::BatchVerifier verifier;
        *status = CheckPayload(*cell, *payload, verifier);
        if (status->ok() && payload->sealed.core.kind != cryptoscatter::ValueKind::kValue) {
          *status = absl::InvalidArgumentError("a tombstone rides in its frame");
        }
      },
      [this, status, payload = request.payload, answer, term = term_] {
        if (term != term_) return;
        if (!status->ok()) {
          staging_values_.erase(payload->commitment);
          return answer(*status);
        }
        StartStageJob({payload}, [this, answer, commitment = payload->commitment,
                                  script = payload->sealed.script](NodeSet synced) {
          staging_values_.erase(commitment);
          staged_[commitment] = {script, synced};
          answer(absl::OkStatus());
        });
      });
}

// ---------------------------------------------------------------- entries out

// After what is already waiting, so that many share the entry.
void Sequencer::PostTryAppend() {
  if (std::exchange(append_posted_, true)) return;
  context_.executor().Post([this] {
    append_posted_ = false;
    TryAppend();
  });
}

void Sequencer::TryAppend() {
  if (!leading_ || appending_) return;
  arbiter::LogEntry entry;
  entry.author = context_.index();
  entry.author_number = author_number_ + 1;
  entry.log_epoch = epoch_;
  entry.reading = LogReading();
  AddClose(entry);
  AddWindow(entry);
  AddCandidates(entry);
  AddNotes(entry);
  entry.read_mark = reads_.wants_mark();
  const bool nothing = entry.records.empty() && entry.cursors.empty() && !entry.read_mark;
  if (nothing && !CheckpointOverdue()) return;
  AddCheckpoint(entry);
  ++author_number_;
  reads_.MarkTaken();
  appending_ = true;
  auto bytes = std::make_shared<const Bytes>(arbiter::EncodeLogEntry(entry));
  // What this replica applies is what the others will read.
  absl::StatusOr<arbiter::LogEntry> read = arbiter::DecodeLogEntry(*bytes);
  WORLDB_CHECK(read.ok());
  under_way_ = UnderWay{home_.state().applied(), *std::move(read), std::move(bytes), false};
  Append();
}

// Nothing of the entry under way was written: what it carried waits again.
void Sequencer::TakeBack() {
  const UnderWay entry = *std::exchange(under_way_, std::nullopt);
  in_entry_ = 0;
  notes_.TakeBack(entry.entry.records);
  reads_.MarkLost();
}

void Sequencer::AddClose(arbiter::LogEntry& entry) {
  if (!close_intent_.has_value() || first_sequence_ < close_intent_->barrier) return;
  std::optional<arbiter::Close> close = home_.state().CloseDue(close_intent_->earliest);
  close_intent_.reset();
  if (close.has_value()) entry.records.push_back(*std::move(close));
}

void Sequencer::AddWindow(arbiter::LogEntry& entry) {
  const bool first = !window_known_ && window_samples_ >= arbiter::LatencyWindow::kSamplesMin;
  if (!first && context_.now() - window_computed_ < arbiter::LatencyWindow::kRecomputeEvery) return;
  window_known_ = window_known_ || first;
  window_computed_ = context_.now();
  const absl::Duration window = window_.Compute(context_.now());
  if (absl::AbsDuration(window - home_.state().window()) < kWindowChangeMin) return;
  entry.records.push_back(arbiter::WindowChange{window});
}

void Sequencer::AddCandidates(arbiter::LogEntry& entry) {
  std::array<std::optional<arbiter::StreamCursor>, kNodeCount> cursors;
  in_entry_ = 0;
  for (const Item& item : pipeline_) {
    if (item.stage != Item::Stage::kReady && item.stage != Item::Stage::kRefused) break;
    if (in_entry_ == kCandidatesPerEntryMax) break;
    ++in_entry_;
    cursors[item.from.value()] = {item.from, item.stream_epoch, item.frame.number};
    if (item.stage == Item::Stage::kRefused) continue;
    arbiter::Candidate candidate = *item.frame.candidate;
    candidate.staged = item.staged;
    entry.records.push_back(std::move(candidate));
  }
  for (const auto& cursor : cursors) {
    if (cursor.has_value()) entry.cursors.push_back(*cursor);
  }
}

void Sequencer::AddNotes(arbiter::LogEntry& entry) {
  const arbiter::StateSum sum = home_.state().checkpoint();
  if (sum.at > sum_logged_) entry.records.push_back(sum);
  notes_.MoveTo(entry.records, home_.state().out());
}

bool Sequencer::CheckpointOverdue() const {
  const CheckpointLimits& limits = context_.options.checkpoints;
  return entries_since_ >= limits.entries || bytes_since_ >= limits.bytes;
}

// Replicas keep their state in step with the log, so that the log can be trimmed and a restart is
// short.
void Sequencer::AddCheckpoint(arbiter::LogEntry& entry) {
  const absl::Duration waited = context_.now() - checkpoint_asked_;
  entry.checkpoint =
      CheckpointOverdue() || (entries_since_ > 0 && waited >= context_.options.checkpoints.every);
}

void Sequencer::On(NodeIndex from, const CheckpointSynced& synced) {
  if (!leading_ || DataCenterOf(from) != context_.data_center()) return;
  LogIndex& known = checkpoints_[from.value()];
  known = std::max(known, synced.index);
  // The second newest of the triad: two nodes have synced at least that much.
  std::array<LogIndex, kNodesPerDataCenter> triad;
  for (int i = 0; i < kNodesPerDataCenter; ++i) {
    triad[i] = checkpoints_[context_.data_center().value() * kNodesPerDataCenter + i];
  }
  std::sort(triad.begin(), triad.end());
  // Whoever starts from that state finds its sum in the rest of the log.
  const LogIndex floor = triad[1];
  if (floor <= trimmed_ || floor > sum_logged_) return;
  trimmed_ = floor;
  context_.parts.log->Trim(floor, [this, floor, term = term_](absl::Status status) {
    if (term == term_ && !status.ok()) trimmed_ = std::min(trimmed_, LogIndex(floor.value() - 1));
  });
}

void Sequencer::Append() {
  context_.parts.log->Append(epoch_, under_way_->previous, under_way_->bytes,
                             [this, term = term_](arbiter::AppendResult result) {
                               if (term == term_) OnAppended(std::move(result));
                             });
}

void Sequencer::OnAppended(arbiter::AppendResult result) {
  using Kind = arbiter::AppendResult::Kind;
  switch (result.kind) {
    case Kind::kOk: {
      appending_ = false;
      for (; in_entry_ > 0; --in_entry_, ++first_sequence_) pipeline_.pop_front();
      const UnderWay entry = *std::exchange(under_way_, std::nullopt);
      ++entries_since_;
      bytes_since_ += entry.bytes->size();
      SampleDelays(entry.entry);
      home_.ApplyAppended(entry.previous.Next(), entry.entry);
      return;
    }
    case Kind::kTaken:
    case Kind::kFenced:
      StepDown();
      return deposed_();
    case Kind::kUnknown:
      under_way_->unknown = true;
      break;
    case Kind::kRefused:
      // Built anew at the next try, so that no reading grows old in it. After an UNKNOWN it may be
      // there all the same: then only the identical entry finds out.
      if (!under_way_->unknown) TakeBack();
      break;
  }
  // A log that refuses is not asked without pause: `appending_` stays set until then.
  const bool same_entry = under_way_.has_value();
  context_.executor().PostAfter(kAppendAgainAfter, [this, same_entry, term = term_] {
    if (term != term_) return;
    if (same_entry) return Append();
    appending_ = false;
    TryAppend();
  });
}

// Once for each recorded candidate, however often its entry was built.
void Sequencer::SampleDelays(const arbiter::LogEntry& entry) {
  for (const arbiter::LogRecord& record : entry.records) {
    const auto* candidate = std::get_if<arbiter::Candidate>(&record);
    if (candidate == nullptr) continue;
    ++window_samples_;
    window_.AddSample(context_.now(), entry.reading.midpoint - candidate->stamp.midpoint);
  }
}

void Sequencer::OnApplied(const arbiter::LogEntry& entry,
                          const std::vector<arbiter::Effect>& effects) {
  for (const arbiter::LogRecord& record : entry.records) {
    if (const auto* sum = std::get_if<arbiter::StateSum>(&record)) sum_logged_ = sum->at;
  }
  if (entry.checkpoint) {
    entries_since_ = 0;
    bytes_since_ = 0;
    checkpoint_asked_ = context_.now();
  }
  if (home_.state().log_earliest() > log_earliest_) {
    log_earliest_ = home_.state().log_earliest();
    log_earliest_at_ = context_.now();
  }
  for (const arbiter::StreamCursor& cursor : entry.cursors) BeatTo(cursor.node);
  watches_.OnEffects(effects);
  reads_.MarkApplied();
  reads_.OnEffects(effects);
  ArmClose();
  StageReady();
  TryAppend();
}

// ---------------------------------------------------------------- time

bool Sequencer::Licensed(const arbiter::ClockReading& reading) const {
  return reading.quality != arbiter::ClockQuality::kNone &&
         reading.bound <= context_.options.clock_bound_max;
}

// True time has reached this, whatever the clock says: the log's own earliest bound and what has
// passed since.
absl::Time Sequencer::EarliestNow() const {
  const absl::Time elapsed = log_earliest_ + (context_.now() - log_earliest_at_);
  const arbiter::ClockReading reading = context_.parts.clock->Now();
  return Licensed(reading) ? std::max(reading.Earliest(), elapsed) : elapsed;
}

// What the next entry is recorded under. Without a licence the midpoint is an estimate by elapsed time,
// and says so.
arbiter::ClockReading Sequencer::LogReading() const {
  const arbiter::ClockReading reading = context_.parts.clock->Now();
  if (Licensed(reading) || log_earliest_ == absl::InfinitePast()) return reading;
  return {absl::FromUnixNanos(absl::ToUnixNanos(EarliestNow())), absl::ZeroDuration(),
          arbiter::ClockQuality::kNone};
}

void Sequencer::ArmClose() {
  const absl::Time due = home_.state().NextDue();
  if (due == absl::InfiniteFuture() || close_posted_ || close_intent_.has_value()) return;
  if (close_armed_for_ <= due) return;
  context_.executor().Cancel(close_timer_);
  close_armed_for_ = due;
  const absl::Duration wait = std::clamp(due - EarliestNow(), absl::ZeroDuration(), kCloseLookMax);
  close_timer_ = context_.executor().PostAfter(wait, [this] { OnCloseTimer(); });
}

void Sequencer::OnCloseTimer() {
  close_armed_for_ = absl::InfiniteFuture();
  if (!leading_) return;
  const absl::Time earliest = EarliestNow();
  if (earliest < home_.state().NextDue()) return ArmClose();
  // Read the clock, then drain: what is already waiting on this executor comes first.
  close_posted_ = true;
  context_.executor().Post([this, earliest, term = term_] {
    if (term != term_) return;
    close_posted_ = false;
    close_intent_ = CloseIntent{earliest, first_sequence_ + pipeline_.size()};
    TryAppend();
  });
}

void Sequencer::BeatAll() {
  if (!leading_) return;
  for (int i = 0; i < kNodeCount; ++i) BeatTo(NodeAt(i));
  reads_.Expire();
  watches_.Tick();
  ArmClose();
  context_.executor().PostAfter(kBeatEvery, [this, term = term_] {
    if (term == term_) BeatAll();
  });
}

void Sequencer::BeatTo(NodeIndex node) {
  const StreamEpoch epoch = streams_[node.value()].epoch;
  context_.Send(
      node, SequencerBeat{
                context_.data_center(), epoch_, {node, epoch, home_.state().Cursor(node, epoch)}});
}

// ---------------------------------------------------------------- reads

void Sequencer::Ask(NodeIndex from, ReadDesk::Query query) {
  if (leading_ && reads_.Take(from, std::move(query))) TryAppend();
}

void Sequencer::AskTicket(NodeIndex from, const TicketQuery& query) {
  // What is not on record here may be on record elsewhere: only a marked read can say that it is not.
  if (leading_ && home_.state().FindOp(query.op) == nullptr) return Ask(from, query);
  context_.Send(from, AnswerTicket(context_.cell(), home_.state(), query, /*authoritative=*/false));
  if (leading_) reads_.Hold(from, query);
}

void Sequencer::On(NodeIndex from, const WatchAck& ack) { watches_.On(from, ack); }

}  // namespace worldb::engine
