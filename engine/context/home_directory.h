// Who leads which home, as far as this node has been told.
//
// A guess for choosing whom to ask: the log's fence, not this, decides who may write.
// Threads: its node's executor.
#ifndef WORLDB_ENGINE_CONTEXT_HOME_DIRECTORY_H_
#define WORLDB_ENGINE_CONTEXT_HOME_DIRECTORY_H_

#include <array>
#include <optional>

#include "absl/time/time.h"
#include "engine/context/node_self.h"
#include "engine/messages/peer_message.h"

namespace worldb::engine {

class HomeDirectory {
 public:
  // A home whose sequencer was not heard for this long does not answer.
  static constexpr absl::Duration kSequencerSilentAfter = absl::Seconds(1);

  struct Leader {
    NodeIndex sequencer;
    LogEpoch log_epoch;
    friend bool operator==(const Leader&, const Leader&) = default;
  };

  explicit HomeDirectory(const NodeSelf& self) : self_(self) {}

  // False when the beat is to be ignored: of another home than its sender's, or of a sequencer that a
  // newer one has followed.
  bool On(NodeIndex from, const SequencerBeat& beat);

  // Nullopt before any was heard.
  std::optional<Leader> LeaderOf(DataCenterIndex home) const {
    return entries_[home.value()].leader;
  }
  std::optional<NodeIndex> SequencerOf(DataCenterIndex home) const;
  bool IsSilent(DataCenterIndex home) const;

 private:
  struct Entry {
    std::optional<Leader> leader;
    absl::Duration heard;
  };
  const NodeSelf& self_;
  std::array<Entry, kDataCenterCount> entries_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_CONTEXT_HOME_DIRECTORY_H_
