// Goal:   what is remembered of a batch's tree changes no answer, only what it costs: a proof is good,
//         and of the same digest, if and only if it is for whoever remembers nothing.
// Method: the items of batches of many sizes in random order, good proofs among ones with each part
//         altered, before and after their good ones; a plain fold of the whole path and a fresh
//         verifier are the judges.
#include "cryptoscatter/batch_nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cryptoscatter/labels.h"
#include "cryptoscatter/records.h"
#include "tests/support/seeded_entropy.h"

namespace worldb::cryptoscatter {
namespace {

struct Attempt {
  std::string what;
  CellId cell;
  CommitProof proof;
  CommitmentId item;
};

struct Batch {
  explicit Batch(std::uint32_t count, std::uint64_t seed = 1) {
    testing::SeededEntropy entropy(seed);
    const SigningKeyPair writer = SigningKeyPair::Generate(entropy);
    cell.bytes = entropy.Draw<16>();
    for (std::uint32_t i = 0; i < count; ++i) items.push_back(CommitmentId{entropy.Draw<32>()});
    proofs = SignBatch(writer, cell, items);
  }
  Attempt Good(std::size_t i) const { return {"good", cell, proofs[i], items[i]}; }

  CellId cell;
  std::vector<CommitmentId> items;
  std::vector<CommitProof> proofs;
};

// Each part of a good proof altered, one at a time.
class Tampering {
 public:
  Tampering(const Batch& batch, const Batch& other, std::mt19937_64& random)
      : batch_(batch), other_(other), random_(random) {}

  std::vector<Attempt> Of(std::size_t i) {
    std::vector<Attempt> all;
    const auto add = [&](std::string what, auto change) {
      Attempt attempt = batch_.Good(i);
      attempt.what = std::move(what);
      change(attempt);
      all.push_back(std::move(attempt));
    };
    const std::size_t length = batch_.proofs[i].path.size();
    add("item", [&](Attempt& a) { Flip(a.item); });
    add("cell", [&](Attempt& a) { Flip(a.cell); });
    add("signer", [&](Attempt& a) { Flip(a.proof.signer); });
    add("signature", [&](Attempt& a) { Flip(a.proof.signature); });
    add("another's signature", [&](Attempt& a) { a.proof.signature = other_.proofs[0].signature; });
    add("another's item", [&](Attempt& a) { a.item = other_.items[i]; });
    add("another's path", [&](Attempt& a) { a.proof.path = other_.proofs[i].path; });
    add("a neighbour's item", [&](Attempt& a) { a.item = batch_.items[(i + 1) % Count()]; });
    add("a neighbour's index", [&](Attempt& a) { a.proof.index ^= 1; });
    add("any index", [&](Attempt& a) { a.proof.index = static_cast<std::uint32_t>(random_()); });
    add("another index",
        [&](Attempt& a) { a.proof.index = static_cast<std::uint32_t>(random_() % Count()); });
    add("one more", [&](Attempt& a) { ++a.proof.count; });
    add("one fewer", [&](Attempt& a) { --a.proof.count; });
    add("none", [&](Attempt& a) { a.proof.count = 0; });
    add("too many", [&](Attempt& a) { a.proof.count = kBatchCountMax + 1; });
    add("path too long", [&](Attempt& a) { a.proof.path.emplace_back(); });
    for (std::size_t at = 0; at < length; ++at) {
      add("path", [&](Attempt& a) { Flip(a.proof.path[at]); });
    }
    if (length > 0) {
      add("path too short", [&](Attempt& a) { a.proof.path.pop_back(); });
      add("item and path", [&](Attempt& a) {
        a.item = other_.items[i];
        a.proof.path.front() = other_.proofs[i].path.front();
      });
      add("item and sibling swapped",
          [&](Attempt& a) { std::swap(a.item.bytes, a.proof.path.front().bytes); });
      add("path backwards",
          [&](Attempt& a) { std::reverse(a.proof.path.begin(), a.proof.path.end()); });
    }
    return all;
  }

 private:
  std::size_t Count() const { return batch_.items.size(); }
  template <typename Id>
  void Flip(Id& id) {
    const std::size_t bit = random_() % (8 * Id::kBytes);
    id.bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
  }

