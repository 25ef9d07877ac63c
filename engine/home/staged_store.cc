#include "engine/home/staged_store.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "cryptoscatter/base/status_macros.h"
#include "engine/rows/row_walk.h"
#include "engine/rows/staged_rows.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kDropEvery = absl::Milliseconds(20);
constexpr std::size_t kDropsPerCommitMax = 1024;
// A page is decoded in one event.
constexpr std::size_t kRowsPerPage = 32;
constexpr std::size_t kBatchRowsPerPage = 4;
constexpr std::size_t kStepDigits = 4;

}  // namespace

PayloadPtr WithoutCiphertext(const Payload& payload) {
  auto owed = std::make_shared<Payload>();
  owed->sealed = payload.sealed;
  owed->sealed.ciphertext.clear();
  owed->commitment = payload.commitment;
  owed->encoded = std::make_shared<const Bytes>(owed->sealed.Encode());
  owed->key = payload.key;
  return owed;
}

// ---------------------------------------------------------------- rows

StagedStore::Row StagedStore::RowOf(PayloadPtr payload) {
  return {StagedRow::Key(payload->commitment), {std::move(payload)}};
}

StagedStore::Rows StagedStore::RowsOf(std::vector<PayloadPtr> payloads) {
  Rows rows;
  std::size_t bytes = 0;
  for (PayloadPtr& payload : payloads) {
    bytes += payload->encoded->size();
    if (rows.empty() || bytes > kRowBytesMax ||
        rows.back().payloads.size() == StagedBatchRow::kPayloadsMax) {
      rows.emplace_back();
      bytes = payload->encoded->size();
    }
    rows.back().payloads.push_back(std::move(payload));
  }
  for (Row& row : rows) {
    if (row.payloads.size() == 1) {
      row.key = StagedRow::Key(row.payloads.front()->commitment);
      continue;
    }
    std::vector<CommitmentId> commitments;
    commitments.reserve(row.payloads.size());
    for (const PayloadPtr& payload : row.payloads) commitments.push_back(payload->commitment);
    row.key = StagedBatchRow::Key(commitments);
  }
  return rows;
}

SharedBytes StagedStore::ValueOf(const Row& row) {
  if (row.payloads.size() == 1) return row.payloads.front()->encoded;
  std::vector<SharedBytes> encoded;
  encoded.reserve(row.payloads.size());
  for (const PayloadPtr& payload : row.payloads) encoded.push_back(payload->encoded);
  return std::make_shared<const Bytes>(StagedBatchRow::Encode(encoded));
}

void StagedStore::Commit(Rows rows, Payloads what, std::vector<StoreWrite> more, bool sync,
                         Done done) {
  std::vector<std::string> gone = std::exchange(drops_, {});
  std::vector<StoreWrite> writes;
  writes.reserve(gone.size() + rows.size() + more.size());
  for (const std::string& key : gone) {
    writes.push_back(StoreWrite::Delete(RowFamily::kBlobs, key));
  }
  for (const Row& row : rows) {
    places_.Begin(row.key);
    writes.push_back(StoreWrite::Put(RowFamily::kBlobs, row.key, ValueOf(row)));
  }
  std::move(more.begin(), more.end(), std::back_inserter(writes));
  store_.Commit(std::move(writes), sync,
                [this, what, rows = std::move(rows), gone = std::move(gone),
                 done = std::move(done)](absl::Status status) {
                  if (!status.ok()) {
                    // It may be what a full disk waits for; but the next commit is not far.
                    std::copy_if(gone.begin(), gone.end(), std::back_inserter(drops_),
                                 [this](const std::string& key) { return !places_.HasRow(key); });
                  }
                  Settle(rows, what, status);
                  done(std::move(status));
                });
}

void StagedStore::Settle(const Rows& rows, Payloads what, const absl::Status& status) {
  for (const Row& row : rows) {
    std::vector<CommitmentId> there;
    for (const PayloadPtr& payload : row.payloads) {
      const bool counts = what == Payloads::kNew || places_.RowOf(payload->commitment) != nullptr;
      if (status.ok() && counts) there.push_back(payload->commitment);
    }
    DropRows(places_.End(row.key, there, self_.now()));
  }
}

