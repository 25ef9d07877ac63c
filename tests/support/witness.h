// Clients that remember all they were told, and hold the cell to it.
//
// A Witness knows what a client can know: what it sent, what it was told, what it read. It judges by
// asking the cell again, and knows nothing of how the cell works inside. What it holds the cell to:
//   - a final outcome never changes; WON below SAFE may only become VOID or PERISHED;
//   - a level is never taken back, and what was told SAFE is read back byte for byte;
//   - every op ends in one final outcome, whether its ticket or a retry under its op id asks for it, and
//     makes at most one version;
//   - versions are dense; LATEST never goes back; a version read once never reads differently.
// Threads: none; all calls from the world's thread.
#ifndef WORLDB_TESTS_SUPPORT_WITNESS_H_
#define WORLDB_TESTS_SUPPORT_WITNESS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/support/seeded_entropy.h"
#include "tests/support/sim_cell.h"

namespace worldb::testing {

class Witness {
 public:
  // `cell` outlives the witness.
  Witness(SimCell& cell, std::uint64_t seed);

  // A Set under a new op id through `node`, or the next one that runs; with none running it stays
  // unsent until it is retried.
  void Set(int node, std::string key, std::string value, SimCell::SetOptions options = {});
  // Sends an op again: same id, one attempt more. Null while no node runs.
  std::shared_ptr<SetRecord> Retry(std::size_t op, int node,
                                   absl::Duration timeout = absl::Seconds(10));
  std::size_t op_count() const { return ops_.size(); }
  // Events told to all clients so far.
  std::uint64_t told_count() const;
  // Every op sent so far has been told its end, or that its call failed.
  bool AllAnswered() const;

  // Reads LATEST of every key that was told SAFE or read before. It may fail while the cell is not
  // well, but not be wrong.
  void Probe();
  // Writes once more through every node, brings every op to its end, then asks for everything again.
  // REQUIRES: all nodes run and nothing is broken any more.
  void Judge();
  // Wins that ended VOID. None may, unless a disk was lost.
  int void_count() const { return void_count_; }
  // What turned out untrue so far, each in one line.
  const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  struct Op {
    std::string key;
    std::string value;
    SimCell::SetOptions options;  // with its op id
    std::vector<std::shared_ptr<SetRecord>> tries;
  };
  using Winners = std::map<std::string, std::map<std::uint64_t, arbiter::OutcomeKind>>;

  int RunningNode(int from) const;
  int AnyNode();
  void Complain(std::string text);
  void SetThroughAll();
  void AwaitAnswers(const std::vector<std::shared_ptr<SetRecord>>& tries);
  void EndAll();
  void AwaitRest();
  void JudgeOp(std::size_t index, Winners& winners);
  void JudgeTold(const Op& op, const engine::TicketStatus& now);
  void JudgeKey(const std::string& key,
                const std::map<std::uint64_t, arbiter::OutcomeKind>& versions);
  // Compares what was read with the op that made it and with what was read before.
  void JudgeRead(const std::string& key, const engine::GetReply& reply);

  SimCell& cell_;
  std::mt19937_64 random_;
  SeededEntropy entropy_;
  std::vector<Op> ops_;
  std::map<std::string, std::uint64_t> newest_read_;                        // LATEST, by key
  std::map<std::string, std::map<std::uint64_t, std::string>> version_op_;  // op id by version read
  int void_count_ = 0;
  std::vector<std::string> complaints_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_WITNESS_H_
