// Answers reads at the sequencer: each waits for a READ mark that was appended after it came in, and a
// version below SAFE is waited for.
//
// One mark serves all reads that wait for one. A read repeated under the same id is the same read.
// Threads: its node's executor.
// Source:  docs/protocol.md 6; ARCHITECTURE.md invariant 20.
#ifndef WORLDB_ENGINE_READ_DESK_H_
#define WORLDB_ENGINE_READ_DESK_H_

#include <map>
#include <set>
#include <utility>
#include <variant>
#include <vector>

#include "engine/home.h"
#include "engine/node_context.h"

namespace worldb::engine {

class ReadDesk {
 public:
  static constexpr std::size_t kReadsMax = 100'000;

  ReadDesk(NodeContext& context, Home& home) : context_(context), home_(home) {}

  // False when it is known already, or too many wait.
  bool Take(NodeIndex from, const ReadQuery& query);
  bool Take(NodeIndex from, const TicketQuery& query);
  // Some read waits for a mark.
  bool wants_mark() const { return !unmarked_.empty(); }
  // The entry being built carries a mark for every read taken so far.
  void MarkTaken();
  // That entry was not written: its reads need another mark.
  void MarkLost();
  // That entry was applied.
  void MarkApplied();
  // The version's shares have spread far enough for its readers.
  void OnSafe(const arbiter::ClosedVersion& version);
  // Tells those whose patience ended; to be called every few tens of milliseconds.
  void Expire();
  // Whoever waits asks the next sequencer.
  void Clear();

 private:
  struct Read {
    NodeIndex from;
    std::variant<ReadQuery, TicketQuery> query;
    absl::Duration deadline;
    RequestId id() const;
  };
  bool Take(Read read);
  void AnswerMarked(const Read& read);
  void Answer(const Read& read, const arbiter::ClosedVersion& version);
  void Reply(const Read& read, ReadReply reply);

  NodeContext& context_;
  Home& home_;
  std::set<std::pair<NodeIndex, RequestId>> known_;
  std::vector<Read> unmarked_;
  std::vector<Read> marked_;
  std::multimap<arbiter::RoundId, Read> waiting_for_safe_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_READ_DESK_H_
