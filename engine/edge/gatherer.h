// Reads values back: asks the home which version counts, gathers shares from the nearest nodes that
// suffice, verifies each, and opens the value at this edge.
//
// Nothing here knows what an edge is part of: a gateway and a client that opens by itself give it their
// own view of the cell (cell_access.h). Below it, read_call.h is one Get, share_gather.h one version of it,
// read_plan.h whom to ask.
//
// Bounds:  kGetsMax calls; what one keeps is the value's shares, or what nine nodes list of its key. Values
//          and answers take up bytes of a budget (read_budget.h) until the answer's charge ends.
// Errors:  InvalidArgument BAD_KEY;
//          NotFound NO_SUCH_KEY, NO_SUCH_VERSION, with the version that deleted the key, if one did;
//          Unavailable TRIAD_UNAVAILABLE (names the home and the version SURVIVING would return),
//          SHARES_INSUFFICIENT, VERSION_NOT_READABLE (DataLoss when the version ended VOID);
//          FailedPrecondition BAD_SCRIPT for a script this cell file does not know;
//          ResourceExhausted SHED at the bound of calls, before anybody is asked, and where there is no
//          room for the value, before a share is fetched.
// Threads: the executor; StopAll() any once that is shut down.
// Secrets: the reading key pair, to which nodes seal their key shares; values in SecretBytes.
// Source:  docs/protocol.md 6.
#ifndef WORLDB_ENGINE_EDGE_GATHERER_H_
#define WORLDB_ENGINE_EDGE_GATHERER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/records.h"
#include "engine/api/reads.h"
#include "engine/edge/cell_access.h"
#include "engine/edge/edge_reader.h"
#include "engine/edge/read_call.h"
#include "engine/ports/executor.h"

namespace worldb::engine {

class Gatherer {
 public:
  using Done = std::function<void(absl::StatusOr<GetReply>)>;

  // Under way at once. With one home silent, its readers fill this in ten seconds at a thousand a second.
  static constexpr std::size_t kGetsMax = 10'000;

  // `entropy` is drawn from here alone; the others as EdgeReader says.
  Gatherer(CellAccess& access, Executor& executor, Entropy& entropy,
           cryptoscatter::BatchVerifier& verifier)
      : reader_(access, executor, entropy, verifier) {}

  // `done` runs once; inside this call only when the request is refused.
  void Get(GetRequest request, Done done);
  // All calls under way end with `status`.
  void StopAll(const absl::Status& status);

 private:
  using CallId = std::uint64_t;
  struct Call {
    std::unique_ptr<ReadCall> read;
    Done done;
  };
  void Finish(CallId id, absl::StatusOr<GetReply> reply);

  EdgeReader reader_;
  CallId last_call_ = 0;
  std::map<CallId, Call> calls_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_EDGE_GATHERER_H_
