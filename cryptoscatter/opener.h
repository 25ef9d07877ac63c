// From shares back to the value: gather, judge each share, and open.
//
// Errors:  FailedPrecondition when the good shares do not make a reading set, listing the rejected
//          ones; OpenFailure() (DataLoss) when verified shares do not open, whichever check failed.
// Threads: OpenValue is a pure function; a GatherDecoder has one owner.
// Secrets: key shares, data key and value. Nothing is released before it all verified.
// Source:  docs/share-format.md section 12.
#ifndef WORLDB_CRYPTOSCATTER_OPENER_H_
#define WORLDB_CRYPTOSCATTER_OPENER_H_

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/base/secret.h"
#include "cryptoscatter/evidence.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/share.h"

namespace worldb::cryptoscatter {

struct OpenedValue {
  Bytes key_name;
  SecretBytes value;
  ValueKind kind = ValueKind::kValue;  // of a tombstone, the value is empty
};

// REQUIRES of the caller: fragments of `present` and key shares were verified. The key commitment
// is checked before anything is decrypted. A name other than `expected_key_name` is a failure to
// open.
absl::StatusOr<OpenedValue> OpenValue(const Script& script, const Core& core, NodeSet present,
                                      const FragmentSpans& fragments,
                                      std::span<const IndexedKeyShare> key_shares,
                                      std::optional<ByteSpan> expected_key_name = std::nullopt);

// Takes shares one by one, in any order and from anyone, and opens as soon as enough are good.
// Only shares of one core, one tree and one writer are ever put together.
//
// It keeps the metadata of every share it is given, and the bytes of bad fragments, for Blames().
class GatherDecoder {
 public:
  // What the caller knows of the version it wants; shares that say otherwise are rejected.
  struct Expectation {
    CellId cell;
    std::optional<CoreId> core;
    std::optional<Version> version;
    std::optional<Slot> slot = std::nullopt;
    std::optional<SlotEpoch> slot_epoch = std::nullopt;
    // Never null.
    std::shared_ptr<const ScriptBook> scripts = ScriptBook::Shipped();
  };
  // Somebody's share that is wrong in whole or in part.
  struct Blame {
    std::string source;
    NodeIndex index;  // as whose share it was offered
    // The class of what is wrong with each part; at least one is not kNone.
    ShareFault record = ShareFault::kNone;
    ShareFault fragment = ShareFault::kNone;
    ShareFault key_share = ShareFault::kNone;
    // For a record once a good one is known; for a fragment and for a key share one each. None of a
    // place: that is the receipt's to show (EvidenceOfPlace).
    std::vector<Evidence> evidence;
  };
  // `verifier` must outlive the decoder.
  GatherDecoder(Expectation expectation, BatchVerifier& verifier);

  // Judges a share and keeps what is good of it: a bad fragment does not spoil a good key share,
  // nor the other way round. `source` names the node in reasons. An empty fragment with
  // `has_fragment` false brings a key share alone. `offered_as`: whose share it should be; another
  // node's is named, but used.
  ShareVerdict Add(Share share, std::optional<KeyShare> key_share, absl::string_view source,
                   bool has_fragment = true, std::optional<NodeIndex> offered_as = std::nullopt);
  // The same for metadata not yet decoded; those that do not decode are kept for Blames().
  ShareVerdict AddEncoded(ByteSpan metadata, Bytes fragment, std::optional<KeyShare> key_share,
                          absl::string_view source, NodeIndex offered_as);

  // Good fragments can rebuild and good key shares can read, for one core.
  bool IsReadable() const;
  // The sets gathered for the core that is furthest on; for choosing whom to ask next.
  NodeSet good_fragments() const;
  NodeSet good_key_shares() const;
  // One reason for each share rejected in whole or in part, in order of arrival.
  const std::vector<std::string>& rejected() const { return rejected_; }
  // Everybody to blame, in order of arrival: whatever was rejected, and what is good in itself but
  // not of the value that is open to reading. While no value is, or two are, only the former.
  std::vector<Blame> Blames() const;

  // FailedPrecondition also when two values are readable and no core was expected, or more than one
  // of those of the expected core opens.
  absl::StatusOr<OpenedValue> Open(std::optional<ByteSpan> expected_key_name = std::nullopt) const;
  // The core of the value furthest on; nullopt while none is readable.
  std::optional<Core> ReadableCore() const;

 private:
  struct Group {
    Core core;
    std::shared_ptr<const Script> script;
    NodeSet fragment_set;
    NodeSet key_share_set;
    Fragments fragments;
    std::vector<IndexedKeyShare> key_shares;

    bool IsReadable() const;
  };
  // Whose signature was on what of a group.
  struct Signed {
    NodeSet fragments;
    NodeSet key_shares;
  };
  struct SignedKey {
    CommitmentId commitment;
    SigningPublicKey signer;
    friend auto operator<=>(const SignedKey&, const SignedKey&) = default;
  };
  // A share as it was offered.
  struct Offer {
    std::string source;
    NodeIndex index;  // as whose share
    ShareVerdict verdict;
    Share share;                     // its fragment only if that is bad
    std::optional<Bytes> undecoded;  // in place of a share, metadata that do not decode
    Hash256 key_share_hash;          // of a bad key share
  };
  const Group* Best() const;
  // A good share of the value to be opened; null while that is not certain.
  const Offer* Reference() const;
  ShareFault MisfitOf(const Share& share) const;
  void Keep(const Offer& offer, Bytes fragment, std::optional<KeyShare> key_share);

  const Expectation expectation_;
  BatchVerifier& verifier_;
  // By core, script and tree in one: all bytes of the shares that have a commitment follow from it, so
  // whoever signed it, they go together. Ordered, so no outcome follows a hash.
  std::map<CommitmentId, Group> groups_;
  std::map<SignedKey, Signed> signed_;
  std::vector<std::string> rejected_;
  std::vector<Offer> offers_;
};

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_OPENER_H_
