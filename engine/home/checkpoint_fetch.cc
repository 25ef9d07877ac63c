#include "engine/home/checkpoint_fetch.h"

#include <utility>
#include <vector>

#include "engine/cell/triad.h"

namespace worldb::engine {
namespace {

constexpr char kHeaderKey[] = "h";

}  // namespace

void CheckpointFetch::Start(Restored done) {
  done_ = std::move(done);
  sibling_ = 0;
  store_.Wipe([this] { Begin(); });
}

void CheckpointFetch::Begin() {
  attempt_ = Attempt();
  attempt_.state = std::make_unique<arbiter::HomeState>(self_.data_center(), rule_);
  Ask();
}

void CheckpointFetch::BeginAgain() {
  asked_.Clear();
  sibling_ = 1 - sibling_;
  store_.Wipe([this] { Begin(); });
}

void CheckpointFetch::BeginAgainLater() {
  self_.executor().PostAfter(CheckpointStore::kTryAgainAfter, [this] { BeginAgain(); });
}

void CheckpointFetch::Ask() {
  const NodeIndex sibling = Triad::SiblingsOf(self_.index())[static_cast<std::size_t>(sibling_)];
  const RequestId id = asked_.Add(sibling, Page());
  self_.Send(sibling, CheckpointGet{id, attempt_.after});
  self_.executor().PostAfter(kAnswerPatience, answer_.Guard([this] { BeginAgain(); }));
}

bool CheckpointFetch::Fits(const CheckpointGetReply& reply) const {
  if (!reply.status.ok() || reply.index == LogIndex()) return false;
  if (attempt_.index != LogIndex() && attempt_.index != reply.index) return false;
  if (reply.rows.size() > CheckpointStore::kRowsPerPage) return false;
  return reply.last || !reply.rows.empty();
}

void CheckpointFetch::TakePage(NodeIndex from, CheckpointGetReply& reply) {
  if (!asked_.Take(from, reply.id).has_value()) return;
  // What does not fit is as good as silence: the attempt ends when the patience does.
  if (!Fits(reply)) return;
  attempt_.index = reply.index;
  std::vector<StoreWrite> writes;
  writes.reserve(reply.rows.size());
  for (arbiter::CheckpointRow& row : reply.rows) {
    if (row.key <= attempt_.after || !row.value.has_value()) return;
    if (!attempt_.state->RestoreRow(row.key, *row.value).ok()) return;
    SharedBytes value = std::make_shared<const Bytes>(*std::move(row.value));
    if (row.key == kHeaderKey) {
      attempt_.header = std::move(value);
    } else {
      writes.push_back(store_.Write(row.key, std::move(value)));
    }
    attempt_.after = std::move(row.key);
  }
  answer_.Next();
  StoreRows(std::move(writes), reply.last);
}

void CheckpointFetch::StoreRows(std::vector<StoreWrite> rows, bool last) {
  store_.Commit(std::move(rows), /*sync=*/false, [this, last](const absl::Status& status) {
    if (!status.ok()) return BeginAgainLater();
    last ? Finish() : Ask();
  });
}

void CheckpointFetch::Finish() {
  if (attempt_.header == nullptr || !attempt_.state->FinishRestore().ok()) return BeginAgainLater();
  StoreHeader();
}

void CheckpointFetch::StoreHeader() {
  store_.Commit({store_.Write(kHeaderKey, attempt_.header)}, /*sync=*/true,
                [this](const absl::Status& status) {
                  if (!status.ok()) return BeginAgainLater();
                  const Restored done = std::exchange(done_, nullptr);
                  done(std::exchange(attempt_, Attempt()).state);
                });
}

}  // namespace worldb::engine
