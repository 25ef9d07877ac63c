// Every hash and key-derivation label of cryptoscatter, in one place: two uses can never share one.
//
// Changing what is hashed under a label means a new label with the next version digit.
// Source:  docs/share-format.md section 2.
#ifndef WORLDB_CRYPTOSCATTER_LABELS_H_
#define WORLDB_CRYPTOSCATTER_LABELS_H_

#include "cryptoscatter/base/hash.h"

namespace worldb::cryptoscatter::labels {

// Identities of records.
inline constexpr HashLabel kScriptId{"wdb script 1"};
inline constexpr HashLabel kCoreId{"wdb core 1"};
inline constexpr HashLabel kCommitmentId{"wdb commit 1"};
inline constexpr HashLabel kNodeId{"wdb node id 1"};
inline constexpr HashLabel kReaderId{"wdb reader id 1"};
inline constexpr HashLabel kKeyTag{"wdb key tag 1"};

// Trees.
inline constexpr HashLabel kFragmentLeaf{"wdb frag leaf 1"};
inline constexpr HashLabel kFragmentNode{"wdb frag node 1"};
inline constexpr HashLabel kFragmentRoot{"wdb frag root 1"};
inline constexpr HashLabel kKeyShareHash{"wdb key share 1"};
inline constexpr HashLabel kShareLeaf{"wdb shareleaf 1"};
inline constexpr HashLabel kShareDataCenter{"wdb share dc 1"};
inline constexpr HashLabel kShareRoot{"wdb shareroot 1"};
inline constexpr HashLabel kCommitBatchNode{"wdb cbatch nd 1"};
inline constexpr HashLabel kCommitBatchSigned{"wdb cbatch sg 1"};
inline constexpr HashLabel kReceiptLeaf{"wdb rcpt leaf 1"};
inline constexpr HashLabel kReceiptBatchNode{"wdb rbatch nd 1"};
inline constexpr HashLabel kReceiptBatchSigned{"wdb rbatch sg 1"};
inline constexpr HashLabel kDeliveredKeyShare{"wdb delivered 1"};
inline constexpr HashLabel kRefusalLeaf{"wdb rfsl leaf 1"};
inline constexpr HashLabel kRefusalBatchNode{"wdb fbatch nd 1"};
inline constexpr HashLabel kRefusalBatchSigned{"wdb fbatch sg 1"};

// Keys.
inline constexpr HashLabel kDataKey{"wdb data key 1"};
inline constexpr HashLabel kStreamKeys{"wdb stream 1"};
inline constexpr HashLabel kKeyCommit{"wdb keycommit 1"};
inline constexpr HashLabel kPairwiseKey{"wdb pairwise 1"};
inline constexpr HashLabel kShareSealKey{"wdb sealshare 1"};
inline constexpr HashLabel kAtRestKey{"wdb at rest 1"};
inline constexpr HashLabel kRepairMask{"wdb repairmask 1"};
inline constexpr HashLabel kRepairSealKey{"wdb sealrepair 1"};

// Files.
inline constexpr HashLabel kShareFile{"wdb sharefile 1"};
inline constexpr HashLabel kKeyExport{"wdb key export 1"};
inline constexpr HashLabel kRecoveryKeyCheck{"wdb rkey check 1"};

}  // namespace worldb::cryptoscatter::labels

#endif  // WORLDB_CRYPTOSCATTER_LABELS_H_
