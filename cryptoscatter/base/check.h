// WORLDB_CHECK: what only our own mistake can make false. On in release too; ends the process.
#ifndef WORLDB_CRYPTOSCATTER_BASE_CHECK_H_
#define WORLDB_CRYPTOSCATTER_BASE_CHECK_H_

namespace worldb {
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);
}  // namespace worldb

#define WORLDB_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::worldb::CheckFailed(__FILE__, __LINE__, #condition))

#endif  // WORLDB_CRYPTOSCATTER_BASE_CHECK_H_
