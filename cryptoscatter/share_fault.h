// The classes of what can be wrong with a share: one word for each, for people and for programs.
//
// Threads: a plain value.
// Source:  docs/share-format.md section 15.
#ifndef WORLDB_CRYPTOSCATTER_SHARE_FAULT_H_
#define WORLDB_CRYPTOSCATTER_SHARE_FAULT_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace worldb::cryptoscatter {

enum class ShareFault : std::uint8_t {
  kNone,
  // Of the record: nothing of such a share counts, except under kOtherIndex.
  kUnreadableRecord,  // its bytes are no metadata
  kOtherCell,
  kOtherGeneration,
  kUnknownScript,  // or a segment size that is not its script's
  kNotSigned,      // core, leaf and path do not lead to what the signer named in it signed
  kOtherPlace,     // it names another slot, slot epoch or version than the one wanted
  kOtherCore,      // it is of another value
  kOtherWriter,    // of this core, but signed by somebody else
  kOtherTree,      // of this core, and the same writer signed two different trees for it
  kOtherIndex,     // a share of this value, but another node's
  // Of a part: the other part may be good.
  kFragmentSize,
  kFragmentBytes,
  kKeyShareBytes,
};

// "not-signed" and the like; for kNone "none".
absl::string_view NameOf(ShareFault fault);

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_SHARE_FAULT_H_
