// Goal:   values leave the edge sealed and signed, few signatures serve many of them, and nothing large
//         or broken holds up the rest.
// Method: a sealer in virtual time with no node around it; what it makes is verified as a node would.
#include "engine/edge/sealer.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "cryptoscatter/records.h"
#include "tests/support/seeded_entropy.h"
#include "tests/support/sim_executor.h"

namespace worldb::engine {
namespace {

using cryptoscatter::ValueKind;
using testing::SeededEntropy;
using testing::SimExecutor;
using testing::SimWorld;

std::array<NodeSecrets, kNodeCount> MakeSecrets(Entropy& entropy) {
  const auto one = [&entropy] { return NodeSecrets::Generate(entropy); };
  return {one(), one(), one(), one(), one(), one(), one(), one(), one()};
}

class SealerTest : public ::testing::Test {
 protected:
  // What became of one value.
  struct Told {
    std::string key;
    absl::StatusOr<PayloadPtr> payload;
    absl::Duration at;
  };

  Sealer::Value ValueOf(const std::string& key, std::size_t bytes) const {
    const Bytes name = ToBytes(AsBytes(key));
    Sealer::Value value;
    value.script = cell_->scripts().ForKey(name);
    value.key_tag = cell_->KeyTagOf(name);
    value.op.bytes[0] = 7;
    value.key = name;
    value.bytes = SecretBytes(bytes);
    return value;
  }
  void Seal(Sealer::Value value) {
    const std::string key(value.key.begin(), value.key.end());
    sealer_->Seal(std::move(value), [this, key](absl::StatusOr<PayloadPtr> payload) {
      told_.push_back({key, std::move(payload), world_.Elapsed()});
    });
  }
  void Seal(const std::string& key, std::size_t bytes = 100) { Seal(ValueOf(key, bytes)); }
  const cryptoscatter::CommitProof& ProofOf(std::size_t index) const {
    return (*told_.at(index).payload)->sealed.proof;
  }

