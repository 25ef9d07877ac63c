// Numbers a person sets for one run of a test: how many trials, which seed.
#ifndef WORLDB_TESTS_SUPPORT_ENVIRONMENT_H_
#define WORLDB_TESTS_SUPPORT_ENVIRONMENT_H_

#include <cstdint>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "cryptoscatter/base/check.h"

namespace worldb::testing {

// The variable's value, or `otherwise` when it is not set; what is not a number is our mistake.
inline std::uint64_t NumberFromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  if (text == nullptr) return otherwise;
  std::uint64_t number = 0;
  WORLDB_CHECK(absl::SimpleAtoi(text, &number));
  return number;
}

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_ENVIRONMENT_H_
