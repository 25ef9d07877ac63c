// What each stage of a Set costs one thread, for all nodes that go through it: the budget of docs/performance.md,
// measured part by part, without a network and without threads that wake each other.
//
// The parts are the real ones over real stores, in virtual time: what is offloaded runs here, too. Times are
// processor time, and per value; the argument says how many values of 256 B come in one message, or are
// signed together.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/records.h"
#include "cryptoscatter/sealed_value.h"
#include "engine/edge/sealer.h"
#include "engine/home/checkpointer.h"
#include "engine/home/name_index.h"
#include "engine/home/staging.h"
#include "engine/rocks/rocks_store.h"
#include "engine/scatter/deliveries.h"
#include "engine/sequencer/frame_check.h"
#include "engine/shares/share_store.h"
#include "tests/support/home_book.h"
#include "tests/support/lone_node.h"
#include "tests/support/temp_directory.h"

namespace worldb {
namespace {

using engine::PayloadPtr;
using testing::LoneNode;

constexpr std::size_t kValueBytes = 256;
constexpr NodeIndex kHomeNode = NodeIndex(0);
constexpr std::uint64_t kStagingBytesMax = std::uint64_t{1} << 30;

// One node's place, with a store on the disk.
class Place {
 public:
  explicit Place(NodeIndex index = kHomeNode) : node_(index) {
    auto store =
        engine::RocksStore::Open(directory_.path() + "/store", resources_, node_.self().executor());
    WORLDB_CHECK(store.ok());
    store_ = *std::move(store);
  }

  LoneNode& node() { return node_; }
  engine::Store& store() { return *store_; }
  void Settle() { node_.RunFor(absl::Milliseconds(1)); }

 private:
  testing::TempDirectory directory_;
  LoneNode node_;
  engine::RocksResources resources_;
  std::unique_ptr<engine::RocksStore> store_;
};

// Values of new keys whose home is the first data center, as an edge seals them.
class Writer {
 public:
  explicit Writer(LoneNode& node)
      : node_(node),
        cell_(node.self().shared_cell()),
        sealer_(node.self().executor(), node.entropy(), cell_, node.secrets(kHomeNode).signing) {}

  std::vector<PayloadPtr> Seal(std::size_t count) {
    std::vector<PayloadPtr> sealed;
    for (std::size_t i = 0; i < count; ++i) {
      sealer_.Seal(NextValue(), [&sealed](absl::StatusOr<PayloadPtr> payload) {
        sealed.push_back(*std::move(payload));
      });
    }
    node_.RunFor(engine::Sealer::kSignEveryWhenBusy);
    WORLDB_CHECK(sealed.size() == count);
    return sealed;
  }

 private:
  engine::Sealer::Value NextValue() {
    while (true) {
      const std::string name = "bench/" + std::to_string(++last_key_);
      engine::Sealer::Value value;
      value.script = cryptoscatter::Script::Nested();
      value.key = Bytes(name.begin(), name.end());
      value.key_tag = cell_->KeyTagOf(value.key);
      if (cell_->HomeOf(cell_->SlotOf(value.key_tag)) != DataCenterOf(kHomeNode)) continue;
      value.op.bytes = node_.entropy().Draw<16>();
      value.bytes = SecretBytes(ToBytes(AsBytes(std::string(kValueBytes, 'v'))));
      return value;
    }
  }

