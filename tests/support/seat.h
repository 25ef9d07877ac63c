// One triad node with staging, peers and a disk, in the place of a sequencer; the others are played by
// the test. Versions are won by hand.
#ifndef WORLDB_TESTS_SUPPORT_SEAT_H_
#define WORLDB_TESTS_SUPPORT_SEAT_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "arbiter/home_state.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/records.h"
#include "engine/context/peer_table.h"
#include "engine/home/name_index.h"
#include "engine/home/staging.h"
#include "tests/support/lone_node.h"
#include "tests/support/memory_store.h"

namespace worldb::testing {

class Seat {
 public:
  static constexpr std::uint64_t kStagingBytesMax = std::uint64_t{1} << 30;

  explicit Seat(NodeIndex index = NodeAt(0))
      : node_(index),
        session_(
            *cryptoscatter::WriterSession::Create(node_.cell().SealTargets(), node_.entropy())),
        store_(disk_, node_.self().executor()) {}

  LoneNode& node() { return node_; }
  const LoneNode& node() const { return node_; }
  cryptoscatter::BatchVerifier& verifier() { return verifier_; }
  MemoryDisk& disk() { return disk_; }
  engine::NodeSelf& self() { return node_.self(); }
  engine::Staging& staging() { return staging_; }
  engine::PeerTable& peers() { return peers_; }
  void SetUp(NodeSet up) { up_ = up; }
  // From now on, but for Stage().
  void SetDiskDelays(absl::Duration commit, absl::Duration read) {
    commit_delay_ = commit;
    read_delay_ = read;
    disk_.SetDelays(commit, read);
  }

  // Time goes by, and those that are up are heard.
  void RunFor(absl::Duration duration) {
    for (absl::Duration gone; gone < duration; gone += engine::kHeartbeatEvery) {
      for (int i = 0; i < kNodeCount; ++i) {
        if (up_.Has(i)) peers_.OnHeard(NodeAt(i));
      }
      node_.RunFor(std::min(engine::kHeartbeatEvery, duration - gone));
    }
  }

  engine::PayloadPtr Seal(std::size_t value_bytes = 100) {
    const std::string name = "key-" + std::to_string(++sealed_count_);
    const std::string value(value_bytes, 'v');
    const engine::Cell& cell = node_.cell();
    const OpId op = arbiter::MakeOpId(absl::FromUnixSeconds(1'700'000'000), node_.entropy());
    auto payload = std::make_shared<engine::Payload>();
    payload->sealed = *cryptoscatter::Seal(
        *cryptoscatter::Script::Nested(),
        {cell.id(), cell.KeyTagOf(AsBytes(name)), op, AsBytes(name), AsBytes(value)}, session_,
        node_.entropy());
    payload->key = Bytes(name.begin(), name.end());
    payload->commitment = payload->sealed.Commitment();
    payload->sealed.proof = cryptoscatter::SignBatch(node_.secrets(NodeAt(0)).signing, cell.id(),
                                                     {&payload->commitment, 1})
                                .front();
    payload->encoded = std::make_shared<const Bytes>(payload->sealed.Encode());
    return payload;
  }
  // On the disk: reading it back takes what the disk takes.
  void Stage(const engine::PayloadPtr& payload) {
    disk_.SetDelays(absl::ZeroDuration(), absl::ZeroDuration());
    earlier_staging_.Put({payload}, [](absl::Status status) { WORLDB_CHECK(status.ok()); });
    RunFor(absl::Milliseconds(5));
    staging_.Load([](absl::Status status) { WORLDB_CHECK(status.ok()); });
    RunFor(absl::Milliseconds(5));
    disk_.SetDelays(commit_delay_, read_delay_);
  }
  // What the log says of it: version 1 of its key, DECIDED, staged on the triad.
  arbiter::ClosedVersion Closed(const engine::Payload& payload) const {
    arbiter::ClosedVersion closed;
    closed.id = {payload.sealed.core.key_tag, Version(1)};
    closed.slot = node_.cell().SlotOf(closed.id.key_tag);
    closed.commitment = payload.commitment;
    closed.script = cryptoscatter::Script::Nested()->id();
    closed.payload_bytes = payload.sealed.ciphertext.size();
    closed.staged = NodeSet::Of(node_.self().data_center());
    return closed;
  }

 private:
  LoneNode node_;
  cryptoscatter::WriterSession session_;
  MemoryDisk disk_;
  MemoryStore store_;
  engine::NameIndex names_{node_.self(), store_, node_.secrets(node_.self().index()),
                           node_.entropy()};
  absl::Duration commit_delay_;
  absl::Duration read_delay_;
  // Of an earlier life.
  engine::Staging earlier_staging_{node_.self(), store_, names_, kStagingBytesMax};
  engine::Staging staging_{node_.self(), store_, names_, kStagingBytesMax};
  engine::PeerTable peers_{node_.self(), node_.clock()};
  cryptoscatter::BatchVerifier verifier_;
  NodeSet up_ = NodeSet::All();
  int sealed_count_ = 0;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_SEAT_H_
