// Whether what callers saw of one register can have happened in some order that time allows.
//
// Wing and Gong's search with Lowe's memory: an operation may come next if none that must come before it is
// left, that is none that had answered before it was asked. Reads that fit the present value come at once, as
// they change nothing; writes are tried one after the other; what was tried is remembered as the set of what
// has come and the value then. A write nobody heard the end of may come at any time after it was asked, or
// never.
// Cost:    exponential in the writes under way at once at worst; fine for a few dozen with few at a time.
// Threads: pure function.
// Source:  Wing, Gong: Testing and verifying concurrent objects (1993); Lowe: Testing for linearizability
//          (2017).
#ifndef WORLDB_TESTS_SUPPORT_LINEARIZABILITY_H_
#define WORLDB_TESTS_SUPPORT_LINEARIZABILITY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace worldb::testing {

struct RegisterOp {
  bool write = false;
  std::int64_t value = 0;  // written, or read; 0 is what the register holds at first
  absl::Duration asked;
  absl::Duration answered = absl::InfiniteDuration();  // infinite: its end was never heard
};

// Empty when there is such an order; otherwise the operations of the longest one found, and what is left.
std::string WhyNotLinearizable(const std::vector<RegisterOp>& ops);

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_LINEARIZABILITY_H_
