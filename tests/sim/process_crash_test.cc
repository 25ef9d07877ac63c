// Goal: whenever the process dies that holds all nine nodes and their logs, or one node, or a data
//       center, what its clients were told stays true once it runs again, and every op comes to its end.
// Method: a bounded workload in virtual time, run again and again from one seed and cut short at every
//       point where a crash can leave something different on a disk or a client can have been told
//       something more; each disk keeps all, some or nothing of what was not synced. Then random
//       workloads with random crashes, in the middle of a recovery too. A Witness judges.
//
// The short form takes every n-th case. By hand:
//   WORLDB_SIM_CRASH_STRIDE=1           every case
//   WORLDB_SIM_SEEDS=FIRST-LAST         other seeds, of all tests here
//   WORLDB_SIM_CRASH=KIND:SEED:EVENT:KEPT  one case, as a failure prints it

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/support/sim_cell.h"
#include "tests/support/witness.h"

namespace worldb::testing {
namespace {

constexpr std::size_t kStagedBytes = 20'000;
constexpr std::array<Kept, 3> kAllKept = {Kept::kSynced, Kept::kSome, Kept::kAll};
constexpr absl::Duration kWorkloadEnd = absl::Milliseconds(2200);

enum class Victim { kProcess, kNode };

struct CrashCase {
  Victim victim = Victim::kProcess;
  std::uint64_t seed = 1;
  std::uint64_t event = 0;  // the crash comes before the event after this one
  int kept = 0;             // of kAllKept
};

std::string Name(const CrashCase& c) {
  return absl::StrCat(c.victim == Victim::kProcess ? "process" : "node", ":", c.seed, ":", c.event,
                      ":", c.kept);
}

// No disk was lost, so no payload may be either.
std::vector<std::string> Complaints(const Witness& witness) {
  std::vector<std::string> complaints = witness.complaints();
  if (witness.void_count() > 0) {
    complaints.push_back(absl::StrCat(witness.void_count(), " ops ended VOID"));
  }
  return complaints;
}

std::string Value(const std::string& name, std::size_t bytes) {
  std::string value = name + ":";
  value.resize(std::max(value.size(), bytes), 'x');
  return value;
}

SimCell::Options OptionsOf(std::uint64_t seed, CrashModel model) {
  SimCell::Options options;
  options.seed = seed;
  options.crash_model = model;
  return options;
}

// So many entries between two checkpoints that each log has some, and is trimmed, within a short run.
constexpr std::uint64_t kCheckpointEntries = 16;

// Three homes, a contested key and a staged value at each, and writes that build on a base. Some ops are
// sent twice, through different nodes.
class ShortRun {
 public:
  explicit ShortRun(std::uint64_t seed) : cell_(CellOptions(seed)), witness_(cell_, seed) {
    for (int dc = 0; dc < kDataCenterCount; ++dc) {
      const std::string contested = cell_.KeyAt(dc, "contested");
      // The next data center's node is the earlier one, this one's the nearer.
      At(450 + dc, 3 * dc + 3, contested, 40);
      At(452 + dc, 3 * dc + 1, contested, 400);
      At(700, 3 * dc + 7, cell_.KeyAt(dc, "staged"), kStagedBytes);
      At(1100, 3 * dc + 2, contested, 5000);
      SimCell::SetOptions absent;
      absent.base.kind = arbiter::Base::Kind::kAbsent;
      At(600, 3 * dc + 4, cell_.KeyAt(dc, "absent"), 16, absent);
      At(900, 3 * dc + 5, cell_.KeyAt(dc, "absent"), 16, absent);
    }
    cell_.world().At(absl::Milliseconds(620), [this] { witness_.Retry(0, 8); });
    cell_.world().At(absl::Milliseconds(1400), [this] { witness_.Retry(1, 0); });
  }

  // The event numbers before which a crash of the process leaves something new.
  std::vector<std::uint64_t> CrashPoints() {
    std::vector<std::uint64_t> points;
    std::uint64_t seen = 0;
    while (cell_.world().Elapsed() < kWorkloadEnd && cell_.world().RunOne()) {
      const std::uint64_t now = cell_.disk_step_count() + witness_.told_count();
      if (now != std::exchange(seen, now)) points.push_back(cell_.world().event_count());
    }
    return points;
  }
  // After a run without a crash.
  bool TrimmedEveryLog() {
    for (int dc = 0; dc < kDataCenterCount; ++dc) {
      const engine::HomeStatus home = cell_.Status(dc * kNodesPerDataCenter).home;
      const std::size_t rows = cell_.log_disk(dc).Rows(engine::RowFamily::kRows).size();
      if (home.checkpoint == LogIndex() || rows >= home.applied.value()) return false;
    }
    return true;
  }
  std::uint64_t EventCount() {
    cell_.world().RunFor(kWorkloadEnd);
    return cell_.world().event_count();
  }

