// Who is in the minority where shares contradict each other.
//
// A version has one value, and a core belongs to one version. Where shares say otherwise, those that
// fewer nodes hold are wrong; where it is a tie, nobody can tell, and all are in doubt. Only shares that
// verify have a say, and copies of one node's share have one together.
// Threads: one owner; calls block on the disk.
#ifndef WORLDB_TOOLS_RECOVER_JUDGING_CLAIMS_H_
#define WORLDB_TOOLS_RECOVER_JUDGING_CLAIMS_H_

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "cryptoscatter/opener.h"
#include "tools/recover/judging/share_source.h"

namespace worldb::tools {

// Which nodes say what.
template <typename What>
class Tally {
 public:
  void Count(const What& what, NodeIndex node) { nodes_[what].Add(node); }
  int CountOf(const What& what) const {
    const auto at = nodes_.find(what);
    return at == nodes_.end() ? 0 : at->second.Count();
  }
  // What as many nodes, or more, say instead of `what`, if there is such a thing.
  std::optional<What> InsteadOf(const What& what) const {
    std::optional<What> best;
    for (const auto& [other, nodes] : nodes_) {
      if (other == what || nodes.Count() < CountOf(what)) continue;
      if (!best.has_value() || nodes.Count() > CountOf(*best)) best = other;
    }
    return best;
  }

 private:
  std::map<What, NodeSet> nodes_;
};

// The versions under which the cores of one key stand.
class VersionClaims {
 public:
  // `key_spots` are all of the key. Fetches the shares of those cores that stand under several versions.
  VersionClaims(const ShareSource& source, cryptoscatter::BatchVerifier& verifier,
                std::span<const Spot> key_spots);
  // The version that the core of this share more likely belongs to, if it stands under another one.
  std::optional<Version> InsteadOf(const CoreId& core, SlotEpoch slot_epoch, Version version) const;

 private:
  std::map<CoreId, Tally<std::pair<SlotEpoch, Version>>> contested_;
};

// Runs for the shares that claim one version when something is wrong with any of them.
using BadVersion =
    std::function<absl::Status(std::span<const Spot> shares, const VersionClaims& claims)>;

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_JUDGING_CLAIMS_H_
