// CRC-32C, against damage by chance alone: whoever means harm makes it right again.
//
// Threads: any.
// Source:  RFC 3720, appendix B.4; computed by ISA-L.
#ifndef WORLDB_CRYPTOSCATTER_BASE_CHECKSUM_H_
#define WORLDB_CRYPTOSCATTER_BASE_CHECKSUM_H_

#include <cstdint>
#include <initializer_list>

#include "cryptoscatter/base/bytes.h"

namespace worldb {

// Of the parts as one sequence.
std::uint32_t Crc32c(std::initializer_list<ByteSpan> parts);

}  // namespace worldb

#endif  // WORLDB_CRYPTOSCATTER_BASE_CHECKSUM_H_
