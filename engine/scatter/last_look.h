// Asks all nodes for a version before it is given up: nobody has its payload any more, and what was logged of
// its shares cannot read.
//
// Receipts may have been given to a sequencer that could not log them. So each node is asked whether it holds
// its share, whole and of the commitment that won; a receipt counts as one for a share that was handed
// over. The version is lost once those who say that they have none keep all others from reading it. Until
// then all are asked again and again, and answers of one round count together: a share may come meanwhile.
// Bounds:  versions looked for are won ones below HELD whose payload is gone; kAsksMax nodes are asked, one
//          more forgets the oldest, which the next round asks again.
// Threads: its node's executor.
// Source:  docs/protocol.md 1; ARCHITECTURE.md invariant 1.
#ifndef WORLDB_ENGINE_SCATTER_LAST_LOOK_H_
#define WORLDB_ENGINE_SCATTER_LAST_LOOK_H_

#include <cstddef>
#include <functional>
#include <map>
#include <memory>

#include "absl/time/time.h"
#include "arbiter/log_entry.h"
#include "cryptoscatter/records.h"
#include "cryptoscatter/script.h"
#include "engine/context/node_self.h"
#include "engine/context/term.h"
#include "engine/messages/asked.h"
#include "engine/messages/share_messages.h"

namespace worldb::engine {

class LastLook {
 public:
  static constexpr std::size_t kAsksMax = 8192;
  static constexpr absl::Duration kAgainAfter = absl::Seconds(2);

  struct Missing {
    arbiter::RoundId version;
    CommitmentId commitment;
    std::shared_ptr<const cryptoscatter::Script> script;
    NodeSet held;      // by the log
    NodeSet not_here;  // who was staging it, and says that it is not there
  };
  using Held = std::function<void(const arbiter::RoundId&, NodeIndex)>;
  using Lost = std::function<void(const arbiter::VersionVoid&)>;

  // Both outlive this object. `held` and `lost` are told what is found out.
  LastLook(NodeSelf& self, cryptoscatter::BatchVerifier& verifier, Held held, Lost lost);

  // Nothing happens if it is looked for already. REQUIRES: a script.
  void Begin(Missing missing);
  void Take(NodeIndex from, const ProbeShareReply& reply);
  // These do not hold it any more.
  void NoteLost(const arbiter::RoundId& version, NodeSet nodes);
  // Nobody needs to know any more, or the payload has turned up.
  void End(const arbiter::RoundId& version) { looks_.erase(version); }
  void StepDown();

 private:
  struct Look {
    Missing missing;
    NodeSet absent;
  };
  void Ask(const arbiter::RoundId& version);

  NodeSelf& self_;
  cryptoscatter::BatchVerifier& verifier_;
  const Held held_;
  const Lost lost_;
  Term term_;
  std::map<arbiter::RoundId, Look> looks_;
  Asked<arbiter::RoundId> asked_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SCATTER_LAST_LOOK_H_
