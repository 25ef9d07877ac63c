// For callers of ISA-L, which returns with the upper halves of the vector registers in use. Code without AVX
// encoding, such as libcrypto's SHA-256, then runs at about half its speed until somebody clears them.
//
// Threads: any.
#ifndef WORLDB_CRYPTOSCATTER_BASE_UPPER_HALVES_H_
#define WORLDB_CRYPTOSCATTER_BASE_UPPER_HALVES_H_

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace worldb {

#if defined(__x86_64__)
__attribute__((target("avx"))) inline void ClearUpperHalvesThatAreThere() { _mm256_zeroupper(); }
inline void ClearUpperHalves() {
  if (__builtin_cpu_supports("avx") != 0) ClearUpperHalvesThatAreThere();
}
#else
inline void ClearUpperHalves() {}
#endif

}  // namespace worldb

#endif  // WORLDB_CRYPTOSCATTER_BASE_UPPER_HALVES_H_
