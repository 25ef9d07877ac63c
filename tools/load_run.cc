#include "tools/load_run.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/mutex.h"
#include "engine/cell/errors.h"
#include "tools/load_value.h"

namespace worldb::tools {
namespace {

using arbiter::Level;

// Before the next op of a place whose last one failed: what is overloaded or away gets a rest.
constexpr absl::Duration kPauseAfterFailure = absl::Milliseconds(200);
constexpr absl::Duration kLookEvery = absl::Milliseconds(100);
constexpr absl::Duration kProgressEvery = absl::Seconds(1);
// With LoadPlan::Keys::kEach, how often a key is tried.
constexpr int kTriesMax = 10;
// What FillKeys has in flight at most; a node sheds what exceeds its budget.
constexpr std::size_t kFillBytesMax = std::size_t{64} << 20;

absl::Duration Elapsed() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

class LoadRun {
 public:
  LoadRun(transport::AsyncClient& client, const LoadPlan& plan,
          const std::function<void(const LoadProgress&)>& on_progress)
      : client_(client),
        plan_(plan),
        on_progress_(on_progress),
        // Two runs never share fresh keys.
        fresh_prefix_(absl::StrCat(plan.key_prefix, HexEncode(SystemEntropy().Draw<6>()), "-")),
        began_(Elapsed()),
        measure_from_(began_ + plan.warmup),
        end_(measure_from_ + plan.measured) {}

  LoadResult Run() {
    std::vector<std::unique_ptr<Place>> places;
    for (std::size_t i = 0; i < plan_.inflight; ++i)
      places.push_back(std::make_unique<Place>(*this));
    {
      MutexLock lock(mu_);
      running_ = places.size();
    }
    for (const auto& place : places) StartNext(*place);
    AwaitEnd();
    MutexLock lock(mu_);
    result_.measured = std::max(absl::ZeroDuration(), std::min(end_, last_end_) - measure_from_);
    return std::move(result_);
  }

 private:
  // One of the ops in flight, used again for the next.
  class Place final : public transport::CallObserver {
   public:
    explicit Place(LoadRun& run) : run_(run) {}

    void OnReached(Level level) override { run_.OnReached(*this, level); }
    void OnNotWon(arbiter::OutcomeKind kind) override { not_won = kind; }
    void OnValue(ByteSpan value) override {
      good_value =
          value.size() == run_.plan_.value_bytes && IsLoadValue(key, run_.plan_.seed, value);
      told_at = Elapsed();
    }
    void OnEnd(const absl::Status& status) override { run_.OnEnd(*this, status); }

    std::string key;
    int tries = 0;  // of this key
    absl::Duration sent;
    std::size_t levels_told = 0;  // Set: how many levels it is known to have reached
    bool reached = false;
    std::optional<arbiter::OutcomeKind> not_won;
    std::optional<bool> good_value;
    absl::Duration told_at;

   private:
    LoadRun& run_;
  };

  // Its next op, or the end of the place.
  void StartNext(Place& place) {
    std::size_t endpoint = 0;
    {
      MutexLock lock(mu_);
      const bool again = plan_.keys == LoadPlan::Keys::kEach && place.tries > 0;
      const bool spent = plan_.ops_max != 0 && drawn_ == plan_.ops_max;
      if (Elapsed() >= end_ || (spent && !again)) return Retire();
      if (!again) place.key = DrawKey();
      ++place.tries;
      endpoint = result_.counts.started++ % client_.endpoints().size();
    }
    place.levels_told = 0;
    place.reached = false;
    place.not_won.reset();
    place.good_value.reset();
    place.sent = Elapsed();
    if (plan_.op == LoadPlan::Op::kGet) {
      client_.Get(endpoint, AsBytes(place.key), plan_.timeout, place);
      return;
    }
    std::string value(plan_.value_bytes, '\0');
    FillLoadValue(place.key, plan_.seed,
                  {reinterpret_cast<std::uint8_t*>(value.data()), value.size()});
    client_.Set(endpoint, AsBytes(place.key), std::move(value),
                arbiter::MakeOpId(absl::Now(), SystemEntropy()), plan_.wait, plan_.timeout, place);
  }

  std::string DrawKey() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const std::uint64_t number = drawn_++;
    switch (plan_.keys) {
      case LoadPlan::Keys::kFresh:
        return absl::StrCat(fresh_prefix_, number);
      case LoadPlan::Keys::kEach:
        return LoadKey(plan_.key_prefix, number);
      case LoadPlan::Keys::kRandom:
        break;
    }
    return LoadKey(plan_.key_prefix, MixBits(MixBits(plan_.seed) + number) % plan_.key_count);
  }

  bool InTime(absl::Duration at) const { return at >= measure_from_ && at < end_; }

  void OnReached(Place& place, Level level) {
    const absl::Duration now = Elapsed();
    MutexLock lock(mu_);
    for (; place.levels_told <= static_cast<std::size_t>(level); ++place.levels_told) {
      if (InTime(now)) result_.latency[place.levels_told].Add(now - place.sent);
    }
    if (level >= plan_.wait && !std::exchange(place.reached, true)) CountReached(now);
  }

  void CountReached(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    ++result_.counts.reached;
    if (!InTime(now)) return;
    ++result_.reached_in_time;
    ++reached_since_progress_;
  }

