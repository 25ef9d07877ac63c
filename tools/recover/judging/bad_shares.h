// What is wrong with the shares that claim one version, by class, and what of it can be shown to others.
//
// A wrong fragment or key share of a record that verifies shows itself. A wrong record is shown beside
// a good one of the value that was due: the one that can be read, or else the one that most nodes hold.
// Where that is a tie, nobody can tell which was due. What a node wrote around its share (the row, the
// encryption of the key share) and what nobody signs (slot, slot epoch, version) cannot be shown at all.
// Threads: one owner; calls block on the disk.
// Secrets: key shares, while they are judged; none is in what comes out.
// Source:  docs/share-format.md section 15.
#ifndef WORLDB_TOOLS_RECOVER_JUDGING_BAD_SHARES_H_
#define WORLDB_TOOLS_RECOVER_JUDGING_BAD_SHARES_H_

#include <span>
#include <string>
#include <vector>

#include "cryptoscatter/evidence.h"
#include "tools/recover/judging/claims.h"
#include "tools/recover/judging/share_source.h"

namespace worldb::tools {

// Classes of what is wrong with a share as it was stored, beside those of cryptoscatter::ShareFault.
inline constexpr char kBadRow[] = "bad-row";  // it does not decode, or lies in another's place
inline constexpr char kFragmentMissing[] = "fragment-missing";
inline constexpr char kKeyShareMissing[] = "key-share-missing";
inline constexpr char kKeyShareSealing[] = "key-share-sealing";  // not under its node's key
inline constexpr char kStagedPayload[] = "staged-payload";

struct BadShare {
  const Spot* spot;  // among those given
  std::vector<cryptoscatter::Evidence> evidence;
  // Classes of what else is wrong with it.
  std::vector<std::string> not_shown;
};

// `version` are all that claim one version, and perhaps staged payloads; `claims` is of their key.
// REQUIRES: the catalog is unlocked.
std::vector<BadShare> FindBadShares(const ShareSource& source, const VersionClaims& claims,
                                    cryptoscatter::BatchVerifier& verifier,
                                    std::span<const Spot> version);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_JUDGING_BAD_SHARES_H_
