// Nine nodes, one writer and their keys, all out of one seed: what a test of sealing, scattering
// and opening needs around it.
//
// Threads: not synchronised; one owner.
#ifndef WORLDB_TESTS_SUPPORT_SCATTER_CELL_H_
#define WORLDB_TESTS_SUPPORT_SCATTER_CELL_H_

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/exchange.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/sealed_value.h"
#include "cryptoscatter/share.h"
#include "cryptoscatter/signing.h"
#include "cryptoscatter/suite.h"
#include "tests/support/seeded_entropy.h"

namespace worldb::testing {

// A value after its scatter: the sealed form, nine shares, and the nine opened key shares.
struct ScatteredValue {
  cryptoscatter::SealedValue sealed;
  std::array<cryptoscatter::Share, kNodeCount> shares;
  cryptoscatter::KeyShares key_shares;
};

class ScatterCell {
 public:
  explicit ScatterCell(
      std::uint64_t seed,
      std::shared_ptr<const cryptoscatter::Script> script = cryptoscatter::Script::Nested(),
      cryptoscatter::Suite suite = cryptoscatter::kDefaultSuite)
      : entropy_(seed),
        script_(std::move(script)),
        suite_(suite),
        writer_(cryptoscatter::SigningKeyPair::Generate(entropy_)) {
    cell_.bytes = entropy_.Draw<16>();
    entropy_.Fill(tag_key_.ExposeSecretMutable());
    for (int j = 0; j < kNodeCount; ++j) {
      node_keys_.push_back(cryptoscatter::SigningKeyPair::Generate(entropy_));
      exchange_.push_back(cryptoscatter::ExchangeKeyPair::Generate(entropy_));
      targets_[static_cast<std::size_t>(j)] = {
          cryptoscatter::NodeIdOf(node_keys_.back().public_key()), exchange_.back().public_key()};
    }
    session_ = std::make_unique<cryptoscatter::WriterSession>(
        *cryptoscatter::WriterSession::Create(targets_, entropy_));
  }

  Entropy& entropy() { return entropy_; }
  const cryptoscatter::Script& script() const { return *script_; }
  const CellId& cell() const { return cell_; }
  const cryptoscatter::SigningKeyPair& writer() const { return writer_; }
  const cryptoscatter::SigningKeyPair& node_key(int j) const { return node_keys_[Size(j)]; }
  const cryptoscatter::ExchangeKeyPair& exchange(int j) const { return exchange_[Size(j)]; }
  const NodeId& node(int j) const { return targets_[Size(j)].node; }
  const cryptoscatter::WriterSession& session() const { return *session_; }

  // Sealed and signed alone.
  cryptoscatter::SealedValue Seal(
      ByteSpan key_name, ByteSpan value,
      cryptoscatter::ValueKind kind = cryptoscatter::ValueKind::kValue) {
    OpId op;
    op.bytes = entropy_.Draw<16>();
    auto sealed = cryptoscatter::Seal(
        *script_,
        {cell_, cryptoscatter::KeyTagOf(tag_key_, key_name), op, key_name, value, kind, suite_},
        *session_, entropy_);
    WORLDB_CHECK(sealed.ok());
    const CommitmentId commitment = sealed->Commitment();
    sealed->proof = cryptoscatter::SignBatch(writer_, cell_, {&commitment, 1}).front();
    return *std::move(sealed);
  }

  cryptoscatter::KeyShare OpenShareOf(const cryptoscatter::SealedValue& sealed, int j) const {
    const auto pairwise = exchange_[Size(j)].PairwiseKeyAsOpener(sealed.writer_exchange_key);
    WORLDB_CHECK(pairwise.ok());
    auto share = cryptoscatter::OpenKeyShare(
        *pairwise, {sealed.core.Id(), NodeAt(j), sealed.key_share_hashes[Size(j)]}, node(j),
        sealed.key_shares[Size(j)]);
    WORLDB_CHECK(share.ok());
    return *std::move(share);
  }

  ScatteredValue Scatter(ByteSpan key_name, ByteSpan value, Version version = Version(17),
                         cryptoscatter::ValueKind kind = cryptoscatter::ValueKind::kValue) {
    ScatteredValue out;
    out.sealed = Seal(key_name, value, kind);
    auto fragments = cryptoscatter::CheckSealedValue(*script_, out.sealed);
    WORLDB_CHECK(fragments.ok());
    out.shares = cryptoscatter::MakeShares(out.sealed, *std::move(fragments), Slot(7), SlotEpoch(3),
                                           version);
    for (int j = 0; j < kNodeCount; ++j) out.key_shares[Size(j)] = OpenShareOf(out.sealed, j);
    return out;
  }

 private:
  static std::size_t Size(int j) { return static_cast<std::size_t>(j); }

  SeededEntropy entropy_;
  std::shared_ptr<const cryptoscatter::Script> script_;
  cryptoscatter::Suite suite_;
  CellId cell_;
  SecretArray<32> tag_key_;
  cryptoscatter::SigningKeyPair writer_;
  std::vector<cryptoscatter::SigningKeyPair> node_keys_;
  std::vector<cryptoscatter::ExchangeKeyPair> exchange_;
  std::array<cryptoscatter::SealTarget, kNodeCount> targets_;
  std::unique_ptr<cryptoscatter::WriterSession> session_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_SCATTER_CELL_H_
