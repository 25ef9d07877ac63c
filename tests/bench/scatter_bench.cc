// What a Put and a Get cost in cryptoscatter, by value size, beside the raw library calls.
//
// Seal, Check, VerifyShares, Open are ours; Raw* are what libsodium and ISA-L take for the same
// bytes.
#include <benchmark/benchmark.h>
#include <isa-l/erasure_code.h>
#include <sodium.h>

#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/opener.h"
#include "cryptoscatter/sealed_value.h"
#include "cryptoscatter/share.h"
#include "tests/support/scatter_cell.h"

namespace worldb::cryptoscatter {
namespace {

using testing::ScatterCell;
using testing::ScatteredValue;

const ByteSpan kName = AsBytes("bench/key");

void Sizes(benchmark::internal::Benchmark* b) {
  for (int bytes : {64, 256, 4 << 10, 64 << 10, 1 << 20}) b->Arg(bytes);
  b->Unit(benchmark::kMicrosecond);
}

void BM_Seal(benchmark::State& state) {
  ScatterCell cell(1);
  const Bytes value(static_cast<std::size_t>(state.range(0)), 0x5a);
  const SealRequest request{cell.cell(), KeyTag(), OpId(), kName, value};
  for (auto _ : state) {
    benchmark::DoNotOptimize(Seal(cell.script(), request, cell.session(), SystemEntropy()));
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Seal)->Apply(Sizes);

void BM_Check(benchmark::State& state) {
  ScatterCell cell(1);
  const Bytes value(static_cast<std::size_t>(state.range(0)), 0x5a);
  const SealedValue sealed = cell.Seal(kName, value);
  for (auto _ : state) benchmark::DoNotOptimize(CheckSealedValue(cell.script(), sealed));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Check)->Apply(Sizes);

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
    auto key_share =
        OpenKeyShare(pairwise, core, NodeAt(4), cell.node(4), scattered.sealed.key_shares[4]);
    benchmark::DoNotOptimize(VerifyShare(share, cell.cell(), verifier, &*key_share));
    benchmark::DoNotOptimize(
        WrapKeyShare(storage_key, {core, 0, NodeAt(4), cell.node(4)}, *key_share, SystemEntropy()));
  }
}
BENCHMARK(BM_NodeAccept)->Apply(Sizes);

// Gather four shares (two data centers), verify each, open. Arg 1: the data fragments, or parity.
void Gather(benchmark::State& state, const std::array<int, 4>& nodes) {
  ScatterCell cell(1);
  const Bytes value(static_cast<std::size_t>(state.range(0)), 0x5a);
  const ScatteredValue scattered = cell.Scatter(kName, value);
  BatchVerifier verifier;
  for (auto _ : state) {
    GatherDecoder decoder({cell.cell(), std::nullopt, std::nullopt}, verifier);
    for (int j : nodes) {
      const auto at = static_cast<std::size_t>(j);
      decoder.Add(scattered.shares[at], scattered.key_shares[at].Duplicate(), "n");
    }
    auto opened = decoder.Open(kName);
    if (!opened.ok()) state.SkipWithError("does not open");
    benchmark::DoNotOptimize(opened);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
void BM_OpenData(benchmark::State& state) { Gather(state, {0, 1, 3, 4}); }
void BM_OpenParity(benchmark::State& state) { Gather(state, {1, 2, 6, 7}); }
BENCHMARK(BM_OpenData)->Apply(Sizes);
BENCHMARK(BM_OpenParity)->Apply(Sizes);

void BM_SignBatch256(benchmark::State& state) {
  ScatterCell cell(1);
  const std::vector<CommitmentId> commitments(256);
  for (auto _ : state) benchmark::DoNotOptimize(SignBatch(cell.writer(), cell.cell(), commitments));
  state.SetItemsProcessed(state.iterations() * 256);
}
BENCHMARK(BM_SignBatch256)->Unit(benchmark::kMicrosecond);

void BM_SplitKey(benchmark::State& state) {
  const KeySecret secret;
  for (auto _ : state) {
    benchmark::DoNotOptimize(Script::Nested()->key_sharing().Split(secret, SystemEntropy()));
  }
}
BENCHMARK(BM_SplitKey)->Unit(benchmark::kMicrosecond);

// --- the libraries alone ---

void BM_RawAead(benchmark::State& state) {
  const Bytes in(static_cast<std::size_t>(state.range(0)));
  Bytes out(in.size() + 16);
  const std::array<std::uint8_t, 32> key{};
  const std::array<std::uint8_t, 24> nonce{};
  for (auto _ : state) {
    crypto_aead_xchacha20poly1305_ietf_encrypt(out.data(), nullptr, in.data(), in.size(), nullptr,
                                               0, nullptr, nonce.data(), key.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_RawAead)->Apply(Sizes);

void BM_RawHashOfNineFragments(benchmark::State& state) {
  const Bytes in(static_cast<std::size_t>(state.range(0)) * 9 / 4);
  std::array<std::uint8_t, 32> out;
  for (auto _ : state) {
    crypto_generichash(out.data(), out.size(), in.data(), in.size(), nullptr, 0);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_RawHashOfNineFragments)->Apply(Sizes);

void BM_RawEncode(benchmark::State& state) {
  const std::size_t bytes = static_cast<std::size_t>(state.range(0)) / 4;
  std::vector<Bytes> buffers(9, Bytes(bytes));
  std::vector<std::uint8_t*> pointers;
  for (Bytes& buffer : buffers) pointers.push_back(buffer.data());
  Bytes tables(32 * 4 * 5);
  Bytes rows = Script::Nested()->code().generator().cells();
  ec_init_tables(4, 5, rows.data() + 16, tables.data());
  for (auto _ : state) {
    ec_encode_data(static_cast<int>(bytes), 4, 5, tables.data(), pointers.data(),
                   pointers.data() + 4);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_RawEncode)->Apply(Sizes);

void BM_RawHashOfOneBlock(benchmark::State& state) {
  const std::array<std::uint8_t, 96> in{};
  for (auto _ : state) benchmark::DoNotOptimize(LabelledHash(HashLabel("bench"), in));
}
BENCHMARK(BM_RawHashOfOneBlock);

}  // namespace
}  // namespace worldb::cryptoscatter

BENCHMARK_MAIN();
