// What single operations of cryptoscatter cost: a node taking a share in, a batch's signature, the
// sharing of a key. The way of a whole value is in scatter_bench.cc.
#include <benchmark/benchmark.h>

#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/sealed_value.h"
#include "cryptoscatter/share.h"
#include "tests/support/scatter_cell.h"
#include "tests/support/seeded_entropy.h"

namespace worldb::cryptoscatter {
namespace {

using testing::ScatterCell;
using testing::ScatteredValue;

const ByteSpan kName = AsBytes("bench/key");

void Sizes(benchmark::internal::Benchmark* b) {
  for (int bytes : {64, 256, 4 << 10, 64 << 10, 1 << 20}) b->Arg(bytes);
  b->Unit(benchmark::kMicrosecond);
}

// One node's part: open the sealed key share, verify the share, wrap the key share.
void BM_NodeAccept(benchmark::State& state) {
  ScatterCell cell(1);
  const Bytes value(static_cast<std::size_t>(state.range(0)), 0x5a);
  const ScatteredValue scattered = cell.Scatter(kName, value);
  const Share& share = scattered.shares[4];
  const PairwiseKey pairwise =
      *cell.exchange(4).PairwiseKeyAsOpener(scattered.sealed.writer_exchange_key);
  const StorageKey storage_key;
  BatchVerifier verifier;
  for (auto _ : state) {
    const CoreId core = share.core.Id();
    auto key_share = OpenKeyShare(pairwise, {core, NodeAt(4), share.key_share_hash}, cell.node(4),
                                  scattered.sealed.key_shares[4]);
    benchmark::DoNotOptimize(VerifyShare(share, cell.cell(), verifier, &*key_share));
    benchmark::DoNotOptimize(WrapKeyShare(
        storage_key, {core, 0, NodeAt(4), cell.node(4), share.key_share_hash}, *key_share));
  }
}
BENCHMARK(BM_NodeAccept)->Apply(Sizes);

void BM_SignBatch256(benchmark::State& state) {
  ScatterCell cell(1);
  const std::vector<CommitmentId> commitments(256);
  for (auto _ : state) benchmark::DoNotOptimize(SignBatch(cell.writer(), cell.cell(), commitments));
  state.SetItemsProcessed(state.iterations() * 256);
}
BENCHMARK(BM_SignBatch256)->Unit(benchmark::kMicrosecond);

// The proofs of one batch, in order, to somebody who has met none of it: one signature check, and hashes.
void BM_VerifyBatch(benchmark::State& state) {
  ScatterCell cell(1);
  testing::SeededEntropy entropy(2);
  std::vector<CommitmentId> commitments(static_cast<std::size_t>(state.range(0)));
  for (CommitmentId& id : commitments) id.bytes = entropy.Draw<32>();
  const std::vector<CommitProof> proofs = SignBatch(cell.writer(), cell.cell(), commitments);
  for (auto _ : state) {
    BatchVerifier verifier;
    for (std::size_t i = 0; i < proofs.size(); ++i) {
      benchmark::DoNotOptimize(verifier.VerifyCommit(proofs[i], cell.cell(), commitments[i]));
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_VerifyBatch)->Arg(1)->Arg(16)->Arg(64)->Arg(256)->Unit(benchmark::kMicrosecond);

void BM_SplitKey(benchmark::State& state) {
  const KeySecret secret;
  for (auto _ : state) {
    benchmark::DoNotOptimize(Script::Nested()->key_sharing().Split(secret, SystemEntropy()));
  }
}
BENCHMARK(BM_SplitKey)->Unit(benchmark::kMicrosecond);

void BM_RawHashOfOneBlock(benchmark::State& state) {
  const std::array<std::uint8_t, 96> in{};
  for (auto _ : state) benchmark::DoNotOptimize(LabelledHash(HashLabel("bench"), in));
}
BENCHMARK(BM_RawHashOfOneBlock);

}  // namespace
}  // namespace worldb::cryptoscatter

BENCHMARK_MAIN();