  std::vector<std::string> Crash(const CrashCase& c) {
    std::mt19937_64 random(c.seed ^ c.event);
    cell_.world().RunToEvent(c.event, kWorkloadEnd);
    const Kept kept = kAllKept[c.kept];
    if (c.victim == Victim::kProcess) {
      cell_.CrashProcess(kept);
      cell_.world().RunFor(absl::Milliseconds(random() % 100));
    } else {
      // Long enough, now and then, for the triad to go on without it.
      cell_.CrashNode(static_cast<int>(c.event % kNodeCount), kept);
      cell_.world().RunFor(absl::Milliseconds(random() % 1500));
    }
    cell_.StartAllNodes();
    witness_.Probe();
    if (cell_.world().Elapsed() < kWorkloadEnd) {
      cell_.world().RunFor(kWorkloadEnd - cell_.world().Elapsed());
    }
    witness_.Judge();
    return Complaints(witness_);
  }

 private:
  static SimCell::Options CellOptions(std::uint64_t seed) {
    SimCell::Options options = OptionsOf(seed, CrashModel::kSuffix);
    options.node.checkpoints.entries = kCheckpointEntries;
    return options;
  }

  void At(int milliseconds, int node, std::string key, std::size_t bytes,
          SimCell::SetOptions options = {}) {
    const std::string value = Value(absl::StrCat(key, "/", milliseconds, "/", node), bytes);
    cell_.world().At(absl::Milliseconds(milliseconds),
                     [this, node = node % kNodeCount, key = std::move(key), value, options] {
                       witness_.Set(node, key, value, options);
                     });
  }

  SimCell cell_;
  Witness witness_;
};

// Random writes, and crashes of anything at random events, so that many hit a recovery. Every other seed
// has disks that keep no order among what was not synced.
class LongRun {
 public:
  explicit LongRun(std::uint64_t seed)
      : random_(seed),
        cell_(OptionsOf(seed, seed % 2 == 0 ? CrashModel::kSuffix : CrashModel::kSubset)),
        witness_(cell_, seed) {}

  std::vector<std::string> Play() {
    const int crashes = 4 + Draw(8);
    for (int i = 0; i < crashes; ++i) {
      // Now and then long enough for the next entry to ask for a checkpoint, and the log to be trimmed.
      if (Draw(4) == 0) cell_.world().RunFor(absl::Seconds(11));
      // From a few events to some seconds.
      std::uint64_t gap = 1 + random_() % (std::uint64_t{1} << (4 + Draw(11)));
      while (gap > 0) {
        const std::uint64_t step = std::min<std::uint64_t>(gap, 1 + random_() % 400);
        cell_.world().RunToEvent(cell_.world().event_count() + step, absl::Seconds(1));
        gap -= step;
        if (Draw(3) != 0) Write();
      }
      Crash();
      if (Draw(3) == 0) {
        cell_.StartAllNodes();
        witness_.Probe();
      }
    }
    cell_.StartAllNodes();
    witness_.Probe();
    for (int i = 0; i < 5; ++i) Write();
    witness_.Judge();
    return Complaints(witness_);
  }

