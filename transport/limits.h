// What one message may weigh, on both sides of the public API.
#ifndef WORLDB_TRANSPORT_LIMITS_H_
#define WORLDB_TRANSPORT_LIMITS_H_

#include "cryptoscatter/records.h"

namespace worldb::transport {

// The largest value, and room for the key and all else around it. A value a little too large still
// arrives, and is refused with a reason.
inline constexpr int kMessageBytesMax = static_cast<int>(cryptoscatter::kValueBytesMax) + 64 * 1024;

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_LIMITS_H_
