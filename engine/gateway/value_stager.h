// Values too large for a frame: each is put into the home's staging first, and only then stamped.
//
// The home's sequencer is asked, and asked again under the same id when it stays silent, for as
// long as the caller waits: it answers a repeat with the first one's answer. A new sequencer is
// asked anew, and from then on it alone may answer. Until its value is staged an op has no place in
// line, so giving up costs nothing.
// Bounds:  kStagingMax. The budgets hold fewer values of this size, so none is ever dropped for it.
// Threads: its node's executor.
// Source:  docs/protocol.md 2.
#ifndef WORLDB_ENGINE_GATEWAY_VALUE_STAGER_H_
#define WORLDB_ENGINE_GATEWAY_VALUE_STAGER_H_

#include <cstddef>
#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/context/home_directory.h"
#include "engine/context/node_self.h"
#include "engine/gateway/admission.h"
#include "engine/gateway/write_calls.h"
#include "engine/messages/asked.h"
#include "engine/messages/stream_messages.h"

namespace worldb::engine {

class ValueStager {
 public:
  static constexpr std::size_t kStagingMax =
      kDataCenterCount * Admission::kPendingBytesMax / kValueInFrameBytesMax;
  // A sequencer is asked again after four of these, and a microsecond for each byte it has to take;
  // one that is not known yet is looked for again after one.
  static constexpr absl::Duration kStageRetryAfter = absl::Milliseconds(300);

  // The value is staged, or was refused for ever. It is not told for a call that has ended before.
  using Staged = std::function<void(const AdmittedPtr&, const PayloadPtr&, absl::Status)>;

  // All of it outlives this object.
  ValueStager(NodeSelf& self, const HomeDirectory& homes, const WriteCalls& calls, Staged staged);

  void Stage(AdmittedPtr set, PayloadPtr payload);
  // Of anybody but the sequencer asked last it is ignored.
  void TakeReply(NodeIndex from, const StageValueReply& reply);

  std::size_t staging_count() const { return asked_.size(); }

 private:
  struct Value {
    AdmittedPtr set;
    PayloadPtr payload;
    std::optional<NodeIndex> sequencer;  // who was asked under this id
  };
  void Ask(RequestId id);
  RequestId PutToSequencer(RequestId id);

  NodeSelf& self_;
  const HomeDirectory& homes_;
  const WriteCalls& calls_;
  const Staged staged_;
  Asked<Value> asked_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_VALUE_STAGER_H_
