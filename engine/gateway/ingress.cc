#include "engine/gateway/ingress.h"

#include <optional>
#include <utility>

namespace worldb::engine {
namespace {

// REQUIRES: a stamp.
Frame FrameOf(const AdmittedSet& set, const Payload& payload) {
  Frame frame;
  frame.number = set.stamp->number;
  frame.candidate = arbiter::Candidate{.op = set.request.op,
                                       .key_tag = set.key_tag,
                                       .slot = set.slot,
                                       .kind = set.request.kind,
                                       .base = set.request.base,
                                       .seen = set.request.seen,
                                       .stamp = *set.stamp,
                                       .attempt = set.request.attempt,
                                       .commitment = payload.commitment,
                                       .script = payload.sealed.script,
                                       .content_tag = set.request.content_tag,
                                       .payload_bytes = payload.sealed.ciphertext.size(),
                                       .staged = {}};
  return frame;
}

Frame VoidFrameOf(const AdmittedSet& set) {
  return Frame{set.stamp->number, std::nullopt, nullptr};
}

}  // namespace

Ingress::Ingress(NodeSelf& self, const HomeDirectory& homes, const arbiter::Clock& clock,
                 absl::Duration clock_bound_max, Entropy& entropy,
                 const cryptoscatter::SigningKeyPair& writer)
    : self_(self),
      homes_(homes),
      admission_(self, clock, clock_bound_max),
      calls_(self, homes),
      sealer_(self.executor(), entropy, self.shared_cell(), writer),
      stager_(self, homes, calls_,
              [this](const AdmittedPtr& set, const PayloadPtr& payload, absl::Status status) {
                Staged(set, payload, std::move(status));
              }) {}

void Ingress::Start(StreamEpoch stream_epoch, Raise raise) {
  raise_ = std::move(raise);
  streams_.reserve(kDataCenterCount);
  for (int i = 0; i < kDataCenterCount; ++i) streams_.emplace_back(DataCenterAt(i), stream_epoch);
  admission_.Start(stream_epoch);
  calls_.Start();
}

void Ingress::Begin(AdmittedPtr set) {
  calls_.Begin(*set);
  SetRequest& request = set->request;
  Sealer::Value value{set->script,
                      set->key_tag,
                      request.op,
                      ValueKindOf(request.kind),
                      std::move(request.key),
                      std::move(request.value)};
  sealer_.Seal(std::move(value), [this, set = std::move(set)](absl::StatusOr<PayloadPtr> payload) {
    Sealed(set, std::move(payload));
  });
}

void Ingress::Sealed(const AdmittedPtr& set, absl::StatusOr<PayloadPtr> payload) {
  if (!payload.ok()) {
    if (set->stamp.has_value()) Keep(*set, VoidFrameOf(*set));
    return calls_.Fail(set->call, payload.status());
  }
  if (!set->stamp.has_value()) return stager_.Stage(set, *std::move(payload));
  Frame frame = FrameOf(*set, **payload);
  frame.payload = *std::move(payload);
  Keep(*set, std::move(frame));
}

void Ingress::Staged(const AdmittedPtr& set, const PayloadPtr& payload, absl::Status status) {
  if (status.ok()) status = admission_.Stamp(*set);
  if (!status.ok()) return calls_.Fail(set->call, std::move(status));
  Keep(*set, FrameOf(*set, *payload));
}

// All that is ready by then leaves in one go.
void Ingress::Keep(AdmittedSet& set, Frame frame) {
  calls_.SetFrame(set.call, frame.number);
  streams_[set.home.value()].Keep(std::move(frame), std::move(set.of_home));
  if (std::exchange(flush_posted_[set.home.value()], true)) return;
  self_.executor().Post([this, home = set.home] {
    flush_posted_[home.value()] = false;
    Flush(home);
  });
}

void Ingress::Flush(DataCenterIndex home) {
  HomeStream& stream = streams_[home.value()];
  while (std::optional<FrameBatch> batch = stream.NextBatch(self_.now())) {
    self_.Send(stream.leader()->sequencer, *std::move(batch));
  }
}

void Ingress::TakeBeat(const SequencerBeat& beat) {
  const std::optional<HomeDirectory::Leader> leader = homes_.LeaderOf(beat.home);
  const HomeStream::Heard heard =
      streams_[beat.home.value()].Hear(*leader, beat.cursor, self_.now());
  if (heard.new_leader) calls_.AskAbout(beat.home);
  if (heard.outdated || admission_.NeedsNewStream(beat.home)) {
    return RaiseStream(beat.home, beat.cursor.stream_epoch);
  }
  Flush(beat.home);
}

// Stamps under the old epoch may still be given out meanwhile: the stream puts them right.
void Ingress::RaiseStream(DataCenterIndex home, StreamEpoch above) {
  raise_(above, [this, home](StreamEpoch stream_epoch) {
    admission_.Raise(home, stream_epoch);
    streams_[home.value()].Raise(stream_epoch);
    Flush(home);
  });
}

}  // namespace worldb::engine
