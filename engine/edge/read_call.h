// One Get, from the question to the value: which version counts, who holds it, what it says.
//
// LATEST and a read of one version ask the key's home, and gather the version that it names; for LATEST the
// newest that nodes hold is gathered meanwhile, and used if that is the one. While the home
// is silent everybody is asked what they hold, for what the reader is told at the deadline. SURVIVING asks no
// home: it gathers the newest version that those who answered can read, and older ones in turn if that fails.
//
// Each phase is a value of its own; when it is over it is remade (`= {}`), and its questions and timers
// end with it.
//
// Errors:  those of gatherer.h, but for BAD_KEY and the bound of calls.
// Threads: the executor.
// Secrets: the value, on its way to the caller.
#ifndef WORLDB_ENGINE_EDGE_READ_CALL_H_
#define WORLDB_ENGINE_EDGE_READ_CALL_H_

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/api/reads.h"
#include "engine/edge/cell_access.h"
#include "engine/edge/edge_reader.h"
#include "engine/edge/read_plan.h"
#include "engine/edge/share_gather.h"
#include "engine/edge/speculative_gather.h"
#include "engine/edge/timer.h"

namespace worldb::engine {

class ReadCall {
 public:
  using Done = std::function<void(absl::StatusOr<GetReply>)>;

  // `reader` outlives this object. `done` runs once, never inside Start(), and not at all if the object
  // is destroyed before; it may destroy it.
  ReadCall(EdgeReader& reader, GetRequest request, Done done);
  ReadCall(const ReadCall&) = delete;
  ReadCall& operator=(const ReadCall&) = delete;

  void Start();

 private:
  // Waiting for the home's word.
  struct AskingHome {
    CellAccess::Question question;
    Timer patience;
    std::unique_ptr<SpeculativeGather> speculative;  // of LATEST; null where there is none
  };
  // Asking every node what it holds. What they told stays on record when it is over.
  struct Listing {
    std::array<CellAccess::Question, kNodeCount> questions;
    Timer timer;
    NodeSet listed;
    NodeSet could_not_list;  // answered that their stores did not
    Holdings holdings;
  };
  struct Gathering {
    std::vector<ReadTarget> targets;  // best first
    std::size_t at = 0;
    std::shared_ptr<ShareGather> shares;  // of the target at hand
    std::vector<std::string> rejected;

    const ReadTarget& target() const { return targets[at]; }
  };

  void AskHome();
  void TakeFacts(const ReadReply& reply);
  void ListAll();
  void TakeListing(NodeIndex from, const ListSharesReply& reply);
  void EndListing();
  void Gather(std::vector<ReadTarget> targets,
              std::unique_ptr<SpeculativeGather> speculative = nullptr);
  void GatherTarget(std::unique_ptr<SpeculativeGather> speculative);
  void TakeGathered(Gathered gathered);
  // REQUIRES: a value.
  absl::StatusOr<GetReply> ReplyWith(Gathered gathered);
  // Why there is no value at the deadline.
  absl::Status OutOfTime() const;
  // The last thing that any of the above does.
  void Finish(absl::StatusOr<GetReply> reply);

  EdgeReader& reader_;
  const GetRequest request_;
  Done done_;
  const KeyTag key_tag_;
  const DataCenterIndex home_;
  const absl::Duration deadline_;
  Timer deadline_timer_;
  AskingHome asking_;
  Listing listing_;
  Gathering gathering_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_EDGE_READ_CALL_H_
