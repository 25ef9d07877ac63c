// Recovers values from a source, one key after the other, and says what became of each.
//
// Of each key the newest version that can be read, or all of them. A version's shares count only with
// others that carry the same writer-signed commitment and claim the same slot epoch and version.
// Errors:  a sink's or other callback's own; Cancelled once WasStopped() (tools/stop_signals.h).
// Threads: one owner; calls block on the disk.
// Secrets: the values, while they are handed on.
#ifndef WORLDB_TOOLS_RECOVER_JUDGING_RECOVERY_H_
#define WORLDB_TOOLS_RECOVER_JUDGING_RECOVERY_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cryptoscatter/base/secret.h"
#include "cryptoscatter/records.h"
#include "engine/offline/offline_reader.h"
#include "tools/recover/judging/claims.h"
#include "tools/recover/judging/share_source.h"
#include "tools/recover/judging/version_reading.h"
#include "tools/recover/judging/version_report.h"

namespace worldb::tools {

struct RecoveryOptions {
  bool all_versions = false;
  bool staged = false;  // also what was staged and never scattered
  std::optional<Bytes> only_key;
};

// The key's tags in all cells of the catalog; nullopt where a cell directory is not among the sources.
std::optional<std::set<KeyTag>> TagsOf(const ShareSource& source, ByteSpan key);

class Recovery {
 public:
  // Versions that were passed over because nobody knows of which key they are: they do not open.
  struct Unknown {
    std::uint64_t versions = 0;
    bool damaged = false;  // a share of one of them is bad
  };

  // What to do with a version that was read, or could not be. The value is that of a readable version
  // that is no tombstone. An error ends the recovery.
  using Sink = std::function<absl::Status(VersionReport report, SecretBytes value)>;
  // True when an earlier run dealt with this version, out of the same, and it was readable.
  using Done =
      std::function<absl::StatusOr<bool>(const engine::VersionRef& name, const Hash256& digest)>;

  // `source` must outlive it and be unlocked.
  Recovery(const ShareSource& source, RecoveryOptions options);
  absl::Status Run(const Done& done, const Sink& sink, const BadVersion& bad = {});
  // Of the last run with only_key.
  const Unknown& unknown() const { return unknown_; }

 private:
  using Spots = std::span<const Spot>;
  // What all versions of one key have in common.
  struct Key {
    Spots scattered;  // all but staged payloads
    Spots staged;
    const VersionClaims& claims;
    Hash256 digest;
  };

  absl::Status RunKey(Spots spots, const Done& done, const Sink& sink);
  absl::Status RunScattered(const Key& key, const Done& done, const Sink& sink);
  // What was staged and never scattered.
  absl::Status RunStaged(const Key& key, const Done& done, const Sink& sink);
  // Reports all values that stand under one version; true when one of them was readable.
  absl::StatusOr<bool> RunVersion(Spots spots, Spots staged, const VersionClaims& claims,
                                  const Hash256& digest, const Sink& sink);
  // What became of one of them; its value if it opens.
  SecretBytes OpenInto(const Candidate& candidate, VersionReport& report) const;
  // What is wrong with the name that was sealed with a value, or nothing.
  std::string WrongNameOf(const VersionReport& report, ByteSpan key_name) const;
  Hash256 DigestOf(Spots key_spots) const;
  // Notes what cannot be told.
  bool IsWanted(const VersionReport& report);

  const ShareSource& source_;
  const RecoveryOptions options_;
  // Of only_key, where the cell directories of all cells give it.
  std::optional<std::set<KeyTag>> only_tags_;
  Unknown unknown_;
  bool other_key_ = false;  // the key that is being dealt with has another name than only_key
  BadVersion bad_version_;
  cryptoscatter::BatchVerifier verifier_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_JUDGING_RECOVERY_H_
