// Executors in virtual time: one thread, one event heap, the same run for the same seed.
//
// A SimWorld owns time. Its SimExecutors queue tasks in it; nothing runs until the world is told
// to. Time moves only between events, to the moment of the next one. Events of the same moment run
// in the order they were made, or in an order drawn from the seed; tasks posted to one executor
// keep their order either way.
//
// A task may cost virtual time: a fixed part, and what it is charged for while it runs. It is done at once,
// and its executor then runs nothing until that time has passed; others go on. So a task that would
// hold a strand for long is seen, in the world's longest task and in what comes late behind it.
// Threads: none; all calls from one thread.
#ifndef WORLDB_TESTS_SUPPORT_SIM_EXECUTOR_H_
#define WORLDB_TESTS_SUPPORT_SIM_EXECUTOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "absl/time/time.h"
#include "engine/ports/executor.h"

namespace worldb::testing {

class SimWorld {
 public:
  struct Options {
    std::uint64_t seed = 1;
    // Events of the same moment run in an order drawn from `seed`.
    bool shuffle_ties = false;
    // How long offloaded work takes before it runs.
    absl::Duration offload_time = absl::ZeroDuration();
    // What each task of an executor costs besides what it is charged for.
    absl::Duration task_cost = absl::ZeroDuration();
  };

  SimWorld() : SimWorld(Options{}) {}
  explicit SimWorld(const Options& options);
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  // Virtual time since the world began.
  absl::Duration Elapsed() const { return now_; }
  // Runs events until `predicate` holds (looked at before each event), or the next event lies more
  // than `limit` ahead of now, or none is left. Returns whether the predicate holds; when it does
  // not, time has advanced by `limit`.
  bool RunUntil(const std::function<bool()>& predicate, absl::Duration limit);
  // Runs every event of the next `duration`, its last moment included, and leaves time there.
  void RunFor(absl::Duration duration);
  // Runs events until none is left at the present moment.
  void RunReady() { RunFor(absl::ZeroDuration()); }
  // Runs events until `count` have been run since the world began. False when none was left, or the
  // next one lay more than `limit` ahead of now, before that.
  bool RunToEvent(std::uint64_t count, absl::Duration limit);
  // Runs the next event, moving time to it; false when there is none.
  bool RunOne();
  // `event` runs after `delay`, on no executor: for scripted faults and checks.
  void At(absl::Duration delay, engine::Task event);

  // Adds to what the task under way costs; of no effect outside one.
  void Charge(absl::Duration cost) { charged_ += cost; }
  // The dearest task so far.
  absl::Duration longest_task() const { return longest_task_; }

  void set_offload_time(absl::Duration time) { offload_time_ = time; }
  absl::Duration offload_time() const { return offload_time_; }
  std::uint64_t event_count() const { return event_count_; }

 private:
  friend class SimExecutor;
  // Runs it and says what it costs.
  absl::Duration RunCharged(const engine::Task& task);

  struct Event {
    absl::Duration at;
    std::uint64_t tie;
    std::uint64_t sequence;
    engine::Task run;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const;
  };

  const bool shuffle_ties_;
  const absl::Duration task_cost_;
  absl::Duration charged_;
  absl::Duration longest_task_;
  absl::Duration offload_time_;
  absl::Duration now_ = absl::ZeroDuration();
  std::uint64_t next_sequence_ = 0;
  std::uint64_t event_count_ = 0;
  std::mt19937_64 ties_;
  std::vector<Event> heap_;
};

class SimExecutor final : public engine::Executor {
 public:
  // `world` must outlive the executor.
  explicit SimExecutor(SimWorld& world);
  // Shuts down.
  ~SimExecutor() override;

  void Post(engine::Task task) override;
  TimerId PostAfter(absl::Duration delay, engine::Task task) override;
  void Cancel(TimerId timer) override;
  void Offload(engine::Task work, engine::Task done) override;
  absl::Duration Elapsed() const override;
  void Shutdown() override;

 private:
  struct State;
  const std::shared_ptr<State> state_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_SIM_EXECUTOR_H_
