// What one message may weigh on both sides of the public API, and what callers may make gRPC hold at a node
// before it has taken anything in.
#ifndef WORLDB_TRANSPORT_LIMITS_H_
#define WORLDB_TRANSPORT_LIMITS_H_

#include <cstddef>

#include "cryptoscatter/records.h"

namespace worldb::transport {

// The largest value, and room for the key and all else around it. A value a little too large still
// arrives, and is refused with a reason.
inline constexpr int kMessageBytesMax = static_cast<int>(cryptoscatter::kValueBytesMax) + 64 * 1024;

// Calls of one connection at a time; a client holds back what goes beyond.
inline constexpr int kCallsPerConnectionMax = 8192;
// Requests on their way in, and what gRPC needs for each call and connection of one server. Near it callers
// are slowed down, at it calls are ended as RESOURCE_EXHAUSTED.
inline constexpr std::size_t kServerMemoryBytesMax = std::size_t{512} << 20;

// Pages of List and History that wait for their callers to take them, of all callers of one server.
inline constexpr std::size_t kUntakenPagesBytesMax = std::size_t{64} << 20;
// Events of sessions that wait for their callers to take them, of all sessions of one server, without the
// values read.
inline constexpr std::size_t kUntakenEventsBytesMax = std::size_t{128} << 20;

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_LIMITS_H_
