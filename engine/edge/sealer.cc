#include "engine/edge/sealer.h"

#include <cstddef>
#include <utility>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/records.h"

namespace worldb::engine {

using cryptoscatter::SealedValue;

FreshSession::SessionPtr FreshSession::ForOneValue(absl::Duration now) {
  if (session_ == nullptr || now - made_ >= kLifetime || values_ >= kValuesMax) {
    auto session = cryptoscatter::WriterSession::Create(cell_.SealTargets(), entropy_);
    // The targets come from the cell directory, whose keys were made by a real generator.
    WORLDB_CHECK(session.ok());
    session_ = std::make_shared<const cryptoscatter::WriterSession>(*std::move(session));
    made_ = now;
    values_ = 0;
  }
  ++values_;
  return session_;
}

// One value on its way. It owns all that sealing on the pool touches.
struct Sealer::Job {
  Value value;
  FreshSession::SessionPtr session;
  std::shared_ptr<const Cell> cell;
  Entropy& entropy;
  Done done;
  absl::StatusOr<SealedValue> sealed = absl::UnknownError("not sealed");

  void Run() {
    sealed = cryptoscatter::Seal(
        *value.script,
        {cell->id(), value.key_tag, value.op, value.key, value.bytes.ExposeSecret(), value.kind},
        *session, entropy);
    value.bytes = SecretBytes();
  }

  PayloadPtr Sign(const CommitmentId& commitment, cryptoscatter::CommitProof proof) {
    auto payload = std::make_shared<Payload>();
    payload->sealed = *std::move(sealed);
    payload->sealed.proof = std::move(proof);
    payload->commitment = commitment;
    payload->key = std::move(value.key);
    payload->encoded = std::make_shared<const Bytes>(payload->sealed.Encode());
    return payload;
  }
};

Sealer::Sealer(Executor& executor, Entropy& entropy, std::shared_ptr<const Cell> cell,
               const cryptoscatter::SigningKeyPair& writer)
    : executor_(executor),
      entropy_(entropy),
      cell_(std::move(cell)),
      writer_(writer),
      session_(*cell_, entropy) {}

void Sealer::Seal(Value value, Done done) {
  const std::size_t bytes = value.bytes.size();
  const auto job =
      std::make_shared<Job>(Job{std::move(value), session_.ForOneValue(executor_.Elapsed()), cell_,
                                entropy_, std::move(done)});
  RunOrOffload(
      executor_, bytes, [job] { job->Run(); }, [this, job] { AddToBatch(job); });
}

void Sealer::AddToBatch(JobPtr job) {
  if (!job->sealed.ok()) return job->done(job->sealed.status());
  to_sign_.push_back(std::move(job));
  if (std::exchange(sign_posted_, true)) return;
  const absl::Duration wait = sign_again_ - executor_.Elapsed();
  if (wait > absl::ZeroDuration()) {
    executor_.PostAfter(wait, [this] { SignBatch(); });
  } else {
    // Behind whatever is already waiting to be sealed: all of that shares the signature.
    executor_.Post([this] { SignBatch(); });
  }
}

void Sealer::SignBatch() {
  sign_posted_ = false;
  const std::vector<JobPtr> batch = std::exchange(to_sign_, {});
  sign_again_ = executor_.Elapsed() + (batch.size() < kBusyBatch ? kSignEvery : kSignEveryWhenBusy);
  std::vector<CommitmentId> commitments;
  commitments.reserve(batch.size());
  for (const JobPtr& job : batch) commitments.push_back(job->sealed->Commitment());
  std::vector<cryptoscatter::CommitProof> proofs =
      cryptoscatter::SignBatch(writer_, cell_->id(), commitments);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i]->done(batch[i]->Sign(commitments[i], std::move(proofs[i])));
  }
}

}  // namespace worldb::engine
