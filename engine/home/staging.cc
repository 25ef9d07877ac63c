#include "engine/home/staging.h"

#include <utility>

#include "cryptoscatter/base/status_macros.h"
#include "engine/rows/row_walk.h"
#include "engine/rows/staged_rows.h"

namespace worldb::engine {
namespace {

constexpr absl::Duration kDropEvery = absl::Milliseconds(20);
constexpr std::size_t kDropsPerCommitMax = 1024;
constexpr std::size_t kRowsPerPage = 32;
constexpr std::size_t kStepDigits = 4;

std::vector<CommitmentId> CommitmentsOf(const std::vector<PayloadPtr>& payloads) {
  std::vector<CommitmentId> commitments;
  commitments.reserve(payloads.size());
  for (const PayloadPtr& payload : payloads) commitments.push_back(payload->commitment);
  return commitments;
}

}  // namespace

// ---------------------------------------------------------------- rows

Staging::Row Staging::RowOf(PayloadPtr payload) {
  return {StagedRow::Key(payload->commitment), {std::move(payload)}};
}

Staging::Rows Staging::RowsOf(const std::vector<PayloadPtr>& payloads) {
  Rows rows;
  std::size_t bytes = 0;
  for (const PayloadPtr& payload : payloads) {
    bytes += payload->encoded->size();
    const bool full = rows.empty() || bytes > kRowBytesMax ||
                      rows.back().payloads.size() == StagedBatchRow::kPayloadsMax;
    if (full) {
      rows.emplace_back();
      bytes = payload->encoded->size();
    }
    rows.back().payloads.push_back(payload);
  }
  for (Row& row : rows) {
    row.key = row.payloads.size() == 1 ? StagedRow::Key(row.payloads.front()->commitment)
                                       : StagedBatchRow::Key(CommitmentsOf(row.payloads));
  }
  return rows;
}

void Staging::Write(const Rows& rows, std::vector<StoreWrite>& writes) {
  for (const Row& row : rows) {
    places_.Begin(row.key);
    SharedBytes value = row.payloads.front()->encoded;
    if (row.payloads.size() > 1) {
      std::vector<SharedBytes> encoded;
      encoded.reserve(row.payloads.size());
      for (const PayloadPtr& payload : row.payloads) encoded.push_back(payload->encoded);
      value = std::make_shared<const Bytes>(StagedBatchRow::Encode(encoded));
    }
    writes.push_back(StoreWrite::Put(RowFamily::kBlobs, row.key, std::move(value)));
  }
}

void Staging::Settle(const Rows& rows, bool written) {
  for (const Row& row : rows) {
    std::vector<CommitmentId> there;
    for (const PayloadPtr& payload : row.payloads) {
      if (written && synced_.contains(payload->commitment)) there.push_back(payload->commitment);
    }
    DropRows(places_.End(row.key, there, self_.now()));
  }
}

void Staging::DropRows(std::vector<std::string> keys) {
  for (std::string& key : keys) {
    drops_.push_back(StoreWrite::Delete(RowFamily::kBlobs, std::move(key)));
  }
  if (drops_.size() >= kDropsPerCommitMax) return FlushDrops();
  if (drops_.empty() || std::exchange(drop_timer_, true)) return;
  self_.executor().PostAfter(kDropEvery, [this] {
    drop_timer_ = false;
    FlushDrops();
  });
}

absl::StatusOr<std::vector<PayloadPtr>> Staging::Decode(const std::string& row_key,
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

// ---------------------------------------------------------------- in

void Staging::Load(std::function<void(absl::Status)> done) {
  // What was taken apart counts by its own row: those come last.
  LoadRows(StagedBatchRow::kFamilyPrefix, [this, done = std::move(done)](absl::Status status) {
    if (!status.ok()) return done(std::move(status));
    LoadRows(StagedRow::kFamilyPrefix, done);
  });
}

void Staging::LoadRows(std::string prefix, std::function<void(absl::Status)> done) {
  // One that cannot be read is looked up all the same.
  ReadWhole(
      store_, RowWalk(RowFamily::kBlobs, std::move(prefix), kRowsPerPage, kStepDigits),
      [this](std::vector<StoreRow>& rows) {
        for (StoreRow& row : rows) {
          auto payloads = Decode(row.key, std::move(row.value));
          if (!payloads.ok()) {  // damaged: as good as not here
            DropRows({std::move(row.key)});
            continue;
          }
          for (const PayloadPtr& payload : *payloads) Note(*payload);
          places_.Begin(row.key);
          Settle({{std::move(row.key), *std::move(payloads)}}, /*written=*/true);
        }
      },
      std::move(done));
}

void Staging::Put(const std::vector<PayloadPtr>& payloads, std::function<void(absl::Status)> done) {
  std::vector<StoreWrite> writes = std::exchange(drops_, {});
  Rows rows = RowsOf(payloads);
  Write(rows, writes);
  std::vector<PayloadPtr> named;
  for (const PayloadPtr& payload : payloads) {
    if (auto name = names_.RowFor(payload->sealed.core.key_tag, payload->key)) {
      writes.push_back(*std::move(name));
      named.push_back(payload);
    }
  }
  store_.Commit(std::move(writes), /*sync=*/true,
                [this, rows = std::move(rows), payloads, named = std::move(named),
                 done = std::move(done)](absl::Status status) {
                  if (status.ok()) {
                    for (const PayloadPtr& payload : named) {
                      names_.Learn(payload->sealed.core.key_tag, payload->key);
                    }
                    for (const PayloadPtr& payload : payloads) {
                      Note(*payload);
                      memory_.Add(payload);
                    }
                  }
                  Settle(rows, status.ok());
                  if (status.ok()) {
                    for (const PayloadPtr& payload : payloads) {
                      Review(payload->sealed.core.op_id, payload->commitment, self_.now());
                    }
                    KeepBudget();
                  }
                  done(std::move(status));
                });
}

void Staging::TakePut(NodeIndex from, const StagePut& put) {
  if (DataCenterOf(from) != self_.data_center()) return;
  const auto answer = [this, from, id = put.id](absl::Status status) {
    self_.Send(from, StagePutReply{id, std::move(status)});
  };
  std::size_t bytes = 0;
  for (const PayloadPtr& payload : put.payloads) {
    if (payload == nullptr || payload->encoded == nullptr) {
      return answer(absl::InvalidArgumentError("a payload to stage is missing"));
    }
    bytes += payload->encoded->size();
  }
  // One by itself is taken, however large.
  if (put_bytes_under_way_ > 0 && put_bytes_under_way_ + bytes > kPutBytesUnderWayMax) {
    return answer(absl::ResourceExhaustedError("too much is being staged; try again"));
  }
  put_bytes_under_way_ += bytes;
  Put(put.payloads, [this, bytes, answer](absl::Status status) {
    put_bytes_under_way_ -= bytes;
    answer(std::move(status));
  });
}

void Staging::Serve(NodeIndex from, const StageGet& request) {
  if (DataCenterOf(from) != self_.data_center()) return;
  const auto answer = [this, from, id = request.id](absl::StatusOr<PayloadPtr> payload) {
    StageGetReply reply;
    reply.id = id;
    reply.status = payload.status();
    if (payload.ok()) reply.payload = *std::move(payload);
    self_.Send(from, std::move(reply));
  };
  if (gets_under_way_ >= kGetsUnderWayMax) {
    return answer(absl::ResourceExhaustedError("too many ask for what is staged; try again"));
  }
  ++gets_under_way_;
  Get(request.commitment, [this, answer](absl::StatusOr<PayloadPtr> payload) {
    --gets_under_way_;
    answer(std::move(payload));
  });
}

void Staging::Note(const Payload& payload) {
  Staged& staged = synced_[payload.commitment];
  stored_bytes_ += payload.encoded->size() - staged.bytes;
  staged = {payload.sealed.core.op_id, self_.now(), payload.encoded->size(), payload.whole()};
}

void Staging::NoteChecked(const CommitmentId& commitment) {
  if (const auto it = synced_.find(commitment); it != synced_.end()) it->second.checked = true;
}

bool Staging::WasChecked(const CommitmentId& commitment) const {
  const auto it = synced_.find(commitment);
  return it != synced_.end() && it->second.checked;
}

void Staging::Review(const OpId& op, const CommitmentId& commitment, absl::Duration since) {
  if (!wanted_) return;
  const StagingWish wish = wanted_(op, commitment);
  const bool stray = wish == StagingWish::kUnknown && self_.now() - since >= kStrayAfter;
  Heed(commitment, stray ? StagingWish::kUnwanted : wish);
}

void Staging::Heed(const CommitmentId& commitment, StagingWish wish) {
  switch (wish) {
    case StagingWish::kUnknown:
    case StagingWish::kWanted:
      return;
    case StagingWish::kHeld:
      return MayShrink(commitment, held_);
    case StagingWish::kSafe:
      return MayShrink(commitment, safe_);
    case StagingWish::kUnwanted:
      return Drop(commitment);
  }
}

void Staging::Sweep() {
  safe_.clear();
  held_.clear();
  std::vector<std::pair<CommitmentId, Staged>> all(synced_.begin(), synced_.end());
  for (const auto& [commitment, staged] : all) Review(staged.op, commitment, staged.since);
  if (std::exchange(taking_apart_, true)) return;
  together_ = places_.TogetherSince(self_.now() - kTogetherMax);
  TakeNextApart();
}

void Staging::TakeNextApart() {
  taking_apart_ = !together_.empty();
  if (together_.empty()) return;
  const std::string row_key = std::move(together_.back());
  together_.pop_back();
  store_.Get(RowFamily::kBlobs, row_key, [this, row_key](absl::StatusOr<Bytes> bytes) {
    TakeApart(row_key, std::move(bytes));
  });
}

void Staging::TakeApart(const std::string& row_key, absl::StatusOr<Bytes> bytes) {
  auto payloads = bytes.ok() ? Decode(row_key, *std::move(bytes)) : bytes.status();
  Rows rows;
  for (PayloadPtr& payload : payloads.ok() ? *payloads : std::vector<PayloadPtr>()) {
    const std::string* place = places_.RowOf(payload->commitment);
    if (place != nullptr && *place == row_key) rows.push_back(RowOf(std::move(payload)));
  }
  std::vector<StoreWrite> writes = std::exchange(drops_, {});
  Write(rows, writes);
  // Synced: the row they lie in goes then.
  store_.Commit(std::move(writes), /*sync=*/true,
                [this, rows = std::move(rows)](const absl::Status& status) {
                  Settle(rows, status.ok());
                  TakeNextApart();
                });
}

void Staging::MayShrink(const CommitmentId& commitment, std::deque<CommitmentId>& queue) {
  const auto it = synced_.find(commitment);
  if (it == synced_.end() || !it->second.whole) return;
  queue.push_back(commitment);
  KeepBudget();
}

void Staging::KeepBudget() {
  while (stored_bytes_ > bytes_max_ && !(safe_.empty() && held_.empty())) {
    std::deque<CommitmentId>& queue = safe_.empty() ? held_ : safe_;
    const CommitmentId oldest = queue.front();
    queue.pop_front();
    Shrink(oldest);
  }
}

void Staging::Shrink(const CommitmentId& commitment) {
  const auto it = synced_.find(commitment);
  if (it == synced_.end() || !std::exchange(it->second.whole, false)) return;
  stored_bytes_ -= std::exchange(it->second.bytes, 0);
  Get(commitment, [this, commitment](absl::StatusOr<PayloadPtr> payload) {
    const auto staged = synced_.find(commitment);
    if (staged == synced_.end() || !payload.ok()) return;
    auto owed = std::make_shared<Payload>();
    owed->sealed = (*payload)->sealed;
    owed->sealed.ciphertext.clear();
    owed->commitment = commitment;
    owed->encoded = std::make_shared<const Bytes>(owed->sealed.Encode());
    staged->second.bytes = owed->encoded->size();
    stored_bytes_ += staged->second.bytes;
    memory_.Remove(commitment);
    const Rows rows = {RowOf(std::move(owed))};
    // In its own row a crash leaves the whole payload, which may shrink again. Out of another's it is synced,
    // as that may go then.
    const bool moves = *places_.RowOf(commitment) != rows.front().key;
    std::vector<StoreWrite> writes = std::exchange(drops_, {});
    Write(rows, writes);
    store_.Commit(std::move(writes), moves,
                  [this, rows](const absl::Status& status) { Settle(rows, status.ok()); });
  });
}

void Staging::Get(const CommitmentId& commitment,
                  std::function<void(absl::StatusOr<PayloadPtr>)> done) {
  if (PayloadPtr payload = memory_.Find(commitment)) {
    return self_.executor().Post(
        [payload = std::move(payload), done = std::move(done)] { done(payload); });
  }
  const std::string* place = places_.RowOf(commitment);
  if (place == nullptr) {
    return self_.executor().Post(
        [done = std::move(done)] { done(absl::NotFoundError("it is not staged here")); });
  }
  store_.Get(RowFamily::kBlobs, *place,
             [this, commitment, row_key = *place, done = std::move(done)](auto bytes) {
               TakeRow(commitment, row_key, std::move(bytes), done);
             });
}

void Staging::TakeRow(const CommitmentId& wanted, const std::string& row_key,
                      absl::StatusOr<Bytes> bytes,
                      const std::function<void(absl::StatusOr<PayloadPtr>)>& done) {
  const std::string* place = places_.RowOf(wanted);
  if (place != nullptr && *place != row_key) return Get(wanted, done);  // it has moved meanwhile
  // Damaged is as good as not here: whoever asks takes a sibling's.
  if (absl::IsDataLoss(bytes.status())) {
    return done(absl::NotFoundError(bytes.status().message()));
  }
  if (!bytes.ok()) return done(bytes.status());
  auto payloads = Decode(row_key, *std::move(bytes));
  if (!payloads.ok()) return done(absl::NotFoundError(payloads.status().message()));
  absl::StatusOr<PayloadPtr> found = absl::NotFoundError("it is not in its row");
  for (PayloadPtr& payload : *payloads) {
    // The others are likely to be asked for next.
    if (payload->commitment == wanted) {
      found = std::move(payload);
    } else if (const std::string* lies = places_.RowOf(payload->commitment);
               lies != nullptr && *lies == row_key) {
      memory_.Add(std::move(payload));
    }
  }
  done(std::move(found));
}

void Staging::Drop(const CommitmentId& commitment) {
  const auto staged = synced_.find(commitment);
  if (staged == synced_.end()) return;
  stored_bytes_ -= staged->second.bytes;
  synced_.erase(staged);
  memory_.Remove(commitment);
  DropRows(places_.Remove(commitment));
}

void Staging::FlushDrops() {
  if (drops_.empty()) return;
  // A deletion that does not survive a crash is repeated when the log is applied again.
  store_.Commit(std::exchange(drops_, {}), /*sync=*/false, [](absl::Status) {});
}

}  // namespace worldb::engine
