#include "tests/support/sim_executor.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

namespace worldb::testing {

using engine::Task;

SimWorld::SimWorld(const Options& options)
    : shuffle_ties_(options.shuffle_ties),
      task_cost_(options.task_cost),
      offload_time_(options.offload_time),
      ties_(options.seed) {}

bool SimWorld::Later::operator()(const Event& a, const Event& b) const {
  if (a.at != b.at) return a.at > b.at;
  if (a.tie != b.tie) return a.tie > b.tie;
  return a.sequence > b.sequence;
}

void SimWorld::At(absl::Duration delay, Task event) {
  // Whole nanoseconds, as clocks of machines tell them: some delays are computed, and finer.
  const absl::Duration at =
      absl::Ceil(now_ + std::max(delay, absl::ZeroDuration()), absl::Nanoseconds(1));
  heap_.push_back({at, shuffle_ties_ ? ties_() : 0, next_sequence_++, std::move(event)});
  std::push_heap(heap_.begin(), heap_.end(), Later());
}

bool SimWorld::RunOne() {
  if (heap_.empty()) return false;
  std::pop_heap(heap_.begin(), heap_.end(), Later());
  Event event = std::move(heap_.back());
  heap_.pop_back();
  now_ = event.at;
  ++event_count_;
  event.run();
  return true;
}

bool SimWorld::RunUntil(const std::function<bool()>& predicate, absl::Duration limit) {
  const absl::Duration end = now_ + limit;
  while (true) {
    if (predicate()) return true;
    if (heap_.empty() || heap_.front().at > end) break;
    RunOne();
  }
  if (end != absl::InfiniteDuration()) now_ = end;
  return false;
}

bool SimWorld::RunToEvent(std::uint64_t count, absl::Duration limit) {
  return RunUntil([&] { return event_count_ >= count; }, limit);
}

void SimWorld::RunFor(absl::Duration duration) {
  RunUntil([] { return false; }, duration);
}

absl::Duration SimWorld::RunCharged(const Task& task) {
  charged_ = task_cost_;
  task();
  longest_task_ = std::max(longest_task_, charged_);
  return charged_;
}

// Kept alive by the events the world still holds, which find it closed when they come late.
struct SimExecutor::State : std::enable_shared_from_this<SimExecutor::State> {
  struct Item {
    TimerId timer;  // 0: `task` itself; otherwise the task waits in `timers`
    Task task;
  };

  explicit State(SimWorld& w) : world(w) {}

  void Enqueue(Item item) {
    ready.push_back(std::move(item));
    if (!std::exchange(scheduled, true)) Schedule();
  }

  void Schedule() {
    world.At(busy_until - world.Elapsed(), [self = shared_from_this()] { self->RunNext(); });
  }

  // One task, if its timer was not cancelled, and the next in its turn.
  void RunNext() {
    if (!ready.empty()) {
      Item item = std::move(ready.front());
      ready.pop_front();
      if (item.timer != 0) {
        if (auto timer = timers.extract(item.timer); !timer.empty()) {
          item.task = std::move(timer.mapped());
        }
      }
      if (item.task) busy_until = world.Elapsed() + world.RunCharged(item.task);
    }
    scheduled = !ready.empty();
    if (scheduled) Schedule();
  }

  SimWorld& world;
  bool closed = false;
  bool scheduled = false;  // RunNext() is to come
  absl::Duration busy_until;
  std::deque<Item> ready;
  TimerId last_timer = 0;
  std::map<TimerId, Task> timers;
};

SimExecutor::SimExecutor(SimWorld& world) : state_(std::make_shared<State>(world)) {}
SimExecutor::~SimExecutor() { Shutdown(); }

void SimExecutor::Post(Task task) {
  if (!state_->closed) state_->Enqueue({0, std::move(task)});
}

engine::Executor::TimerId SimExecutor::PostAfter(absl::Duration delay, Task task) {
  const TimerId id = ++state_->last_timer;
  if (state_->closed) return id;
  state_->timers.emplace(id, std::move(task));
  state_->world.At(delay, [state = state_, id] {
    if (state->timers.count(id) != 0) state->Enqueue({id, nullptr});
  });
  return id;
}

void SimExecutor::Cancel(TimerId timer) { state_->timers.erase(timer); }

void SimExecutor::Offload(Task work, Task done) {
  if (state_->closed) return;
  state_->world.At(state_->world.offload_time(),
                   [state = state_, work = std::move(work), done = std::move(done)]() mutable {
                     work();
                     work = nullptr;
                     if (!state->closed) state->Enqueue({0, std::move(done)});
                   });
}

absl::Duration SimExecutor::Elapsed() const { return state_->world.Elapsed(); }

void SimExecutor::Shutdown() {
  state_->closed = true;
  // Emptied by way of locals: what the tasks hold may call back into this executor as it dies.
  std::deque<State::Item> ready = std::exchange(state_->ready, {});
  std::map<TimerId, Task> timers = std::exchange(state_->timers, {});
}

}  // namespace worldb::testing
