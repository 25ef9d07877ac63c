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
class GatherDecoder {
 public:
  // What the caller knows of the version it wants; shares that say otherwise are rejected.
  struct Expectation {
    CellId cell;
    std::optional<CoreId> core;
    std::optional<Version> version;
    // Never null.
    std::shared_ptr<const ScriptBook> scripts = ScriptBook::Shipped();
  };
  // `verifier` must outlive the decoder.
  GatherDecoder(Expectation expectation, BatchVerifier& verifier);

  // Judges a share and keeps what is good of it: a bad fragment does not spoil a good key share,
  // nor the other way round. `source` names the node in reasons. An empty fragment with
  // `has_fragment` false brings a key share alone.
  ShareVerdict Add(Share share, std::optional<KeyShare> key_share, absl::string_view source,
                   bool has_fragment = true);

  // Good fragments can rebuild and good key shares can read, for one core.
  bool IsReadable() const;
  // The sets gathered for the core that is furthest on; for choosing whom to ask next.
  NodeSet good_fragments() const;
  NodeSet good_key_shares() const;
  // One reason for each share rejected in whole or in part, in order of arrival.
  const std::vector<std::string>& rejected() const { return rejected_; }

  // FailedPrecondition also when two cores are readable and none was expected.
  absl::StatusOr<OpenedValue> Open(std::optional<ByteSpan> expected_key_name = std::nullopt) const;
  // The core that Open() opens; nullopt while none is readable.
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
  // Core, script, generation: ordered, so no outcome follows a hash.
  struct GroupKey {
    CoreId core;
    ScriptId script;
    std::uint32_t generation = 0;
    friend auto operator<=>(const GroupKey&, const GroupKey&) = default;
  };
  const Group* Best() const;

  const Expectation expectation_;
  BatchVerifier& verifier_;
  std::map<GroupKey, Group> groups_;
  std::vector<std::string> rejected_;
};

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_OPENER_H_
