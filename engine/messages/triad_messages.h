// What the three nodes of a data center say to each other to keep its home.
#ifndef WORLDB_ENGINE_MESSAGES_TRIAD_MESSAGES_H_
#define WORLDB_ENGINE_MESSAGES_TRIAD_MESSAGES_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "arbiter/checkpoint.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "engine/messages/payload.h"

namespace worldb::engine {

struct StagePut {
  RequestId id = 0;
  std::vector<PayloadPtr> payloads;
};
struct StagePutReply {
  RequestId id = 0;
  absl::Status status;  // OK: synced
};

// To the sequencer, after each checkpoint and now and then.
struct CheckpointSynced {
  LogIndex index;  // the newest this node would start from
};
// A node behind the log's floor takes a sibling's state, page by page in key order.
struct CheckpointGet {
  RequestId id = 0;
  std::string after;  // the last key received; empty at first
};
struct CheckpointGetReply {
  RequestId id = 0;
  absl::Status status;
  LogIndex index;  // a page of another checkpoint means: begin again
  std::vector<arbiter::CheckpointRow> rows;
  bool last = false;
};

// A triad node that leads without having the payload asks its siblings.
struct StageGet {
  RequestId id = 0;
  CommitmentId commitment;
};
struct StageGetReply {
  RequestId id = 0;
  absl::Status status;
  PayloadPtr payload;
};

// Names of keys, for a node that was down when it should have learnt them.
struct NamesGet {
  RequestId id = 0;
  std::vector<KeyTag> key_tags;
};
struct NamesGetReply {
  RequestId id = 0;
  std::vector<Bytes> names;  // those known here
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_MESSAGES_TRIAD_MESSAGES_H_