  LoneNode& node_;
  const std::shared_ptr<const engine::Cell> cell_;
  engine::Sealer sealer_;
  std::uint64_t last_key_ = 0;
};

void PerValue(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.counters["per_value"] =
      benchmark::Counter(static_cast<double>(state.iterations() * state.range(0)),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
void Batches(benchmark::internal::Benchmark* b) {
  for (const int values : {4, 16, 64}) b->Arg(values);
  b->Unit(benchmark::kMicrosecond);
}

std::size_t CountOf(const benchmark::State& state) {
  return static_cast<std::size_t>(state.range(0));
}

// Ingress: encrypt, code, hash, share the key, sign.
void BM_Seal(benchmark::State& state) {
  LoneNode node(kHomeNode);
  Writer writer(node);
  for (auto _ : state) benchmark::DoNotOptimize(writer.Seal(CountOf(state)));
  PerValue(state);
}
BENCHMARK(BM_Seal)->Apply(Batches);

// Sequencer: every payload against what its writer signed.
void BM_CheckAtHome(benchmark::State& state) {
  LoneNode node(kHomeNode);
  const std::vector<PayloadPtr> payloads = Writer(node).Seal(CountOf(state));
  for (auto _ : state) {
    cryptoscatter::BatchVerifier verifier;  // each batch is new to it
    for (const PayloadPtr& payload : payloads) {
      WORLDB_CHECK(engine::CheckPayload(node.cell(), *payload, verifier).ok());
    }
  }
  PerValue(state);
}
BENCHMARK(BM_CheckAtHome)->Apply(Batches);

// The triad: staged and synced on three nodes, and dropped again.
void BM_StageOnThree(benchmark::State& state) {
  Place place;
  engine::NameIndex names(place.node().self(), place.store(), place.node().secrets(kHomeNode),
                          place.node().entropy());
  engine::Staging staging(place.node().self(), place.store(), names, kStagingBytesMax);
  Writer writer(place.node());
  for (auto _ : state) {
    state.PauseTiming();
    const std::vector<PayloadPtr> payloads = writer.Seal(CountOf(state));
    state.ResumeTiming();
    for (int node = 0; node < kNodesPerDataCenter; ++node) {
      staging.Put(payloads, [](absl::Status status) { WORLDB_CHECK(status.ok()); });
      place.Settle();
      for (const PayloadPtr& payload : payloads) {
        staging.Heed(payload->commitment, engine::StagingWish::kUnwanted);
      }
      place.node().RunFor(absl::Milliseconds(50));
    }
  }
  PerValue(state);
}
BENCHMARK(BM_StageOnThree)->Apply(Batches);

// The three replicas: recorded, closed, three levels; encoded once, decoded and applied by each.
void BM_LogAndApplyOnThree(benchmark::State& state) {
  LoneNode node(kHomeNode);
  std::vector<testing::HomeBook> books;
  for (int i = 0; i < kNodesPerDataCenter; ++i) books.emplace_back(node.cell());
  std::uint64_t last_key = 0;
  std::uint64_t number = 0;
  const auto apply = [&](std::vector<arbiter::LogRecord> records) {
    arbiter::LogEntry entry;
    entry.author = kHomeNode;
    entry.author_number = ++number;
    entry.log_epoch = LogEpoch(1);
    books[0].Wait(absl::Milliseconds(10));
    entry.reading = books[0].Reading();
    entry.records = std::move(records);
    const Bytes bytes = arbiter::EncodeLogEntry(entry);
    for (testing::HomeBook& book : books) {
      const auto read = arbiter::DecodeLogEntry(bytes);
      WORLDB_CHECK(read.ok());
      benchmark::DoNotOptimize(book.Apply(*read));
    }
  };
  for (auto _ : state) {
    std::vector<arbiter::LogRecord> candidates;
    std::vector<arbiter::RoundId> versions;
    for (std::size_t i = 0; i < CountOf(state); ++i) {
      arbiter::Candidate candidate = books[0].CandidateFor("bench/" + std::to_string(++last_key));
      versions.push_back({candidate.key_tag, Version(1)});
      candidates.emplace_back(std::move(candidate));
    }
    apply(std::move(candidates));
    books[0].Wait(absl::Seconds(3));
    auto close = books[0].state().CloseDue(books[0].Reading().Earliest());
    WORLDB_CHECK(close.has_value());
    apply({*std::move(close)});
    const std::pair<arbiter::Level, NodeSet> levels[] = {
        {arbiter::Level::kHeld, NodeSet::FromBits(0b11111)},
        {arbiter::Level::kSafe, NodeSet::FromBits(0b11111111)},
        {arbiter::Level::kFull, NodeSet::All()}};
    for (const auto& [level, held] : levels) {
      std::vector<arbiter::LogRecord> records;
      for (const arbiter::RoundId& id : versions) {
        records.emplace_back(arbiter::LevelReached{id, level, held});
      }
      apply(std::move(records));
    }
  }
  PerValue(state);
}
BENCHMARK(BM_LogAndApplyOnThree)->Apply(Batches);

// Sequencer: the nine shares of each, and later the nine nodes' receipts.
void BM_ScatterAndReceipts(benchmark::State& state) {
  LoneNode node(kHomeNode);
  const std::vector<PayloadPtr> payloads = Writer(node).Seal(CountOf(state));
  const engine::Cell& cell = node.cell();
  const auto deliver = [&cell](const engine::Payload& payload) {
    const KeyTag& tag = payload.sealed.core.key_tag;
    return *engine::MakeDeliveries(*cryptoscatter::Script::Nested(), payload,
                                   engine::Ciphertext::kChecked, cell.SlotOf(tag),
                                   cell.slot_epoch(), Version(1));
  };
  std::array<std::vector<cryptoscatter::ReceiptClaim>, kNodeCount> claims;
  std::array<std::vector<cryptoscatter::Signature>, kNodeCount> receipts;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    for (const PayloadPtr& payload : payloads) {
      claims[i].push_back(deliver(*payload)->shares[i]->share.Claim());
    }
    receipts[i] = cryptoscatter::SignClaims(node.secrets(NodeAt(static_cast<int>(i))).signing,
                                            cell.id(), claims[i]);
  }
  for (auto _ : state) {
    for (const PayloadPtr& payload : payloads) benchmark::DoNotOptimize(deliver(*payload));
    for (std::size_t i = 0; i < claims.size(); ++i) {
      const auto& key = cell.node(NodeAt(static_cast<int>(i))).signing_key;
      WORLDB_CHECK(cryptoscatter::VerifyClaims(key, cell.id(), claims[i], receipts[i]).ok());
    }
  }
  PerValue(state);
}
BENCHMARK(BM_ScatterAndReceipts)->Apply(Batches);

// All nine nodes: each share looked up, checked, wrapped, written, synced and receipted.
void BM_CheckAndStoreOnNine(benchmark::State& state) {
  constexpr NodeIndex kNode = NodeIndex(4);
  Place place(kNode);
  LoneNode& node = place.node();
  engine::PairwiseKeys keys(node.secrets(kNode).exchange);
  Writer writer(node);
  const engine::Cell& cell = node.cell();
  Version version(0);
  engine::RequestId request = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const std::vector<PayloadPtr> payloads = writer.Seal(CountOf(state));
    std::vector<engine::PutShares> calls(kNodeCount);
    for (engine::PutShares& call : calls) {
      // As another node would: under a version of its own.
      version = version.Next();
      call.id = ++request;
      for (const PayloadPtr& payload : payloads) {
        const KeyTag& tag = payload->sealed.core.key_tag;
        const auto made = engine::MakeDeliveries(*cryptoscatter::Script::Nested(), *payload,
                                                 engine::Ciphertext::kChecked, cell.SlotOf(tag),
                                                 cell.slot_epoch(), version);
        call.deliveries.push_back((*made)->shares[kNode.value()]);
      }
    }
    state.ResumeTiming();
    for (engine::PutShares& call : calls) {
      cryptoscatter::BatchVerifier verifier;  // a node of its own has not seen the batch
      engine::ShareStore shares(node.self(), place.store(), node.secrets(kNode), keys, verifier);
      shares.intake().Take(kHomeNode, std::move(call));
      place.Settle();
      const auto replies = node.Take<engine::PutSharesReply>();
      WORLDB_CHECK(replies.size() == 1 && replies[0].message.refusals.empty());
    }
  }
  PerValue(state);
}
BENCHMARK(BM_CheckAndStoreOnNine)->Apply(Batches);

}  // namespace
}  // namespace worldb
