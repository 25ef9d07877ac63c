#include "cryptoscatter/base/checksum.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <cstddef>

#include "cryptoscatter/base/upper_halves.h"

namespace worldb {

std::uint32_t Crc32c(std::initializer_list<ByteSpan> parts) {
  constexpr std::size_t kCallBytesMax = std::size_t{1} << 30;  // ISA-L takes an int
  unsigned int crc = ~0u;
  for (ByteSpan part : parts) {
    while (!part.empty()) {
      const std::size_t count = std::min(part.size(), kCallBytesMax);
      crc = crc32_iscsi(const_cast<std::uint8_t*>(part.data()), static_cast<int>(count), crc);
      part = part.subspan(count);
    }
  }
  ClearUpperHalves();
  return ~crc;
}

}  // namespace worldb
