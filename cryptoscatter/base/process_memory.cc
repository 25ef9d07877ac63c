#include "cryptoscatter/base/process_memory.h"

#include <malloc.h>

namespace worldb {

void KeepFreedBuffers() {
#if defined(__GLIBC__)
  // The largest threshold glibc takes; buffers above it are mapped one by one.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

}  // namespace worldb
