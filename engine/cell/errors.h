// Errors with a reason a program can act on, beside the code and the words for people.
//
// The reason travels as a payload of the absl::Status; transport turns it into google.rpc.ErrorInfo.
#ifndef WORLDB_ENGINE_CELL_ERRORS_H_
#define WORLDB_ENGINE_CELL_ERRORS_H_

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace worldb::engine {

namespace reason {
inline constexpr absl::string_view kBadKey = "BAD_KEY";
inline constexpr absl::string_view kValueTooLarge = "VALUE_TOO_LARGE";
inline constexpr absl::string_view kBadOpId = "BAD_OP_ID";
inline constexpr absl::string_view kBadTicket = "BAD_TICKET";
inline constexpr absl::string_view kBadBase = "BAD_BASE";
inline constexpr absl::string_view kOpExpired = "OP_EXPIRED";
inline constexpr absl::string_view kOpIdReused = "OP_ID_REUSED";
inline constexpr absl::string_view kNoClock = "NO_CLOCK";
inline constexpr absl::string_view kShed = "SHED";
inline constexpr absl::string_view kTriadUnavailable = "TRIAD_UNAVAILABLE";
inline constexpr absl::string_view kOutcomeUnknown = "OUTCOME_UNKNOWN";
inline constexpr absl::string_view kNoSuchKey = "NO_SUCH_KEY";
inline constexpr absl::string_view kNoSuchVersion = "NO_SUCH_VERSION";
inline constexpr absl::string_view kVersionNotReadable = "VERSION_NOT_READABLE";
inline constexpr absl::string_view kSharesInsufficient = "SHARES_INSUFFICIENT";
inline constexpr absl::string_view kUnknownTicket = "UNKNOWN_TICKET";
inline constexpr absl::string_view kNodeStopping = "NODE_STOPPING";
inline constexpr absl::string_view kToleranceNotReached = "TOLERANCE_NOT_REACHED";
inline constexpr absl::string_view kBadScript = "BAD_SCRIPT";
inline constexpr absl::string_view kBadPageToken = "BAD_PAGE_TOKEN";
inline constexpr absl::string_view kBadResumeToken = "BAD_RESUME_TOKEN";
}  // namespace reason

using ErrorDetails = std::vector<std::pair<std::string, std::string>>;

// A status with `reason` and details such as {"ticket", "wt1_..."}; never a secret among them.
absl::Status MakeError(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                       const ErrorDetails& details = {});
// AlreadyExists OP_ID_REUSED.
absl::Status OpIdReused();
// Empty without one.
std::string ReasonOf(const absl::Status& status);
ErrorDetails DetailsOf(const absl::Status& status);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_CELL_ERRORS_H_
