#include "engine/home/checkpointer.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace worldb::engine {

Checkpointer::Checkpointer(NodeSelf& self, Store& store, arbiter::ContestRule rule)
    : self_(self), store_(store, self.executor()), rule_(rule), fetch_(self, store_, rule) {}

std::unique_ptr<arbiter::HomeState> Checkpointer::NewState() const {
  return std::make_unique<arbiter::HomeState>(self_.data_center(), rule_);
}

void Checkpointer::Load(Restored done) {
  store_.Open([this, done = std::move(done)] { LoadRows(done); });
}

void Checkpointer::LoadRows(Restored done) {
  struct Loading {
    std::unique_ptr<arbiter::HomeState> state;
    bool any = false;
  };
  auto loading = std::make_shared<Loading>();
  loading->state = NewState();
  store_.ReadAll(
      [loading](absl::string_view row_key, ByteSpan value) {
        loading->any = true;
        return loading->state->RestoreRow(row_key, value);
      },
      [this, loading, done = std::move(done)](absl::Status status) {
        if (status.ok() && !loading->any) return done(std::move(loading->state));
        if (status.ok()) status = loading->state->FinishRestore();
        if (status.ok()) {
          synced_ = loading->state->applied();
          return done(std::move(loading->state));
        }
        if (absl::IsDataLoss(status)) return store_.Wipe([this, done] { done(NewState()); });
        self_.executor().PostAfter(CheckpointStore::kTryAgainAfter,
                                   [this, done] { LoadRows(done); });
      });
}

void Checkpointer::Fetch(Restored done) {
  synced_ = LogIndex();
  waiting_ = MergedRows();
  // A commit under way ends in a generation that does not count any more.
  if (writing_ != Writing::kCommitting) Enter(Writing::kIdle);
  fetch_.Start([this, done = std::move(done)](std::unique_ptr<arbiter::HomeState> state) {
    synced_ = state->applied();
    done(std::move(state));
  });
}

void Checkpointer::Enter(Writing writing) {
  state_.Next();
  writing_ = writing;
}

void Checkpointer::Save(arbiter::Checkpoint checkpoint) {
  waiting_.Add(std::move(checkpoint));
  Advance();
}

void Checkpointer::Advance() {
  if (writing_ == Writing::kCommitting || writing_ == Writing::kTryingAgain) return;
  if (waiting_.empty()) return;
  if (!IsRead() || waiting_.bytes() > kWaitingBytesMax) return Commit();
  if (writing_ == Writing::kWaitingForReader) return;
  Enter(Writing::kWaitingForReader);
  LookAgain();
}

void Checkpointer::LookAgain() {
  self_.executor().PostAfter(CheckpointStore::kTryAgainAfter, state_.Guard([this] {
    Advance();
    if (writing_ == Writing::kWaitingForReader) LookAgain();
  }));
}

void Checkpointer::Commit() {
  Enter(Writing::kCommitting);
  auto rows = std::make_shared<MergedRows>(std::exchange(waiting_, {}));
  std::vector<StoreWrite> writes;
  writes.reserve(rows->rows().size());
  for (const auto& [key, value] : rows->rows()) writes.push_back(store_.Write(key, value));
  store_.Commit(std::move(writes), /*sync=*/true,
                [this, rows, generation = store_.generation()](const absl::Status& status) {
                  const bool counts = generation == store_.generation();
                  if (counts && !status.ok()) {
                    waiting_.AddBelow(std::move(*rows));
                    return TryAgain();
                  }
                  Enter(Writing::kIdle);
                  if (counts) {
                    synced_ = rows->index();
                    if (on_synced_) on_synced_(synced_);
                  }
                  Advance();
                });
}

void Checkpointer::TryAgain() {
  Enter(Writing::kTryingAgain);
  self_.executor().PostAfter(CheckpointStore::kTryAgainAfter, state_.Guard([this] { Commit(); }));
}

void Checkpointer::KeepForReader() {
  if (!IsRead()) read_since_ = self_.now();
  read_until_ = std::min(self_.now() + kReaderSilentAfter, read_since_ + kReadingMax);
}

void Checkpointer::ReadVersions(const std::optional<arbiter::RoundId>& after,
                                std::function<void(absl::StatusOr<VersionPage>)> done) {
  if (synced_ == LogIndex()) return done(absl::UnavailableError("there is no checkpoint yet"));
  const std::string behind =
      after.has_value() ? arbiter::VersionRowKey(*after) : arbiter::kVersionRowPrefix;
  store_.ReadAfter(behind, [this, done = std::move(done)](const absl::StatusOr<RowPage>& page) {
    if (!page.ok()) return done(page.status());
    VersionPage versions;
    versions.last = page->last;
    for (const StoreRow& row : page->rows) {
      const auto id = arbiter::ParseVersionRowKey(store_.generation().RowKey(row.key));
      if (id.has_value()) versions.versions.push_back(*id);
    }
    done(std::move(versions));
  });
}

void Checkpointer::Serve(NodeIndex from, const CheckpointGet& request) {
  if (DataCenterOf(from) != self_.data_center()) return;
  Advance();  // what has waited for its time goes first
  if (synced_ == LogIndex() || writing_ == Writing::kCommitting ||
      writing_ == Writing::kTryingAgain) {
    CheckpointGetReply refusal;
    refusal.id = request.id;
    refusal.status = absl::UnavailableError("no checkpoint at hand");
    return self_.Send(from, std::move(refusal));
  }
  KeepForReader();
  store_.ReadAfter(request.after, [this, from, id = request.id, index = synced_,
                                   generation = store_.generation()](absl::StatusOr<RowPage> page) {
    CheckpointGetReply reply;
    reply.id = id;
    reply.status = page.status();
    reply.index = index;
    if (page.ok()) {
      for (StoreRow& row : page->rows) {
        reply.rows.push_back({std::string(generation.RowKey(row.key)), std::move(row.value)});
      }
      reply.last = page->last;
    }
    self_.Send(from, std::move(reply));
  });
}

}  // namespace worldb::engine