  void OnEnd(Place& place, const absl::Status& status) {
    bool failed = false;
    {
      MutexLock lock(mu_);
      last_end_ = Elapsed();
      if (place.good_value.has_value()) {
        place.reached = *place.good_value;
        if (place.reached) {
          if (InTime(place.told_at)) result_.latency[0].Add(place.told_at - place.sent);
          CountReached(place.told_at);
        } else if (++result_.counts.wrong == 1) {
          result_.first_wrong_key = place.key;
        }
      } else if (place.not_won.has_value()) {
        ++result_.counts.not_won[*place.not_won];
      } else if (!place.reached) {
        failed = true;
        CountFailure(status);
      }
      const bool settled = place.reached || plan_.keys != LoadPlan::Keys::kEach;
      if (settled || place.tries == kTriesMax) place.tries = 0;
      if (failed) {
        if (last_end_ >= end_) return Retire();
        paused_.push_back({last_end_ + kPauseAfterFailure, &place});
        return;
      }
    }
    StartNext(place);
  }

  void CountFailure(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    // An OK stream that told no end: the server speaks another version.
    const absl::Status why =
        status.ok() ? absl::InternalError("the call ended without telling how") : status;
    std::string reason = engine::ReasonOf(why);
    if (reason.empty()) reason = absl::StatusCodeToString(why.code());
    ++result_.counts.failed[reason];
    ++failed_;
    if (result_.first_failure.ok()) result_.first_failure = why;
  }

  void Retire() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (--running_ == 0) over_.NotifyAll();
  }

  // Wakes paused places and tells the progress until the last place has ended.
  void AwaitEnd() {
    absl::Duration told = began_;
    while (true) {
      std::vector<Place*> rested;
      std::optional<LoadProgress> progress;
      {
        MutexLock lock(mu_);
        if (running_ == 0) return;
        over_.WaitFor(mu_, kLookEvery);
        const absl::Duration now = Elapsed();
        // In order of time: each pauses equally long.
        auto paused = paused_.begin();
        for (; paused != paused_.end() && (paused->until <= now || now >= end_); ++paused) {
          rested.push_back(paused->place);
        }
        paused_.erase(paused_.begin(), paused);
        if (on_progress_ && now - told >= kProgressEvery && now < end_) {
          progress = LoadProgress{now - began_, now < measure_from_,
                                  static_cast<double>(std::exchange(reached_since_progress_, 0)) /
                                      absl::ToDoubleSeconds(now - told),
                                  failed_};
          told = now;
        }
      }
      client_.EndOverdue();
      for (Place* place : rested) StartNext(*place);
      if (progress.has_value()) on_progress_(*progress);
    }
  }

  struct Paused {
    absl::Duration until;
    Place* place;
  };

  transport::AsyncClient& client_;
  const LoadPlan& plan_;
  const std::function<void(const LoadProgress&)>& on_progress_;
  const std::string fresh_prefix_;
  const absl::Duration began_;
  const absl::Duration measure_from_;
  const absl::Duration end_;

  Mutex mu_;
  CondVar over_;
  std::size_t running_ ABSL_GUARDED_BY(mu_) = 0;  // places that have not ended
  std::uint64_t drawn_ ABSL_GUARDED_BY(mu_) = 0;  // keys
  std::vector<Paused> paused_ ABSL_GUARDED_BY(mu_);
  absl::Duration last_end_ ABSL_GUARDED_BY(mu_);
  std::uint64_t reached_since_progress_ ABSL_GUARDED_BY(mu_) = 0;
  std::uint64_t failed_ ABSL_GUARDED_BY(mu_) = 0;
  LoadResult result_ ABSL_GUARDED_BY(mu_);
};

template <typename Counts>
std::uint64_t SumOf(const Counts& counts) {
  std::uint64_t sum = 0;
  for (const auto& [name, count] : counts) sum += count;
  return sum;
}

}  // namespace

double LoadResult::PerSecond() const {
  const double seconds = absl::ToDoubleSeconds(measured);
  return seconds > 0 ? static_cast<double>(reached_in_time) / seconds : 0;
}
std::uint64_t LoadResult::failed_count() const { return SumOf(counts.failed); }
std::uint64_t LoadResult::not_won_count() const { return SumOf(counts.not_won); }

std::string LoadKey(const std::string& prefix, std::uint64_t index) {
  return absl::StrCat(prefix, index);
}

LoadResult RunLoad(transport::AsyncClient& client, const LoadPlan& plan,
                   const std::function<void(const LoadProgress&)>& on_progress) {
  WORLDB_CHECK(plan.inflight > 0 && (plan.keys == LoadPlan::Keys::kFresh || plan.key_count > 0));
  return LoadRun(client, plan, on_progress).Run();
}

absl::Status FillKeys(transport::AsyncClient& client, const LoadPlan& plan,
                      const std::function<void(const LoadProgress&)>& on_progress) {
  LoadPlan fill = plan;
  fill.op = LoadPlan::Op::kSet;
  fill.keys = LoadPlan::Keys::kEach;
  fill.ops_max = plan.key_count;
  fill.warmup = absl::ZeroDuration();
  fill.measured = absl::InfiniteDuration();
  fill.wait = Level::kSafe;
  const std::size_t inflight_max =
      std::max<std::size_t>(1, kFillBytesMax / std::max<std::size_t>(1, plan.value_bytes));
  fill.inflight = std::min(plan.inflight, inflight_max);
  const LoadResult result = RunLoad(client, fill, on_progress);
  if (result.counts.reached == plan.key_count) return absl::OkStatus();
  if (!result.first_failure.ok()) return result.first_failure;
  return absl::AbortedError(
      absl::StrCat("only ", result.counts.reached, " of ", plan.key_count,
                   " keys could be set: somebody else writes to them; try another --prefix"));
}

}  // namespace worldb::tools
