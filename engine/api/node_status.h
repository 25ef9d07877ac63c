// What a node says of itself.
#ifndef WORLDB_ENGINE_API_NODE_STATUS_H_
#define WORLDB_ENGINE_API_NODE_STATUS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"

namespace worldb::engine {

struct HomeStatus {
  // This node applies the log of its data center, and hears enough of its triad for it to grow.
  bool serving = false;
  std::string halted;  // why it stopped applying for good; empty while it has not
  bool sequencer = false;
  LogEpoch log_epoch;
  LogIndex applied;
  LogIndex checkpoint;  // the last entry whose state this node has on disk; 0 for none
  absl::Duration window;
  std::uint64_t open_rounds = 0;
  std::uint64_t ops = 0;
  std::uint64_t unsettled = 0;   // won versions that were never FULL
  std::uint64_t incomplete = 0;  // were FULL, and have lost a share since
  std::uint64_t late_first = 0;
  std::vector<DataCenterIndex> out;  // data centers the log marks as gone for now
};
// Since this process started.
struct RepairStatus {
  std::uint64_t bad_shares_found = 0;    // of this node's own: damaged or missing, in whole or part
  std::uint64_t shares_repaired = 0;     // rows written back, with what the next two count
  std::uint64_t fragments_repaired = 0;  // rebuilt from other nodes' fragments
  std::uint64_t key_shares_repaired = 0;  // rebuilt from other nodes' contributions
  std::uint64_t fragment_bytes_lan = 0;   // fetched for it within the data center
  std::uint64_t fragment_bytes_wan = 0;   // and from other ones
  std::uint64_t waiting = 0;              // repairs that are not done
  std::uint64_t given_up = 0;
  std::uint64_t missing = 0;         // shares that homes counted and this node did not hold
  std::uint64_t lacking = 0;         // of those, and of others, what is being made anew now
  std::uint64_t core_conflicts = 0;  // two values under one version: call an auditor

  friend bool operator==(const RepairStatus&, const RepairStatus&) = default;
};
struct NodeStatus {
  NodeIndex node;
  std::string name;
  std::string data_center;
  CellId cell;
  absl::Duration clock_bound;
  bool may_stamp = false;
  NodeSet reachable;                // nodes heard from lately, itself included
  std::uint64_t shares_stored = 0;  // by this process since its start
  std::uint64_t pending_ops = 0;    // ops this node took in and whose end it has not heard
  std::string store_error;          // why the last share could not be stored; empty if it was
  std::uint64_t staged_bytes = 0;   // of sealed payloads kept for values that are not FULL
  RepairStatus repair;
  HomeStatus home;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_API_NODE_STATUS_H_
