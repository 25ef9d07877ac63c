// A history drawn from the input: the state machine of a home and the oracle judge it alike.
#include <cstdio>

#include "cryptoscatter/base/check.h"
#include "tests/support/contest_history.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int kEntriesMax = 100;
  worldb::testing::ByteChoices choices({data, size});
  worldb::testing::HistoryCounts counts;
  worldb::testing::ContestHistory history(choices, counts);
  for (int i = 0; i < kEntriesMax && !choices.exhausted(); ++i) {
    const std::string why = history.Step();
    if (why.empty()) continue;
    std::fprintf(stderr, "%s\n", why.c_str());
    WORLDB_CHECK(false);
  }
  return 0;
}
