// What callers are told whose call the gateway cannot take on, or cannot bring to an end.
//
// Threads: pure functions.
#ifndef WORLDB_ENGINE_GATEWAY_REFUSALS_H_
#define WORLDB_ENGINE_GATEWAY_REFUSALS_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/cell/cell.h"
#include "engine/cell/errors.h"

namespace worldb::engine {

// ResourceExhausted SHED. `what`: of which there are as many as there may be, in the plural.
inline absl::Status TooMany(absl::string_view what, std::size_t count_max) {
  return MakeError(absl::StatusCode::kResourceExhausted, reason::kShed,
                   absl::StrCat("the node has ", count_max, " ", what, "; ask another node"));
}

// ResourceExhausted SHED.
inline absl::Status NoRoomForNames() {
  return MakeError(absl::StatusCode::kResourceExhausted, reason::kShed,
                   "the node has no room for more names; ask for smaller pages, or another node");
}

// Unavailable TRIAD_UNAVAILABLE.
inline absl::Status HomeIsSilent(const Cell& cell, DataCenterIndex home) {
  const std::string& name = cell.data_center_name(home);
  return MakeError(
      absl::StatusCode::kUnavailable, reason::kTriadUnavailable,
      absl::StrCat("the data center ", name, " does not answer; try again when it is back"),
      {{"home", name}});
}

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_GATEWAY_REFUSALS_H_
