#include "tools/recover/judging/share_source.h"

#include "absl/strings/str_cat.h"

namespace worldb::tools {

std::string ShareSource::Describe(const Spot& spot) const {
  return absl::StrCat("share ", spot.index, " of version ", spot.version.value(), " on node ",
                      PlaceOf(spot));
}

}  // namespace worldb::tools