void StagedStore::DropRows(std::vector<std::string> keys) {
  std::move(keys.begin(), keys.end(), std::back_inserter(drops_));
  if (drops_.size() >= kDropsPerCommitMax) return FlushDrops();
  if (keys.empty() || std::exchange(drop_timer_, true)) return;
  self_.executor().PostAfter(kDropEvery, [this] {
    drop_timer_ = false;
    FlushDrops();
  });
}

void StagedStore::FlushDrops() {
  if (drops_.empty()) return;
  // A deletion that does not survive a crash is repeated when the log is applied again.
  Commit({}, Payloads::kMoved, {}, /*sync=*/false, [](const absl::Status&) {});
}

bool StagedStore::LiesIn(const CommitmentId& commitment, const std::string& row_key) const {
  const std::string* place = places_.RowOf(commitment);
  return place != nullptr && *place == row_key;
}

absl::StatusOr<std::vector<PayloadPtr>> StagedStore::Decode(const std::string& row_key,
                                                            Bytes bytes) const {
  WORLDB_ASSIGN_OR_RETURN(std::vector<StagedPayload> staged, DecodeStaged(row_key, bytes));
  std::vector<PayloadPtr> payloads;
  payloads.reserve(staged.size());
  for (StagedPayload& one : staged) {
    auto payload = std::make_shared<Payload>();
    payload->sealed = std::move(one.sealed);
    payload->commitment = one.commitment;
    const bool is_all = one.encoded.size() == bytes.size();
    payload->encoded =
        std::make_shared<const Bytes>(is_all ? std::move(bytes) : ToBytes(one.encoded));
    if (const Bytes* name = names_.Find(payload->sealed.core.key_tag)) payload->key = *name;
    payloads.push_back(std::move(payload));
  }
  return payloads;
}

// ---------------------------------------------------------------- in and out

void StagedStore::Load(std::function<bool(const Payload&)> keep, Done done) {
  LoadRows(StagedBatchRow::kFamilyPrefix, kBatchRowsPerPage, keep,
           [this, keep, done = std::move(done)](absl::Status status) {
             if (!status.ok()) return done(std::move(status));
             LoadRows(StagedRow::kFamilyPrefix, kRowsPerPage, keep, done);
           });
}

void StagedStore::LoadRows(std::string prefix, std::size_t rows_per_page,
                           std::function<bool(const Payload&)> keep, Done done) {
  // One that cannot be read is looked up all the same.
  ReadWhole(
      store_, RowWalk(RowFamily::kBlobs, std::move(prefix), rows_per_page, kStepDigits),
      [this, keep = std::move(keep)](std::vector<StoreRow>& rows) {
        for (StoreRow& row : rows) {
          auto payloads = Decode(row.key, std::move(row.value));
          if (!payloads.ok()) payloads.emplace();  // damaged: as good as not here
          std::erase_if(*payloads, [&keep](const PayloadPtr& payload) { return !keep(*payload); });
          places_.Begin(row.key);
          Settle({{std::move(row.key), *std::move(payloads)}}, Payloads::kNew, absl::OkStatus());
        }
      },
      std::move(done));
}

void StagedStore::Put(std::vector<PayloadPtr> payloads, std::vector<StoreWrite> more, Done done) {
  Commit(RowsOf(payloads), Payloads::kNew, std::move(more), /*sync=*/true,
         [this, payloads, done = std::move(done)](absl::Status status) {
           for (const PayloadPtr& payload : payloads) {
             if (!status.ok()) break;
             memory_.Remove(payload->commitment);  // what was there may be other bytes
             memory_.Add(payload);
           }
           done(std::move(status));
         });
}

void StagedStore::Replace(PayloadPtr payload) {
  const std::string* place = places_.RowOf(payload->commitment);
  if (place == nullptr) return;
  memory_.Remove(payload->commitment);
  Row row = RowOf(std::move(payload));
  // Out of another's row it is synced, as that may go then.
  const bool moves = *place != row.key;
  Commit({std::move(row)}, Payloads::kMoved, {}, moves, [](const absl::Status&) {});
}

