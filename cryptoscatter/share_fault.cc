#include "cryptoscatter/share_fault.h"

namespace worldb::cryptoscatter {

absl::string_view NameOf(ShareFault fault) {
  switch (fault) {
    case ShareFault::kNone:
      return "none";
    case ShareFault::kUnreadableRecord:
      return "unreadable-record";
    case ShareFault::kOtherCell:
      return "other-cell";
    case ShareFault::kOtherGeneration:
      return "other-generation";
    case ShareFault::kUnknownScript:
      return "unknown-script";
    case ShareFault::kNotSigned:
      return "not-signed";
    case ShareFault::kOtherPlace:
      return "other-place";
    case ShareFault::kOtherCore:
      return "other-core";
    case ShareFault::kOtherWriter:
      return "other-writer";
    case ShareFault::kOtherTree:
      return "other-tree";
    case ShareFault::kOtherIndex:
      return "other-index";
    case ShareFault::kFragmentSize:
      return "fragment-size";
    case ShareFault::kFragmentBytes:
      return "fragment-bytes";
    case ShareFault::kKeyShareBytes:
      return "key-share-bytes";
  }
  return "unknown";
}

}  // namespace worldb::cryptoscatter
