// A node's network, store and accept log with what they cost in virtual time, and with the faults of one
// replica's road to its log.
//
// The costs are rough, and meant to be: they make a task that handles thousands of things at once stand
// out, not the length of one that handles a few. Measured on two cores of 2024, a Set takes about 1 ms
// of processor time over some sixty tasks.
// Threads: none; all calls from the world's thread.
#ifndef WORLDB_TESTS_SUPPORT_CHARGED_PORTS_H_
#define WORLDB_TESTS_SUPPORT_CHARGED_PORTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "arbiter/accept_log.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "engine/ports/executor.h"
#include "engine/ports/peer_network.h"
#include "engine/ports/store.h"
#include "tests/support/sim_executor.h"

namespace worldb::testing {

inline constexpr absl::Duration kTaskCost = absl::Microseconds(3);
inline constexpr absl::Duration kMessageCost = absl::Microseconds(3);
inline constexpr absl::Duration kRowCost = absl::Microseconds(2);
// Of entries written and applied: an op's records have some 200 bytes.
inline constexpr absl::Duration kLogByteCost = absl::Nanoseconds(50);

class ChargedNetwork final : public engine::PeerNetwork {
 public:
  // `world` outlives it.
  ChargedNetwork(SimWorld& world, std::unique_ptr<engine::PeerNetwork> network)
      : world_(world), network_(std::move(network)) {}

  void Send(NodeIndex to, engine::PeerMessage message) override {
    world_.Charge(kMessageCost);
    network_->Send(to, std::move(message));
  }
  void SetHandler(std::function<void(NodeIndex, engine::PeerMessage)> handler) override {
    network_->SetHandler(
        [this, handler = std::move(handler)](NodeIndex from, engine::PeerMessage message) {
          world_.Charge(kMessageCost);
          handler(from, std::move(message));
        });
  }

 private:
  SimWorld& world_;
  const std::unique_ptr<engine::PeerNetwork> network_;
};

class ChargedStore final : public engine::Store {
 public:
  // `world` outlives it.
  ChargedStore(SimWorld& world, std::unique_ptr<engine::Store> store)
      : world_(world), store_(std::move(store)) {}

  void Commit(std::vector<engine::StoreWrite> writes, bool sync,
              std::function<void(absl::Status)> done) override {
    world_.Charge(CostOf(writes.size()));
    store_->Commit(std::move(writes), sync, std::move(done));
  }
  void GetMany(engine::RowFamily family, std::vector<std::string> keys,
               std::function<void(std::vector<absl::StatusOr<Bytes>>)> done) override {
    world_.Charge(CostOf(keys.size()));
    store_->GetMany(family, std::move(keys), [this, done = std::move(done)](auto values) {
      world_.Charge(CostOf(values.size()));
      done(std::move(values));
    });
  }
  void Scan(engine::RowFamily family, std::string begin, std::string end, std::size_t count_max,
            std::function<void(absl::StatusOr<std::vector<engine::StoreRow>>)> done) override {
    store_->Scan(family, std::move(begin), std::move(end), count_max,
                 [this, done = std::move(done)](auto rows) {
                   if (rows.ok()) world_.Charge(CostOf(rows->size()));
                   done(std::move(rows));
                 });
  }

 private:
  static absl::Duration CostOf(std::size_t rows) { return static_cast<double>(rows) * kRowCost; }

  SimWorld& world_;
  const std::unique_ptr<engine::Store> store_;
};

class ChargedLog final : public arbiter::AcceptLog {
 public:
  struct Faults {
    // A page has at most so many entries, and is on its way for so long.
    std::optional<std::size_t> page_entries;
    absl::Duration page_delay;
    // Entries from this one on come as bytes that are none.
    std::optional<LogIndex> damaged_from;
  };

  // `world` and `executor`, which `log` answers on, outlive it.
  ChargedLog(SimWorld& world, engine::Executor& executor, std::unique_ptr<arbiter::AcceptLog> log,
             const Faults& faults)
      : world_(world), executor_(executor), log_(std::move(log)), faults_(faults) {}

  void Append(LogEpoch epoch, LogIndex prev_index, SharedBytes entry,
              std::function<void(arbiter::AppendResult)> done) override {
    world_.Charge(CostOf(*entry));
    log_->Append(epoch, prev_index, std::move(entry), std::move(done));
  }
  void Read(LogIndex from, std::size_t count_max,
            std::function<void(absl::StatusOr<std::vector<arbiter::IndexedEntry>>)> done) override {
    const std::size_t count = std::min(count_max, faults_.page_entries.value_or(count_max));
    log_->Read(from, count, [this, done = std::move(done)](auto page) {
      if (faults_.page_delay == absl::ZeroDuration()) return done(Arrived(std::move(page)));
      executor_.PostAfter(faults_.page_delay, [this, done, page = std::move(page)]() mutable {
        done(Arrived(std::move(page)));
      });
    });
  }
  void Fence(LogEpoch epoch, std::function<void(absl::StatusOr<FenceResult>)> done) override {
    log_->Fence(epoch, std::move(done));
  }
  void Tail(std::function<void(absl::StatusOr<FenceResult>)> done) override {
    log_->Tail(std::move(done));
  }
  void Trim(LogIndex floor, std::function<void(absl::Status)> done) override {
    log_->Trim(floor, std::move(done));
  }
  void SetWake(std::function<void()> wake) override { log_->SetWake(std::move(wake)); }

 private:
  static absl::Duration CostOf(const Bytes& entry) {
    return static_cast<double>(entry.size()) * kLogByteCost;
  }
  absl::StatusOr<std::vector<arbiter::IndexedEntry>> Arrived(
      absl::StatusOr<std::vector<arbiter::IndexedEntry>> page) {
    if (!page.ok()) return page;
    for (arbiter::IndexedEntry& entry : *page) {
      world_.Charge(CostOf(*entry.bytes));
      if (faults_.damaged_from.has_value() && entry.index >= *faults_.damaged_from) {
        entry.bytes = std::make_shared<const Bytes>(1, std::uint8_t{0xff});
      }
    }
    return page;
  }

  SimWorld& world_;
  engine::Executor& executor_;
  const std::unique_ptr<arbiter::AcceptLog> log_;
  const Faults faults_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_CHARGED_PORTS_H_