void StagedStore::Remove(const CommitmentId& commitment) {
  memory_.Remove(commitment);
  DropRows(places_.Remove(commitment));
}

void StagedStore::Get(const CommitmentId& commitment, Got done) {
  if (PayloadPtr payload = memory_.Find(commitment)) {
    return self_.executor().Post(
        [payload = std::move(payload), done = std::move(done)] { done(payload); });
  }
  const std::string* place = places_.RowOf(commitment);
  if (place == nullptr) {
    return self_.executor().Post(
        [done = std::move(done)] { done(absl::NotFoundError("it is not staged here")); });
  }
  std::vector<Asker>& askers = reading_[*place];
  askers.push_back({commitment, std::move(done)});
  if (askers.size() > 1) return;
  store_.Get(RowFamily::kBlobs, *place, [this, row_key = *place](absl::StatusOr<Bytes> bytes) {
    TakeRow(row_key, std::move(bytes));
  });
}

void StagedStore::TakeRow(const std::string& row_key, absl::StatusOr<Bytes> bytes) {
  std::vector<Asker> askers = std::move(reading_[row_key]);
  reading_.erase(row_key);
  // Damaged is as good as not here: whoever asks takes a sibling's.
  absl::Status failed = absl::IsDataLoss(bytes.status())
                            ? absl::NotFoundError(bytes.status().message())
                            : bytes.status();
  absl::flat_hash_map<CommitmentId, PayloadPtr> there;
  if (failed.ok()) {
    auto payloads = Decode(row_key, *std::move(bytes));
    if (!payloads.ok()) failed = absl::NotFoundError(payloads.status().message());
    for (PayloadPtr& payload : payloads.ok() ? *payloads : std::vector<PayloadPtr>()) {
      // The others are likely to be asked for next.
      if (payloads->size() > 1 && LiesIn(payload->commitment, row_key)) memory_.Add(payload);
      there.emplace(payload->commitment, std::move(payload));
    }
  }
  for (Asker& asker : askers) {
    const std::string* place = places_.RowOf(asker.wanted);
    const auto found = there.find(asker.wanted);
    if (place != nullptr && *place != row_key) {
      Get(asker.wanted, std::move(asker.done));  // it has moved meanwhile
    } else if (!failed.ok()) {
      asker.done(failed);
    } else if (place == nullptr || found == there.end()) {
      asker.done(absl::NotFoundError("it is not staged here any more"));
    } else {
      asker.done(found->second);
    }
  }
}

// ---------------------------------------------------------------- apart

void StagedStore::TakeApart(std::function<bool(const CommitmentId&)> small) {
  if (std::exchange(taking_apart_, true)) return;
  small_ = std::move(small);
  together_ = places_.TogetherSince(self_.now() - kTogetherMax);
  TakeNextApart();
}

void StagedStore::TakeNextApart() {
  taking_apart_ = !together_.empty();
  if (together_.empty()) return;
  const std::string row_key = std::move(together_.back());
  together_.pop_back();
  store_.Get(RowFamily::kBlobs, row_key, [this, row_key](absl::StatusOr<Bytes> bytes) {
    TakeRowApart(row_key, std::move(bytes));
  });
}

void StagedStore::TakeRowApart(const std::string& row_key, absl::StatusOr<Bytes> bytes) {
  auto payloads = bytes.ok() ? Decode(row_key, *std::move(bytes)) : bytes.status();
  Rows rows;
  for (PayloadPtr& payload : payloads.ok() ? *payloads : std::vector<PayloadPtr>()) {
    if (!LiesIn(payload->commitment, row_key)) continue;
    const bool shrinks = payload->whole() && small_(payload->commitment);
    rows.push_back(RowOf(shrinks ? WithoutCiphertext(*payload) : std::move(payload)));
  }
  if (rows.empty()) return TakeNextApart();
  // Synced: the row they lie in goes then.
  Commit(std::move(rows), Payloads::kMoved, {}, /*sync=*/true,
         [this](const absl::Status&) { TakeNextApart(); });
}

}  // namespace worldb::engine
