#include "engine/home/checkpointer.h"

#include <utility>

#include "cryptoscatter/base/key_order.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::engine {
namespace {

constexpr char kHeaderKey[] = "h";
constexpr std::size_t kRowsPerPage = 1024;
constexpr absl::Duration kTryAgainAfter = absl::Seconds(1);
constexpr absl::Duration kPinFor = absl::Seconds(5);
constexpr absl::Duration kPinMax = absl::Minutes(2);
constexpr absl::Duration kAnswerPatience = absl::Seconds(2);

}  // namespace

Checkpointer::Checkpointer(NodeContext& context, arbiter::ContestRule rule)
    : context_(context), rule_(rule) {}

RowRange Checkpointer::AllRows() const {
  return RowRange::WithPrefix(RowFamily::kRows, generation_.prefix());
}

std::unique_ptr<arbiter::HomeState> Checkpointer::NewState() const {
  return std::make_unique<arbiter::HomeState>(context_.data_center(), rule_);
}

// ---------------------------------------------------------------- from the store

void Checkpointer::Load(Restored done) {
  context_.parts.store->Get(RowFamily::kRows, CheckpointGeneration::kNumberKey,
                            [this, done = std::move(done)](absl::StatusOr<Bytes> row) mutable {
                              if (row.ok()) {
                                ByteReader r(*row);
                                generation_ = CheckpointGeneration(r.U64());
                              } else if (!absl::IsNotFound(row.status())) {
                                context_.executor().PostAfter(
                                    kTryAgainAfter, [this, done = std::move(done)] { Load(done); });
                                return;
                              }
                              DeleteOld();
                              LoadRows(std::move(done));
                            });
}

void Checkpointer::LoadRows(Restored done) {
  struct Loading {
    std::unique_ptr<arbiter::HomeState> state;
    bool any = false;
  };
  auto loading = std::make_shared<Loading>();
  loading->state = NewState();
  ReadPages(
      *context_.parts.store, AllRows(), kRowsPerPage,
      [this, loading](std::vector<StoreRow>& rows) {
        for (const StoreRow& row : rows) {
          loading->any = true;
          WORLDB_RETURN_IF_ERROR(
              loading->state->RestoreRow(generation_.RowKey(row.key), row.value));
        }
        return absl::OkStatus();
      },
      [this, loading, done = std::move(done)](absl::Status status) {
        if (status.ok() && !loading->any) return done(std::move(loading->state));
        if (status.ok()) status = loading->state->FinishRestore();
        if (status.ok()) {
          synced_ = loading->state->applied();
          return done(std::move(loading->state));
        }
        if (absl::IsDataLoss(status)) return Wipe([this, done] { done(NewState()); });
        context_.executor().PostAfter(kTryAgainAfter, [this, done] { LoadRows(done); });
      });
}

void Checkpointer::Wipe(std::function<void()> done) {
  synced_ = LogIndex();
  generation_ = generation_.Next();
  ByteWriter w;
  w.U64(generation_.number());
  context_.parts.store->Commit(
      {StoreWrite::Put(RowFamily::kRows, CheckpointGeneration::kNumberKey,
                       std::make_shared<const Bytes>(std::move(w).Take()))},
      /*sync=*/true, [this, done = std::move(done)](absl::Status status) {
        if (!status.ok()) {
          context_.executor().PostAfter(kTryAgainAfter, [this, done] { Wipe(done); });
          return;
        }
        DeleteOld();
        done();
      });
}

// Rows of older generations, page by page; those that cannot be read stay, and harm nobody.
void Checkpointer::DeleteOld() {
  context_.parts.store->Scan(
      RowFamily::kRows, CheckpointGeneration::kFamilyPrefix, generation_.prefix(), kRowsPerPage,
      [this](absl::StatusOr<std::vector<StoreRow>> rows) {
        if (!rows.ok() || rows->empty()) return;
        std::vector<StoreWrite> writes;
        for (StoreRow& row : *rows) {
          writes.push_back(StoreWrite::Delete(RowFamily::kRows, std::move(row.key)));
        }
        context_.parts.store->Commit(std::move(writes), /*sync=*/false,
                                     [this](absl::Status status) {
                                       if (status.ok()) DeleteOld();
                                     });
      });
}

// ---------------------------------------------------------------- to the store

void Checkpointer::Save(arbiter::Checkpoint checkpoint) {
  for (arbiter::CheckpointRow& row : checkpoint.rows) {
    waiting_[std::move(row.key)] = std::move(row.value);
  }
  waiting_index_ = checkpoint.index;
  Write();
}

bool Checkpointer::Pinned() const {
  return context_.now() < pinned_until_ && context_.now() - pinned_since_ < kPinMax;
}

void Checkpointer::Write() {
  if (writing_ || waiting_.empty()) return;
  writing_ = true;
  if (Pinned()) {
    context_.executor().PostAfter(kTryAgainAfter, [this] {
      writing_ = false;
      Write();
    });
    return;
  }
  auto rows =
      std::make_shared<std::map<std::string, std::optional<Bytes>>>(std::exchange(waiting_, {}));
  std::vector<StoreWrite> writes;
  writes.reserve(rows->size());
  for (const auto& [key, value] : *rows) {
    writes.push_back(value.has_value()
                         ? StoreWrite::Put(RowFamily::kRows, generation_.StoreKey(key),
                                           std::make_shared<const Bytes>(*value))
                         : StoreWrite::Delete(RowFamily::kRows, generation_.StoreKey(key)));
  }
  context_.parts.store->Commit(
      std::move(writes), /*sync=*/true,
      [this, rows, index = waiting_index_, generation = generation_](absl::Status status) {
        if (generation != generation_) {
          writing_ = false;
          return Write();
        }
        if (status.ok()) {
          writing_ = false;
          synced_ = index;
          if (on_synced_) on_synced_(index);
          return Write();
        }
        // Later checkpoints of the same rows stand.
        waiting_.merge(*rows);
        context_.executor().PostAfter(kTryAgainAfter, [this] {
          writing_ = false;
          Write();
        });
      });
}

