// Reasons transport adds to those of engine/cell/errors.h.
#ifndef WORLDB_TRANSPORT_REASONS_H_
#define WORLDB_TRANSPORT_REASONS_H_

#include "absl/strings/string_view.h"

namespace worldb::transport::reason {

// A field of the request cannot be what it is.
inline constexpr absl::string_view kBadRequest = "BAD_REQUEST";
// The caller does not read what it asked for.
inline constexpr absl::string_view kNotRead = "NOT_READ";
// None of the endpoints could be reached.
inline constexpr absl::string_view kNoEndpoint = "NO_ENDPOINT";
// No answer in the time given.
inline constexpr absl::string_view kTimeout = "TIMEOUT";
// The node asked is the wrong one for this; any other one will do.
inline constexpr absl::string_view kAskAnotherNode = "ASK_ANOTHER_NODE";
inline constexpr absl::string_view kUnknownNode = "UNKNOWN_NODE";
inline constexpr absl::string_view kLastNode = "LAST_NODE";
// The server answered something this client does not understand.
inline constexpr absl::string_view kBadAnswer = "BAD_ANSWER";

}  // namespace worldb::transport::reason

#endif  // WORLDB_TRANSPORT_REASONS_H_
