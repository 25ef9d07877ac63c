// Checks every share against what its writer signed: by itself, then beside the others of its version.
//
// Nothing is combined or opened, so this needs no keys; where keys are given, key shares are checked, too.
// Errors:  a callback's own; Cancelled once WasStopped() (tools/stop_signals.h).
// Threads: one owner; calls may block on the disk.
#ifndef WORLDB_TOOLS_RECOVER_JUDGING_SHARE_CHECK_H_
#define WORLDB_TOOLS_RECOVER_JUDGING_SHARE_CHECK_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "cryptoscatter/opener.h"
#include "tools/recover/judging/claims.h"
#include "tools/recover/judging/share_source.h"

namespace worldb::tools {

class ShareCheck {
 public:
  struct Counts {
    std::uint64_t shares = 0;
    std::uint64_t staged = 0;
    std::uint64_t key_shares = 0;  // that were good
    std::uint64_t bad = 0;         // that were reported
    std::uint64_t done = 0;        // spots
  };
  struct Callbacks {
    std::function<void(const Spot& spot, const std::string& why)> bad;
    std::function<void(const Counts& so_far)> progress;
    BadVersion bad_version;
  };

  // `source` must outlive it.
  ShareCheck(const ShareSource& source, Callbacks callbacks);

  absl::Status Run();
  const Counts& counts() const { return counts_; }

 private:
  // All shares that claim one version.
  absl::Status CheckVersion(std::span<const Spot> spots, const VersionClaims& claims);
  // Judges one by itself; of a good share, says whose it is.
  std::optional<CommitmentId> Check(const Spot& spot);
  std::optional<CommitmentId> CheckShare(const Spot& spot);
  void CheckStaged(const Spot& spot);
  void Report(const Spot& spot, const std::string& why);

  const ShareSource& source_;
  const Callbacks callbacks_;
  cryptoscatter::BatchVerifier verifier_;
  Counts counts_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_JUDGING_SHARE_CHECK_H_
