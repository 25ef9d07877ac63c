// What a compiled script means for its users: what it costs, who reads, what may be lost.
//
// Sets are listed in the order of SetsBySize(). Pure; every figure is exact over the 512 sets.
// Threads: plain values and pure functions.
// Source:  docs/scripts.md.
#ifndef WORLDB_CRYPTOSCATTER_SCRIPT_REPORT_H_
#define WORLDB_CRYPTOSCATTER_SCRIPT_REPORT_H_

#include <array>
#include <vector>

#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/script.h"

namespace worldb::cryptoscatter {

struct ScriptReport {
  // Bytes of all nine fragments for a byte of ciphertext.
  double storage_factor = 0;
  // Of the 512 sets: whose key shares give the key; whose fragments give the ciphertext.
  int reading_sets = 0;
  int rebuilding_sets = 0;
  // The largest losses after which whoever is left reads and rebuilds.
  int nodes_survived = 0;                     // any so many nodes
  std::vector<DataCenterIndex> dcs_survived;  // each of these data centers
  int nodes_survived_beside_dc = -1;          // any data center and any so many nodes; -1: not even
  int nodes_survived_in_each_beside = -1;     // any one and so many nodes in each other one; -1 too
  std::vector<NodeSet> smallest_reading;      // the smallest sets that read
  std::vector<NodeSet> smallest_blocking;     // the smallest sets without which nobody reads
  std::vector<NodeSet> largest_blind;         // the largest sets that cannot read
  std::array<int, kNodeCount> key_rows{};     // of each node's key share
  int key_share_bytes = 0;                    // of all stored key shares of one value
  NodeSet irreplaceable;  // nodes whose key share, if lost, all others could not make again
};

ScriptReport ReportOn(const Script& script);

// The probability that a value cannot be read any more, when each node is lost with the first and
// each data center with the second probability, all independently. REQUIRES: both in [0, 1].
double LossProbability(const Script& script, double node_failure, double site_failure);

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_SCRIPT_REPORT_H_
