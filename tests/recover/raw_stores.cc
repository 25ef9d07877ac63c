#include "tests/recover/raw_stores.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "engine/rows/name_rows.h"
#include "engine/rows/share_rows.h"
#include "engine/rows/staged_rows.h"
#include "tools/files.h"

namespace worldb::testing {
namespace {

using cryptoscatter::SealedValue;
using engine::RowFamily;
using engine::StoreWrite;

std::array<engine::NodeSecrets, kNodeCount> MakeSecrets(Entropy& entropy) {
  const auto one = [&entropy] { return engine::NodeSecrets::Generate(entropy); };
  return {one(), one(), one(), one(), one(), one(), one(), one(), one()};
}

void WriteFile(const std::string& path, const SecretBytes& bytes) {
  WORLDB_CHECK(tools::WriteFileAtomically(path, bytes.ExposeSecret()).ok());
}

}  // namespace

RawStores::RawStores(std::string directory, std::uint64_t seed)
    : directory_(std::move(directory)),
      entropy_(seed),
      secrets_(MakeSecrets(entropy_)),
      cell_(engine::Cell::Create({"virginia", "frankfurt", "tokyo"}, secrets_, entropy_)),
      writer_(cryptoscatter::SigningKeyPair::Generate(entropy_)),
      session_(*cryptoscatter::WriterSession::Create(cell_->SealTargets(), entropy_)),
      executor_(world_.MakeExecutor()) {
  for (int i = 0; i < kNodeCount; ++i) {
    WORLDB_CHECK(tools::MakePrivateDirectories(store_dir(i)).ok());
    WriteFile(secrets_file(i), secrets_[static_cast<std::size_t>(i)].Encode());
  }
  WriteFile(cell_file(), cell_->Encode());
  Open();
}

void RawStores::Open() {
  for (int i = 0; i < kNodeCount; ++i) {
    auto store = engine::RocksStore::Open(store_dir(i), resources_, *executor_);
    WORLDB_CHECK(store.ok());
    stores_.push_back(*std::move(store));
  }
}

void RawStores::Reopen() {
  Close();
  Open();
}

RawStores::~RawStores() { Close(); }

void RawStores::Close() { stores_.clear(); }

std::string RawStores::store_dir(int node) const {
  return absl::StrCat(directory_, "/nodes/", cell_->node(NodeAt(node)).name, "/store");
}
std::string RawStores::secrets_file(int node) const {
  return absl::StrCat(directory_, "/nodes/", cell_->node(NodeAt(node)).name, "/secrets");
}

const cryptoscatter::Script& RawStores::ScriptOf(const Write& write) {
  static const auto nested = cryptoscatter::Script::Nested();
  return write.script == nullptr ? *nested : *write.script;
}

std::vector<SealedValue> RawStores::Seal(const std::vector<Write>& writes) {
  std::vector<SealedValue> sealed;
  std::vector<CommitmentId> commitments;
  for (const Write& write : writes) {
    OpId op;
    op.bytes = entropy_.Draw<16>();
    auto one = cryptoscatter::Seal(
        ScriptOf(write),
        {cell_->id(), cell_->KeyTagOf(AsBytes(write.key)), op,
         AsBytes(write.sealed_name.value_or(write.key)), write.value, write.kind},
        session_, entropy_);
    WORLDB_CHECK(one.ok());
    scripts_[one->script] = &ScriptOf(write);
    commitments.push_back(one->Commitment());
    sealed.push_back(*std::move(one));
  }
  const auto proofs = cryptoscatter::SignBatch(writer_, cell_->id(), commitments);
  for (std::size_t i = 0; i < sealed.size(); ++i) sealed[i].proof = proofs[i];
  return sealed;
}

std::array<RawStores::Rows, kNodeCount> RawStores::Scatter(const SealedValue& sealed,
                                                           Version version) {
  const cryptoscatter::Script& script = *scripts_.at(sealed.script);
  auto fragments = cryptoscatter::CheckSealedValue(script, sealed);
  WORLDB_CHECK(fragments.ok());
  auto shares =
      cryptoscatter::MakeShares(sealed, *std::move(fragments), cell_->SlotOf(sealed.core.key_tag),
                                cell_->slot_epoch(), version);
  const std::optional<cryptoscatter::BatchRef> batch = AddToBatch(sealed);
  std::array<Rows, kNodeCount> out;
  for (std::size_t j = 0; j < shares.size(); ++j) {
    const engine::NodeSecrets& secrets = secrets_[j];
    const NodeId& node = cell_->node(NodeAt(static_cast<int>(j))).id;
    const auto pairwise = secrets.exchange.PairwiseKeyAsOpener(sealed.writer_exchange_key);
    WORLDB_CHECK(pairwise.ok());
    const auto key_share = cryptoscatter::OpenKeyShare(
        *pairwise, {sealed.core.Id(), shares[j].index, shares[j].key_share_hash}, node,
        sealed.key_shares[j]);
    WORLDB_CHECK(key_share.ok());
    engine::ShareRow row;
    row.key_share = cryptoscatter::WrapKeyShare(
        secrets.storage_key,
        {sealed.core.Id(), shares[j].generation, shares[j].index, node, shares[j].key_share_hash},
        *key_share);
    row.fragment_apart = shares[j].fragment.size() > engine::ShareRow::kFragmentInRowBytesMax;
    if (row.fragment_apart) out[j].blob = std::exchange(shares[j].fragment, {});
    row.script = cryptoscatter::ScriptBook::PrefixOf(sealed.script);
    row.batch = batch;
    row.share = std::move(shares[j]);
    out[j].batch = batch;
    out[j].row.key = engine::ShareRow::Key(sealed.core.key_tag, cell_->slot_epoch(), version);
    out[j].row.value = row.Encode();
  }
  return out;
}

void RawStores::Commit(int node, std::vector<StoreWrite> writes) {
  const absl::Status status =
      world_.Await<absl::Status>([&](std::function<void(absl::Status)> done) {
        stores_[static_cast<std::size_t>(node)]->Commit(std::move(writes), /*sync=*/false,
                                                        std::move(done));
      });
  WORLDB_CHECK(status.ok());
}

void RawStores::Put(int node, RowFamily family, const std::string& key, Bytes value) {
  Commit(node, {StoreWrite::Put(family, key, std::make_shared<const Bytes>(std::move(value)))});
}

std::optional<cryptoscatter::BatchRef> RawStores::AddToBatch(const SealedValue& sealed) {
  if (sealed.proof.count == 1) return std::nullopt;
  const CommitmentId commitment = sealed.Commitment();
  const auto ref = cryptoscatter::BatchRefOf(cell_->id(), sealed.proof, commitment);
  const auto [it, fresh] =
      batches_.emplace(ref, cryptoscatter::BatchPart::Of(cell_->id(), sealed.proof, commitment));
  WORLDB_CHECK(it->second.Add(cell_->id(), sealed.proof, commitment).ok());
  return ref;
}

void RawStores::Put(int node, const Rows& rows) {
  if (rows.batch.has_value()) {
    Put(node, RowFamily::kRows, engine::BatchRow::Key(*rows.batch),
        engine::BatchRow::Encode(batches_.at(*rows.batch)));
  }
  Put(node, RowFamily::kRows, rows.row.key, rows.row.value);
  if (!rows.blob.empty()) Put(node, RowFamily::kBlobs, rows.row.key, rows.blob);
}

void RawStores::Stage(int node, const SealedValue& sealed) {
  Put(node, RowFamily::kBlobs, engine::StagedRow::Key(sealed.Commitment()), sealed.Encode());
}

void RawStores::StageTogether(int node, const std::vector<SealedValue>& sealed) {
  std::vector<CommitmentId> commitments;
  std::vector<SharedBytes> encoded;
  for (const SealedValue& one : sealed) {
    commitments.push_back(one.Commitment());
    encoded.push_back(std::make_shared<const Bytes>(one.Encode()));
  }
  Put(node, RowFamily::kBlobs, engine::StagedBatchRow::Key(commitments),
      engine::StagedBatchRow::Encode(encoded));
}

void RawStores::Store(const std::vector<Write>& writes, NodeSet nodes) {
  const std::vector<SealedValue> sealed = Seal(writes);
  std::array<std::vector<StoreWrite>, kNodeCount> commits;
  std::set<cryptoscatter::BatchRef> batches;
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto rows = Scatter(sealed[i], writes[i].version);
    // A home's nodes keep the names of its keys, too.
    const std::string name_key = engine::NameRow::Key(sealed[i].core.key_tag);
    const DataCenterIndex home = cell_->HomeOf(cell_->SlotOf(sealed[i].core.key_tag));
    for (int j = 0; j < kNodeCount; ++j) {
      if (!nodes.Has(j)) continue;
      const auto at = static_cast<std::size_t>(j);
      const auto put = [&](RowFamily family, const std::string& key, Bytes bytes) {
        commits[at].push_back(
            StoreWrite::Put(family, key, std::make_shared<const Bytes>(std::move(bytes))));
      };
      if (DataCenterOf(NodeAt(j)) == home) {
        put(RowFamily::kRows, name_key,
            engine::NameRow::Seal(secrets_[at].storage_key, cell_->node(NodeAt(j)).id, name_key,
                                  AsBytes(writes[i].key), entropy_));
      }
      if (rows[at].batch.has_value()) batches.insert(*rows[at].batch);
      put(RowFamily::kRows, rows[at].row.key, std::move(rows[at].row.value));
      if (!rows[at].blob.empty()) {
        put(RowFamily::kBlobs, rows[at].row.key, std::move(rows[at].blob));
      }
    }
  }
  for (int j = 0; j < kNodeCount; ++j) {
    if (!nodes.Has(j)) continue;
    for (const cryptoscatter::BatchRef& ref : batches) {
      commits[static_cast<std::size_t>(j)].push_back(StoreWrite::Put(
          RowFamily::kRows, engine::BatchRow::Key(ref),
          std::make_shared<const Bytes>(engine::BatchRow::Encode(batches_.at(ref)))));
    }
    Commit(j, std::move(commits[static_cast<std::size_t>(j)]));
  }
}

}  // namespace worldb::testing