  const Batch& batch_;
  const Batch& other_;
  std::mt19937_64& random_;
};

std::vector<std::size_t> RandomOrder(std::size_t count, std::mt19937_64& random) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::shuffle(order.begin(), order.end(), random);
  return order;
}

bool WellFormed(const CommitProof& proof) {
  return proof.index < proof.count && proof.count <= kBatchCountMax &&
         proof.path.size() == BatchPathLength(proof.index, proof.count);
}

std::optional<Hash256> Judge(const Attempt& attempt) {
  const CommitProof& proof = attempt.proof;
  if (!WellFormed(proof)) return std::nullopt;
  const Hash256 root = BatchRootFrom(labels::kCommitBatchNode, proof.index, proof.count,
                                     Hash256{attempt.item.bytes}, proof.path);
  const Hash256 digest = CommitBatchDigest(attempt.cell, root, proof.count, proof.signer);
  if (!VerifySignature(proof.signer, digest.bytes, proof.signature, "judged").ok()) {
    return std::nullopt;
  }
  return digest;
}

void ExpectSameAnswer(BatchVerifier& verifier, const Attempt& attempt) {
  const auto given = verifier.VerifyCommit(attempt.proof, attempt.cell, attempt.item);
  BatchVerifier fresh;
  const auto without = fresh.VerifyCommit(attempt.proof, attempt.cell, attempt.item);
  ASSERT_EQ(given.status(), without.status()) << attempt.what;
  const std::optional<Hash256> expected = Judge(attempt);
  ASSERT_EQ(given.ok(), expected.has_value()) << attempt.what;
  if (!expected.has_value()) return;
  ASSERT_EQ(*given, *expected) << attempt.what;
  ASSERT_EQ(*without, *expected) << attempt.what;
}

TEST(BatchNodes, AVerifierThatRemembersThemAnswersAsOneThatDoesNot) {
  constexpr std::size_t kItemsTried = 24;
  std::mt19937_64 random(1);
  std::vector<std::uint32_t> counts = {63, 64, 65, 100, 129, 200, 255, 256};
  for (std::uint32_t count = 1; count <= 40; ++count) counts.push_back(count);
  for (const std::uint32_t count : counts) {
    SCOPED_TRACE(count);
    const Batch batch(count);
    const Batch other(count, 2);
    std::vector<std::size_t> order = RandomOrder(count, random);
    order.resize(std::min<std::size_t>(count, kItemsTried));
    std::vector<Attempt> attempts;
    for (const std::size_t i : order) {
      attempts.push_back(batch.Good(i));
      attempts.push_back(batch.Good(i));
      for (Attempt& bad : Tampering(batch, other, random).Of(i)) attempts.push_back(std::move(bad));
    }
    std::shuffle(attempts.begin(), attempts.end(), random);
    BatchVerifier verifier;
    for (const Attempt& attempt : attempts) {
      ExpectSameAnswer(verifier, attempt);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(BatchNodes, TakesWhatLeadsToTheRootAndNothingElse) {
  std::mt19937_64 random(2);
  for (std::uint32_t count = 1; count <= 40; ++count) {
    SCOPED_TRACE(count);
    const Batch batch(count);
    const Batch other(count, 2);
    BatchNodes nodes(labels::kCommitBatchNode, count);
    ASSERT_EQ(nodes.count(), count);
    for (const std::size_t i : RandomOrder(count, random)) {
      const CommitProof& proof = batch.proofs[i];
      ASSERT_TRUE(nodes.Add(proof.index, Hash256{batch.items[i].bytes}, proof.path));
      ASSERT_EQ(nodes.PathOf(proof.index), proof.path);
      for (std::size_t j = 0; j < count; ++j) {
        for (const Attempt& a : Tampering(batch, other, random).Of(j)) {
          if (!WellFormed(a.proof) || a.proof.count != count) continue;
          const Hash256 root = BatchRootFrom(labels::kCommitBatchNode, a.proof.index, count,
                                             Hash256{a.item.bytes}, a.proof.path);
          BatchNodes tried = nodes;
          const bool taken = tried.Add(a.proof.index, Hash256{a.item.bytes}, a.proof.path);
          ASSERT_EQ(taken, root == nodes.root()) << a.what;
          ASSERT_TRUE(taken || tried == nodes) << a.what;
        }
      }
    }
  }
}

TEST(BatchNodes, ForgottenTreesAreLearntAgainWithoutASignatureCheck) {
  std::vector<Batch> batches;
  for (std::uint64_t seed = 0; seed < BatchVerifier::kTreesMax + 30; ++seed) {
    batches.emplace_back(5, seed);
  }
  BatchVerifier verifier;
  for (std::size_t i = 0; i < 5; ++i) {
    for (const Batch& batch : batches) {
      ExpectSameAnswer(verifier, batch.Good(i));
      ExpectSameAnswer(verifier, batch.Good(4 - i));
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_EQ(verifier.signature_checks(), batches.size());
}

}  // namespace
}  // namespace worldb::cryptoscatter
