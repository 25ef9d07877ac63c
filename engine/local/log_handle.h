// One node's view of the embedded log of its triad: calls hop to the log's executor and answers back, by
// Post, so that the nodes share no state.
//
// Threads: any, but SetWake before the first call.
#ifndef WORLDB_ENGINE_LOCAL_LOG_HANDLE_H_
#define WORLDB_ENGINE_LOCAL_LOG_HANDLE_H_

#include <functional>
#include <memory>
#include <vector>

#include "arbiter/accept_log.h"
#include "engine/local/embedded_log.h"
#include "engine/local/log_link.h"
#include "engine/ports/executor.h"

namespace worldb::engine {

class EmbeddedLogHandle final : public arbiter::AcceptLog {
 public:
  // Callbacks and wake run on `executor`; those still due when the handle is destroyed are dropped.
  // REQUIRES: destroyed before `executor` is.
  EmbeddedLogHandle(std::shared_ptr<EmbeddedLogCore> core, Executor& executor);
  ~EmbeddedLogHandle() override;
  EmbeddedLogHandle(const EmbeddedLogHandle&) = delete;
  EmbeddedLogHandle& operator=(const EmbeddedLogHandle&) = delete;

  void Append(LogEpoch epoch, LogIndex prev_index, SharedBytes entry,
              std::function<void(arbiter::AppendResult)> done) override;
  void Read(LogIndex from, std::size_t count_max,
            std::function<void(absl::StatusOr<std::vector<arbiter::IndexedEntry>>)> done) override;
  void Fence(LogEpoch epoch, std::function<void(absl::StatusOr<FenceResult>)> done) override;
  void Tail(std::function<void(absl::StatusOr<FenceResult>)> done) override;
  void Trim(LogIndex floor, std::function<void(absl::Status)> done) override;
  void SetWake(std::function<void()> wake) override;

 private:
  // `done` as the log may call it: what it is told is told to the node, on its own executor.
  template <typename Result>
  std::function<void(Result)> OnNode(std::function<void(Result)> done) const;

  const std::shared_ptr<EmbeddedLogCore> core_;
  const std::shared_ptr<LogLink> link_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_LOCAL_LOG_HANDLE_H_