  SimWorld world_;
  SimExecutor executor_{world_};
  SeededEntropy entropy_{1};
  const std::array<NodeSecrets, kNodeCount> secrets_ = MakeSecrets(entropy_);
  const std::shared_ptr<const Cell> cell_ =
      Cell::Create({"virginia", "frankfurt", "tokyo"}, secrets_, entropy_);
  std::unique_ptr<Sealer> sealer_ =
      std::make_unique<Sealer>(executor_, entropy_, cell_, secrets_[4].signing);
  std::vector<Told> told_;
};

TEST_F(SealerTest, WhatItMakesVerifies) {
  for (const ValueKind kind : {ValueKind::kValue, ValueKind::kTombstone}) {
    Sealer::Value value = ValueOf("a", kind == ValueKind::kValue ? 5000 : 0);
    value.kind = kind;
    const auto script = value.script;
    Seal(std::move(value));
    world_.RunFor(Sealer::kSignEvery);
    ASSERT_TRUE(told_.back().payload.ok());
    const Payload& payload = **told_.back().payload;
    EXPECT_EQ(payload.sealed.core.kind, kind);
    EXPECT_EQ(payload.sealed.core.cell, cell_->id());
    EXPECT_EQ(payload.sealed.core.key_tag, cell_->KeyTagOf(ToBytes(AsBytes("a"))));
    EXPECT_EQ(payload.sealed.core.op_id.bytes[0], 7);
    EXPECT_EQ(payload.key, ToBytes(AsBytes("a")));
    EXPECT_EQ(payload.commitment, payload.sealed.Commitment());
    EXPECT_EQ(*payload.encoded, payload.sealed.Encode());
    EXPECT_TRUE(cryptoscatter::VerifySealedValue(*script, payload.sealed).ok());
    EXPECT_EQ(payload.sealed.proof.signer, secrets_[4].signing.public_key());
    cryptoscatter::BatchVerifier verifier;
    EXPECT_TRUE(verifier.VerifyCommit(payload.sealed.proof, cell_->id(), payload.commitment).ok());
  }
}

TEST_F(SealerTest, AnIdleOneSignsAtOnce) {
  Seal("a");
  EXPECT_TRUE(told_.empty());
  world_.RunReady();
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_EQ(ProofOf(0).count, 1u);
  world_.RunFor(Sealer::kSignEvery);
  Seal("b");
  world_.RunReady();
  EXPECT_EQ(told_.size(), 2u);
}

TEST_F(SealerTest, WhatWaitsToBeSealedSharesASignature) {
  for (const char* key : {"a", "b", "c"}) executor_.Post([this, key] { Seal(key); });
  world_.RunReady();
  ASSERT_EQ(told_.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(told_[i].key, std::string(1, static_cast<char>('a' + i)));
    EXPECT_EQ(ProofOf(i).count, 3u);
    EXPECT_EQ(ProofOf(i).signature, ProofOf(0).signature);
  }
}

TEST_F(SealerTest, AfterALargeBatchMoreGathersForTheNext) {
  for (std::size_t i = 0; i < Sealer::kBusyBatch; ++i) executor_.Post([this] { Seal("a"); });
  world_.RunReady();
  ASSERT_EQ(told_.size(), Sealer::kBusyBatch);
  Seal("b");
  world_.RunFor(Sealer::kSignEveryWhenBusy - absl::Milliseconds(1));
  EXPECT_EQ(told_.size(), Sealer::kBusyBatch);
  world_.RunFor(absl::Milliseconds(1));
  ASSERT_EQ(told_.size(), Sealer::kBusyBatch + 1);
  // That was a batch of one.
  Seal("c");
  world_.RunFor(Sealer::kSignEvery);
  EXPECT_EQ(told_.size(), Sealer::kBusyBatch + 2);
}

TEST_F(SealerTest, ABusyOneSignsEveryFewMilliseconds) {
  Seal("a");
  world_.RunFor(absl::Milliseconds(1));
  Seal("b");
  world_.RunFor(absl::Milliseconds(1));
  Seal("c");
  world_.RunFor(Sealer::kSignEvery);
  ASSERT_EQ(told_.size(), 3u);
  EXPECT_EQ(told_[0].at, absl::ZeroDuration());
  EXPECT_EQ(told_[1].at, Sealer::kSignEvery);
  EXPECT_EQ(told_[2].at, Sealer::kSignEvery);
  EXPECT_EQ(ProofOf(1).signature, ProofOf(2).signature);
  EXPECT_NE(ProofOf(0).signature, ProofOf(1).signature);
}

TEST_F(SealerTest, ALargeValueGoesToThePoolAndHoldsNobodyUp) {
  world_.set_offload_time(absl::Milliseconds(50));
  Seal("large", kOffloadBytes + 1);
  Seal("small");
  Seal("the largest that is small", kOffloadBytes);
  world_.RunFor(absl::Seconds(1));
  ASSERT_EQ(told_.size(), 3u);
  EXPECT_EQ(told_[0].key, "small");
  EXPECT_EQ(told_[0].at, absl::ZeroDuration());
  EXPECT_EQ(told_[1].key, "the largest that is small");
  EXPECT_EQ(told_[1].at, absl::ZeroDuration());
  EXPECT_EQ(told_[2].key, "large");
  EXPECT_EQ(told_[2].at, absl::Milliseconds(50));
  EXPECT_TRUE(told_[2].payload.ok());
}

TEST_F(SealerTest, WhatCannotBeSealedIsToldAloneAndAtOnce) {
  Seal("a");
  Seal(std::string(cryptoscatter::kKeyNameBytesMax + 1, 'k'));
  ASSERT_EQ(told_.size(), 1u);
  EXPECT_TRUE(absl::IsInvalidArgument(told_[0].payload.status()));
  world_.RunReady();
  ASSERT_EQ(told_.size(), 2u);
  EXPECT_TRUE(told_[1].payload.ok());
  EXPECT_EQ(ProofOf(1).count, 1u);
}

// Its caller is gone: what the pool still does touches nothing of it.
TEST_F(SealerTest, NobodyIsToldOnceTheExecutorHasStopped) {
  world_.set_offload_time(absl::Milliseconds(50));
  Seal("large", kOffloadBytes + 1);
  Seal("small");
  executor_.Shutdown();
  sealer_.reset();
  world_.RunFor(absl::Seconds(1));
  EXPECT_TRUE(told_.empty());
}

TEST_F(SealerTest, ASessionServesUntilItIsOld) {
  Seal("a");
  world_.RunFor(FreshSession::kLifetime - absl::Seconds(1));
  Seal("b");
  world_.RunFor(absl::Seconds(1));
  Seal("c");
  world_.RunReady();
  const auto session = [this](std::size_t index) {
    return (*told_.at(index).payload)->sealed.writer_exchange_key;
  };
  EXPECT_EQ(session(0), session(1));
  EXPECT_NE(session(1), session(2));
}

TEST_F(SealerTest, ASessionServesForSoManyValues) {
  FreshSession fresh(*cell_, entropy_);
  const auto first = fresh.ForOneValue(absl::ZeroDuration());
  for (std::uint64_t i = 1; i < FreshSession::kValuesMax; ++i) {
    ASSERT_EQ(fresh.ForOneValue(absl::ZeroDuration()), first);
  }
  const auto second = fresh.ForOneValue(absl::ZeroDuration());
  EXPECT_NE(second, first);
  EXPECT_EQ(fresh.ForOneValue(absl::ZeroDuration()), second);
}

}  // namespace
}  // namespace worldb::engine
