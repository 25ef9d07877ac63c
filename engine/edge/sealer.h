// Seals values: plaintext goes in, a signed payload comes out.
//
// Every node that stores one of a value's shares checks the writer's signature, and checks each
// signature once. So what is sealed while its owner is busy, or within kSignEvery of the last
// signature, is one commit batch with one signature, whatever the homes; an idle sealer signs at
// once, and a busy one waits for kSignEveryWhenBusy. What is large is sealed on the pool.
// It knows no node: a gateway seals for its callers with it, a client for itself.
// Bounds:  none of its own. What lies here was admitted by its owner, who counts it.
// Errors:  those of cryptoscatter::Seal (InvalidArgument), told for the one value.
// Threads: its executor, which is shut down before this object ends; nothing is told after that,
//          though values may still be sealed on the pool. `entropy` outlives that work.
// Secrets: a value lies in SecretBytes and is wiped as soon as it is sealed.
// Source:  docs/share-format.md 7 to 9.
#ifndef WORLDB_ENGINE_EDGE_SEALER_H_
#define WORLDB_ENGINE_EDGE_SEALER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/secret.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/sealed_value.h"
#include "cryptoscatter/signing.h"
#include "engine/cell/cell.h"
#include "engine/messages/payload.h"
#include "engine/ports/executor.h"

namespace worldb::engine {

// The writer session in use. A session is an ephemeral key pair with its nine pairwise keys, dear
// to make; it is worn by age and by use, and a fresh one takes its place before that.
class FreshSession {
 public:
  using SessionPtr = std::shared_ptr<const cryptoscatter::WriterSession>;
  // Below what a writer session bears: an hour, or 2^20 values.
  static constexpr absl::Duration kLifetime = absl::Minutes(55);
  static constexpr std::uint64_t kValuesMax = std::uint64_t{1} << 20;

  // Both outlive this object.
  FreshSession(const Cell& cell, Entropy& entropy) : cell_(cell), entropy_(entropy) {}

  SessionPtr ForOneValue(absl::Duration now);

 private:
  const Cell& cell_;
  Entropy& entropy_;
  SessionPtr session_;
  absl::Duration made_;
  std::uint64_t values_ = 0;
};

class Sealer {
 public:
  // Values sealed this soon after the last signature wait for the next one.
  static constexpr absl::Duration kSignEvery = absl::Milliseconds(20);
  // The same after a batch of so many.
  static constexpr absl::Duration kSignEveryWhenBusy = absl::Milliseconds(50);
  static constexpr std::size_t kBusyBatch = 4;

  struct Value {
    CellScripts::ScriptPtr script;
    KeyTag key_tag;
    OpId op;
    cryptoscatter::ValueKind kind = cryptoscatter::ValueKind::kValue;
    Bytes key;
    SecretBytes bytes;
  };
  using Done = std::function<void(absl::StatusOr<PayloadPtr>)>;

  // `writer` signs. Executor, entropy and writer outlive this object.
  Sealer(Executor& executor, Entropy& entropy, std::shared_ptr<const Cell> cell,
         const cryptoscatter::SigningKeyPair& writer);

  // `done` is run once: inside this call at the earliest for what cannot be sealed, later for a
  // payload. Those of one batch come in one go, in the order in which they were sealed.
  void Seal(Value value, Done done);

 private:
  struct Job;
  using JobPtr = std::shared_ptr<Job>;

  void AddToBatch(JobPtr job);
  void SignBatch();

  Executor& executor_;
  Entropy& entropy_;
  const std::shared_ptr<const Cell> cell_;
  const cryptoscatter::SigningKeyPair& writer_;
  FreshSession session_;
  std::vector<JobPtr> to_sign_;
  bool sign_posted_ = false;
  absl::Duration sign_again_ = -absl::InfiniteDuration();
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_EDGE_SEALER_H_
