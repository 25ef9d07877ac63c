// Pages of List and History at the gateway: how large they are, and which tokens lead to none.
//
// Threads: pure functions.
#ifndef WORLDB_ENGINE_GATEWAY_KEY_PAGES_H_
#define WORLDB_ENGINE_GATEWAY_KEY_PAGES_H_

#include <algorithm>
#include <cstddef>

#include "absl/status/status.h"
#include "engine/api/versions.h"
#include "engine/cell/errors.h"

namespace worldb::engine {

inline constexpr std::size_t kListPageDefault = 100;

// 0 asks for the usual size.
inline std::size_t PageSizeOf(std::size_t asked) {
  return asked == 0 ? kListPageDefault : std::min(asked, kListPageMax);
}

inline absl::Status BadPageToken(const absl::Status& why) {
  return MakeError(absl::StatusCode::kInvalidArgument, reason::kBadPageToken, why.message(),
                   {{"field", "page_token"}});
}

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_KEY_PAGES_H_
