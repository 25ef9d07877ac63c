#include "engine/local/log_handle.h"

#include <utility>

#include "cryptoscatter/base/check.h"

namespace worldb::engine {

using arbiter::AppendResult;
using arbiter::IndexedEntry;

EmbeddedLogHandle::EmbeddedLogHandle(std::shared_ptr<EmbeddedLogCore> core, Executor& executor)
    : core_(std::move(core)), link_(std::make_shared<LogLink>(executor)) {
  core_->Post([core = core_, link = link_] { core->Join(link); });
}
EmbeddedLogHandle::~EmbeddedLogHandle() { link_->Close(); }

template <typename Result>
std::function<void(Result)> EmbeddedLogHandle::OnNode(std::function<void(Result)> done) const {
  return [link = link_, done = std::move(done)](Result result) {
    link->Reply([done, result = std::move(result)]() mutable { done(std::move(result)); });
  };
}

void EmbeddedLogHandle::Append(LogEpoch epoch, LogIndex prev_index, SharedBytes entry,
                               std::function<void(AppendResult)> done) {
  WORLDB_CHECK(entry != nullptr);
  core_->Post([core = core_, epoch, prev_index, entry = std::move(entry),
               done = OnNode(std::move(done))]() mutable {
    core->Append(epoch, prev_index, std::move(entry), std::move(done));
  });
}

void EmbeddedLogHandle::Read(LogIndex from, std::size_t count_max,
                             std::function<void(absl::StatusOr<std::vector<IndexedEntry>>)> done) {
  core_->Post([core = core_, from, count_max, done = OnNode(std::move(done))]() mutable {
    core->Read(from, count_max, std::move(done));
  });
}

void EmbeddedLogHandle::Fence(LogEpoch epoch,
                              std::function<void(absl::StatusOr<FenceResult>)> done) {
  core_->Post([core = core_, epoch, done = OnNode(std::move(done))]() mutable {
    core->Fence(epoch, std::move(done));
  });
}

void EmbeddedLogHandle::Tail(std::function<void(absl::StatusOr<FenceResult>)> done) {
  core_->Post(
      [core = core_, done = OnNode(std::move(done))]() mutable { core->Tail(std::move(done)); });
}

void EmbeddedLogHandle::Trim(LogIndex floor, std::function<void(absl::Status)> done) {
  core_->Post([core = core_, floor, done = OnNode(std::move(done))]() mutable {
    core->Trim(floor, std::move(done));
  });
}

void EmbeddedLogHandle::SetWake(std::function<void()> wake) { link_->SetWake(std::move(wake)); }

}  // namespace worldb::engine
