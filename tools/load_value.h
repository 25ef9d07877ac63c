// Values whose every byte follows from key and seed, so that a reader can check them without having
// kept them.
//
// Threads: pure functions.
#ifndef WORLDB_TOOLS_LOAD_VALUE_H_
#define WORLDB_TOOLS_LOAD_VALUE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"

namespace worldb::tools {

// Mixes `x` so that neighbours have nothing in common; one to one.
std::uint64_t MixBits(std::uint64_t x);
void FillLoadValue(absl::string_view key, std::uint64_t seed, MutableByteSpan value);
// True when `value` is what FillLoadValue makes of a value of this size.
bool IsLoadValue(absl::string_view key, std::uint64_t seed, ByteSpan value);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_LOAD_VALUE_H_
