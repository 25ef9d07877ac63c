// Large values on their way to a home: staged there first, because they have no place in line before
// they are.
//
// A value is checked on the pool and staged on the triad; the frame that names it afterwards finds here
// on which nodes it lies. Another sequencer's values are not known here: they are looked for in staging.
// Bounds:  kUnderWayMax values of kUnderWayBytesMax are being staged, more than all ingresses together
//          may have under way; what comes beyond is not taken, and asked for again. kStagedMax have no
//          frame yet; beyond that one of them is forgotten, and looked for in staging like another's.
// Threads: its node's executor.
// Source:  docs/protocol.md 2.
#ifndef WORLDB_ENGINE_SEQUENCER_VALUE_INTAKE_H_
#define WORLDB_ENGINE_SEQUENCER_VALUE_INTAKE_H_

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "absl/status/status.h"
#include "engine/context/node_self.h"
#include "engine/context/term.h"
#include "engine/messages/stream_messages.h"
#include "engine/sequencer/triad_stager.h"

namespace worldb::engine {

class ValueIntake {
 public:
  static constexpr std::size_t kUnderWayMax = std::size_t{1} << 16;
  static constexpr std::size_t kUnderWayBytesMax = std::size_t{768} << 20;
  static constexpr std::size_t kStagedMax = std::size_t{1} << 16;

  struct Staged {
    OpId op;  // whose it is
    KeyTag key_tag;
    ScriptId script;
    NodeSet nodes;
  };

  ValueIntake(NodeSelf& self, Staging& staging, TriadStager& stager,
              std::size_t staged_max = kStagedMax)
      : self_(self), staging_(staging), stager_(stager), staged_max_(staged_max) {}

  // Answered once it is staged, or when it never will be.
  void Take(NodeIndex from, StageValue request);
  // Null for a value that was not staged here in this term.
  const Staged* Find(const CommitmentId& commitment) const;
  // Its frame is there.
  std::optional<Staged> Extract(const CommitmentId& commitment);
  void Clear();

  std::size_t under_way_count() const { return under_way_.size(); }
  std::size_t staged_count() const { return staged_.size(); }

 private:
  struct Value {
    NodeIndex from;
    RequestId request = 0;
    PayloadPtr payload;
    absl::Status checked;
  };
  void OnChecked(const Value& value);
  void OnStaged(const Value& value, NodeSet synced);
  void End(const Value& value);
  void Answer(const Value& value, absl::Status status);
  static std::size_t BytesOf(const Value& value) { return value.payload->encoded->size(); }

  NodeSelf& self_;
  Staging& staging_;
  TriadStager& stager_;
  const std::size_t staged_max_;
  Term term_;
  std::set<CommitmentId> under_way_;
  std::size_t under_way_bytes_ = 0;
  std::map<CommitmentId, Staged> staged_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SEQUENCER_VALUE_INTAKE_H_
