// Repair of one node's key share out of other nodes' key shares, none of which is shown to anybody.
//
// Each row of the target in the key matrix is a weighted sum of the rows of its *helpers*, so each
// row of its key share is the same sum of theirs. A helper's *contribution* has as many rows as the
// target's key share: its own rows, weighted and added up for that row, XOR one mask for each other
// helper. Both ends of a pair derive the same mask, so in the sum of all contributions the masks
// cancel, and in no smaller sum. The target learns its own key share and nothing else; masks hang on
// commitment, generation, target, helper set and row, so contributions to different repairs do not
// mix: the commitment names all nine key shares, and one mask never hides two of them.
// Errors:  FailedPrecondition for a helper set that does not give the target's rows; InvalidArgument
//          for shares, contributions or indices that do not fit it; OpenFailure() for a sealed
//          contribution.
// Threads: pure functions.
// Secrets: key shares, masks, contributions, pairwise keys. Constant time in all of them; only the
//          public matrix and sets are branched on.
// Source:  docs/share-format.md section 14.
#ifndef WORLDB_CRYPTOSCATTER_KEY_REPAIR_H_
#define WORLDB_CRYPTOSCATTER_KEY_REPAIR_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/exchange.h"
#include "cryptoscatter/key_share_box.h"
#include "cryptoscatter/key_sharing.h"

namespace worldb::cryptoscatter {

// Every helper set for `target` within `present`: sets that give all its rows and of which no member
// is superfluous. Fewest helpers first, then fewest outside the target's data center, then by bits.
// Empty when there is none. For a target without rows, the empty set and no other.
std::vector<NodeSet> KeyHelperSets(const KeySharing& sharing, NodeIndex target, NodeSet present);

// Which key share is repaired, and by whom.
struct KeyRepair {
  CommitmentId commitment;  // of the share: fixes the script and all nine key shares
  std::uint32_t generation = 0;
  NodeIndex target;
  NodeSet helpers;
};

// The key two helpers draw their mask from: the same for both, the one of lower index standing as
// sealer.
absl::StatusOr<PairwiseKey> MaskKeyOf(const ExchangeKeyPair& own, NodeIndex own_index,
                                      const ExchangePublicKey& peer, NodeIndex peer_index);
using MaskKeys = std::array<const PairwiseKey*, kNodeCount>;

// What `helper` gives towards the repair. `share` was checked against its signed hash, `mask_keys`
// has a key for each other helper.
absl::StatusOr<KeyShare> MakeContribution(const KeySharing& sharing, const KeyRepair& repair,
                                          NodeIndex helper, const KeyShare& share,
                                          const MaskKeys& mask_keys);

// A contribution under the pairwise key of helper (sealer) and target (opener).
struct SealedContribution {
  std::array<std::uint8_t, KeyShareBox::kNonceBytes> nonce{};
  KeyShareBox box;
  friend bool operator==(const SealedContribution&, const SealedContribution&) = default;
};
SealedContribution SealContribution(const PairwiseKey& pairwise, const KeyRepair& repair,
                                    NodeIndex helper, const KeyShare& contribution,
                                    Entropy& entropy);
absl::StatusOr<KeyShare> OpenContribution(const PairwiseKey& pairwise, const KeyRepair& repair,
                                          NodeIndex helper, const SealedContribution& sealed);

// The target's key share, from one contribution of each helper. A helper that lies spoils it: the
// caller compares the result with the signed hash before it uses it.
absl::StatusOr<KeyShare> JoinContributions(const KeySharing& sharing, const KeyRepair& repair,
                                           std::span<const IndexedKeyShare> contributions);

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_KEY_REPAIR_H_