// ---------------------------------------------------------------- between siblings

void Checkpointer::On(NodeIndex from, const CheckpointGet& request) {
  if (DataCenterOf(from) != context_.data_center()) return;
  if (synced_ == LogIndex() || writing_) {
    CheckpointGetReply reply;
    reply.id = request.id;
    reply.status = absl::UnavailableError("no checkpoint at hand");
    context_.Send(from, std::move(reply));
    return;
  }
  if (!Pinned()) pinned_since_ = context_.now();
  pinned_until_ = context_.now() + kPinFor;
  RowRange left = AllRows();
  if (!request.after.empty()) left.begin = KeyAfter(generation_.StoreKey(request.after));
  ReadPage(
      *context_.parts.store, left, kRowsPerPage,
      [this, from, id = request.id, index = synced_](absl::StatusOr<RowPage> page) {
        CheckpointGetReply reply;
        reply.id = id;
        reply.status = page.status();
        reply.index = index;
        if (page.ok()) {
          for (StoreRow& row : page->rows) {
            reply.rows.push_back({std::string(generation_.RowKey(row.key)), std::move(row.value)});
          }
          reply.last = page->last;
        }
        context_.Send(from, std::move(reply));
      });
}

void Checkpointer::Fetch(Restored done) {
  fetching_ = std::make_unique<Fetching>();
  fetching_->done = std::move(done);
  fetching_->sibling = context_.index();
  waiting_.clear();
  Wipe([this] { BeginFetch(context_.index()); });
}

// Asks the sibling after `last`.
void Checkpointer::BeginFetch(NodeIndex last) {
  const int first = context_.data_center().value() * kNodesPerDataCenter;
  int place = last.value() - first;
  do {
    place = (place + 1) % kNodesPerDataCenter;
  } while (NodeAt(first + place) == context_.index());
  fetching_->sibling = NodeAt(first + place);
  fetching_->index = LogIndex();
  fetching_->after.clear();
  fetching_->state = NewState();
  fetching_->header.reset();
  Ask();
}

void Checkpointer::Ask() {
  const RequestId request = context_.NextRequest();
  fetching_->request = request;
  context_.Send(fetching_->sibling, CheckpointGet{request, fetching_->after});
  context_.executor().PostAfter(kAnswerPatience, [this, request] {
    if (fetching_ != nullptr && fetching_->request == request) {
      Wipe([this] { BeginFetch(fetching_->sibling); });
    }
  });
}

void Checkpointer::On(NodeIndex from, CheckpointGetReply& reply) {
  if (fetching_ == nullptr || fetching_->request != reply.id || fetching_->sibling != from) return;
  // A refusal, rows of two checkpoints, or rows that do not fit: the timer begins anew.
  if (!reply.status.ok() || reply.index == LogIndex()) return;
  if (fetching_->index != LogIndex() && fetching_->index != reply.index) return;
  fetching_->index = reply.index;
  std::vector<StoreWrite> writes;
  for (arbiter::CheckpointRow& row : reply.rows) {
    if (!row.value.has_value() || !fetching_->state->RestoreRow(row.key, *row.value).ok()) return;
    if (row.key == kHeaderKey) {
      fetching_->header = *std::move(row.value);
      continue;
    }
    writes.push_back(StoreWrite::Put(RowFamily::kRows, generation_.StoreKey(row.key),
                                     std::make_shared<const Bytes>(*std::move(row.value))));
  }
  if (!reply.rows.empty()) fetching_->after = reply.rows.back().key;
  fetching_->request = 0;
  context_.parts.store->Commit(
      std::move(writes), /*sync=*/false, [this, last = reply.last](absl::Status status) {
        if (!status.ok()) {
          context_.executor().PostAfter(
              kTryAgainAfter, [this] { Wipe([this] { BeginFetch(fetching_->sibling); }); });
        } else if (last) {
          FinishFetch();
        } else {
          Ask();
        }
      });
}

void Checkpointer::FinishFetch() {
  const auto again = [this] {
    context_.executor().PostAfter(kTryAgainAfter,
                                  [this] { Wipe([this] { BeginFetch(fetching_->sibling); }); });
  };
  if (!fetching_->header.has_value() || !fetching_->state->FinishRestore().ok()) return again();
  context_.parts.store->Commit({StoreWrite::Put(RowFamily::kRows, generation_.StoreKey(kHeaderKey),
                                                std::make_shared<const Bytes>(*fetching_->header))},
                               /*sync=*/true, [this, again](absl::Status status) {
                                 if (!status.ok()) return again();
                                 const std::unique_ptr<Fetching> fetched =
                                     std::exchange(fetching_, nullptr);
                                 synced_ = fetched->index;
                                 fetched->done(std::move(fetched->state));
                               });
}

}  // namespace worldb::engine
