// An embedded log with its three nodes, over any store, for the contract suite and beyond.
#ifndef WORLDB_TESTS_SUPPORT_EMBEDDED_LOG_HARNESS_H_
#define WORLDB_TESTS_SUPPORT_EMBEDDED_LOG_HARNESS_H_

#include <array>
#include <functional>
#include <memory>
#include <utility>

#include "engine/local/log_handle.h"
#include "tests/support/accept_log_contract.h"

namespace worldb::testing {

class EmbeddedLogHarness : public AcceptLogHarness {
 public:
  using OpenStore = std::function<std::unique_ptr<engine::Store>(engine::Executor&)>;

  // `open_store` is called at every start; what it opens keeps its rows in between.
  EmbeddedLogHarness(WorldKind kind, OpenStore open_store,
                     const engine::EmbeddedLogCore::Options& options = {})
      : world_(MakeTestWorld(kind)), open_store_(std::move(open_store)), options_(options) {
    Start();
  }
  ~EmbeddedLogHarness() override { Stop(); }

  TestWorld& world() override { return *world_; }
  arbiter::AcceptLog& log(int node) override { return *handles_[node]; }
  engine::Executor& executor(int node) override { return *executors_[node]; }
  engine::EmbeddedLogCore& core() { return *core_; }
  void Restart() override {
    Stop();
    Start();
  }
  void Start() {
    log_executor_ = world_->MakeExecutor();
    store_ = open_store_(*log_executor_);
    core_ = engine::EmbeddedLogCore::Create(DataCenterAt(1), *store_, *log_executor_, options_);
    for (int node = 0; node < 3; ++node) {
      executors_[node] = world_->MakeExecutor();
      handles_[node] = std::make_unique<engine::EmbeddedLogHandle>(core_, *executors_[node]);
      core_->SetRunning(NodeAt(3 + node), true);
    }
  }
  // The order in which a process takes itself down.
  void Stop() {
    for (auto& executor : executors_) {
      if (executor) executor->Shutdown();
    }
    for (auto& handle : handles_) handle.reset();
    if (log_executor_) log_executor_->Shutdown();
    core_.reset();
    store_.reset();
    log_executor_.reset();
    for (auto& executor : executors_) executor.reset();
  }

 private:
  const std::unique_ptr<TestWorld> world_;
  const OpenStore open_store_;
  const engine::EmbeddedLogCore::Options options_;
  std::unique_ptr<engine::Executor> log_executor_;
  std::unique_ptr<engine::Store> store_;
  std::shared_ptr<engine::EmbeddedLogCore> core_;
  std::array<std::unique_ptr<engine::Executor>, 3> executors_;
  std::array<std::unique_ptr<engine::EmbeddedLogHandle>, 3> handles_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_EMBEDDED_LOG_HARNESS_H_
