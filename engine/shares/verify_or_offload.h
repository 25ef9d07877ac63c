// Verifying of shares, with the node's verifier, which remembers what it has seen; or, where there is much
// to hash, on the pool with a fresh one.
//
// Threads: the node's executor.
#ifndef WORLDB_ENGINE_SHARES_VERIFY_OR_OFFLOAD_H_
#define WORLDB_ENGINE_SHARES_VERIFY_OR_OFFLOAD_H_

#include <cstddef>
#include <utility>

#include "cryptoscatter/records.h"
#include "engine/ports/executor.h"

namespace worldb::engine {

// Runs `work(verifier)` on `bytes`, then `done()`, as RunOrOffload() does: on the pool `work` must own all
// it touches.
template <typename Work, typename Done>
void VerifyOrOffload(Executor& executor, std::size_t bytes, cryptoscatter::BatchVerifier& verifier,
                     Work work, Done done) {
  cryptoscatter::BatchVerifier* const own = bytes > kOffloadBytes ? nullptr : &verifier;
  RunOrOffload(
      executor, bytes,
      [own, work = std::move(work)] {
        if (own != nullptr) return work(*own);
        cryptoscatter::BatchVerifier fresh;
        work(fresh);
      },
      std::move(done));
}

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_VERIFY_OR_OFFLOAD_H_
