// Takes a sibling's checkpoint, page by page, until one is here whole and durable.
//
// Each attempt asks one sibling and begins with an empty store; the header is written last, so that what
// an attempt leaves behind is never taken for a checkpoint. Silence, a refusal, a page of another
// checkpoint or rows that do not fit end an attempt, and the next one asks the other sibling.
// Bounds:  one question at a time; a page has at most kRowsPerPage rows, and they go on behind the page
//          before.
// Threads: its node's executor.
// Source:  docs/protocol.md 4; docs/checkpoint-format.md.
#ifndef WORLDB_ENGINE_HOME_CHECKPOINT_FETCH_H_
#define WORLDB_ENGINE_HOME_CHECKPOINT_FETCH_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "arbiter/home_state.h"
#include "cryptoscatter/base/bytes.h"
#include "engine/context/node_self.h"
#include "engine/context/term.h"
#include "engine/home/checkpoint_store.h"
#include "engine/messages/asked.h"
#include "engine/messages/triad_messages.h"

namespace worldb::engine {

class CheckpointFetch {
 public:
  static constexpr absl::Duration kAnswerPatience = absl::Seconds(2);

  using Restored = std::function<void(std::unique_ptr<arbiter::HomeState>)>;

  // All of them outlive this object.
  CheckpointFetch(NodeSelf& self, CheckpointStore& store, arbiter::ContestRule rule)
      : self_(self), store_(store), rule_(rule), asked_(self.request_ids(), 1) {}

  // REQUIRES: none is under way.
  void Start(Restored done);
  void TakePage(NodeIndex from, CheckpointGetReply& reply);

 private:
  // What one attempt has so far.
  struct Attempt {
    LogIndex index;     // that all its pages must be of; 0 before the first
    std::string after;  // the last key received
    std::unique_ptr<arbiter::HomeState> state;
    SharedBytes header;
  };
  struct Page {};  // the one behind attempt_.after

  void Begin();
  void BeginAgain();
  void BeginAgainLater();
  void Ask();
  bool Fits(const CheckpointGetReply& reply) const;
  void StoreRows(std::vector<StoreWrite> rows, bool last);
  void Finish();
  void StoreHeader();

  NodeSelf& self_;
  CheckpointStore& store_;
  const arbiter::ContestRule rule_;
  Restored done_;
  int sibling_ = 0;  // of the two; the one to ask
  Attempt attempt_;
  Asked<Page> asked_;
  Term answer_;  // one for each question: the patience for it ends with a good page
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_CHECKPOINT_FETCH_H_