 private:
  int Draw(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

  void Write() {
    const int node = Draw(kNodeCount);
    if (witness_.op_count() > 0 && Draw(6) == 0) {
      witness_.Retry(random_() % witness_.op_count(), node);
      return;
    }
    const std::string key = absl::StrCat("key-", Draw(8));
    SimCell::SetOptions options;
    if (Draw(5) == 0) options.base.kind = arbiter::Base::Kind::kAbsent;
    const std::size_t bytes = Draw(10) == 0 ? kStagedBytes + Draw(20'000) : Draw(600);
    witness_.Set(node, key, Value(absl::StrCat(key, "/", witness_.op_count()), bytes), options);
  }

  void Crash() {
    const Kept kept = kAllKept[Draw(3)];
    const int node = Draw(kNodeCount);
    const int what = Draw(10);
    if (what < 5) {
      cell_.CrashProcess(kept);
      cell_.world().RunFor(absl::Milliseconds(Draw(200)));
      cell_.StartAllNodes();
    } else if (what < 8) {
      if (cell_.running(node)) cell_.CrashNode(node, kept);
      if (Draw(2) == 0) cell_.StartNode(node);
    } else {
      cell_.CrashDataCenter(node / kNodesPerDataCenter, kept);
      if (Draw(2) == 0) cell_.StartDataCenter(node / kNodesPerDataCenter);
    }
  }

  std::mt19937_64 random_;
  SimCell cell_;
  Witness witness_;
};

struct Range {
  std::uint64_t first = 1;
  std::uint64_t last = 1;
};

Range SeedsOr(Range range) {
  if (const char* text = std::getenv("WORLDB_SIM_SEEDS")) {
    const std::vector<std::string> ends = absl::StrSplit(text, '-');
    EXPECT_TRUE(ends.size() == 2 && absl::SimpleAtoi(ends[0], &range.first) &&
                absl::SimpleAtoi(ends[1], &range.last))
        << "WORLDB_SIM_SEEDS=" << text << ": expected FIRST-LAST";
  }
  return range;
}

std::uint64_t StrideOr(std::uint64_t stride) {
  if (const char* text = std::getenv("WORLDB_SIM_CRASH_STRIDE")) {
    EXPECT_TRUE(absl::SimpleAtoi(text, &stride) && stride > 0)
        << "WORLDB_SIM_CRASH_STRIDE=" << text << ": expected a number above 0";
  }
  return stride;
}

bool Holds(const CrashCase& c) {
  const std::vector<std::string> complaints = ShortRun(c.seed).Crash(c);
  if (complaints.empty()) return true;
  ADD_FAILURE() << "WORLDB_SIM_CRASH=" << Name(c) << "\n" << absl::StrJoin(complaints, "\n");
  return false;
}

// One case of WORLDB_SIM_CRASH alone; false without it.
bool PlayedOneCase() {
  const char* text = std::getenv("WORLDB_SIM_CRASH");
  if (text == nullptr) return false;
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  CrashCase c;
  EXPECT_TRUE(parts.size() == 4 && (parts[0] == "process" || parts[0] == "node") &&
              absl::SimpleAtoi(parts[1], &c.seed) && absl::SimpleAtoi(parts[2], &c.event) &&
              absl::SimpleAtoi(parts[3], &c.kept) && c.kept >= 0 && c.kept < 3)
      << "WORLDB_SIM_CRASH=" << text << ": expected process:SEED:EVENT:KEPT or node:...";
  c.victim = parts[0] == "node" ? Victim::kNode : Victim::kProcess;
  if (!::testing::Test::HasFailure()) Holds(c);
  return true;
}

TEST(ProcessCrashTest, WhatWasToldHoldsWhereverTheProcessDies) {
  if (PlayedOneCase()) return;
  const Range seeds = SeedsOr({1, 1});
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    ShortRun whole(seed);
    const std::vector<std::uint64_t> points = whole.CrashPoints();
    ASSERT_GT(points.size(), 300u);
    ASSERT_TRUE(whole.TrimmedEveryLog());
    RecordProperty("crash_points", static_cast<int>(points.size()));
    // Prime to the number of ways a disk can keep its commits, so that all of them have their turn.
    const std::uint64_t stride = StrideOr(31);
    for (std::uint64_t i = 0; i < points.size() * kAllKept.size(); i += stride) {
      if (!Holds({Victim::kProcess, seed, points[i / kAllKept.size()],
                  static_cast<int>(i % kAllKept.size())})) {
        return;
      }
    }
  }
}

TEST(ProcessCrashTest, WhatWasToldHoldsWhenAnyNodeDies) {
  if (PlayedOneCase()) return;
  const Range seeds = SeedsOr({1, 1});
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    const std::uint64_t events = ShortRun(seed).EventCount();
    // The node follows from the event number: prime to nine.
    const std::uint64_t stride = StrideOr(211);
    for (std::uint64_t event = 1; event < events; event += stride) {
      if (!Holds({Victim::kNode, seed, event, static_cast<int>(event / stride % 3)})) return;
    }
  }
}

TEST(ProcessCrashTest, WhatWasToldHoldsThroughManyCrashes) {
  if (std::getenv("WORLDB_SIM_CRASH") != nullptr) return;
  const Range seeds = SeedsOr({1, 20});
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    const std::vector<std::string> complaints = LongRun(seed).Play();
    if (complaints.empty()) continue;
    ADD_FAILURE() << "WORLDB_SIM_SEEDS=" << seed << "-" << seed << "\n"
                  << absl::StrJoin(complaints, "\n");
    return;
  }
}

}  // namespace
}  // namespace worldb::testing
