// Goal:   a program may use all descriptors that its user may have.
// Method: the limits of this process.
#include "tools/process_guard.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace worldb::tools {
namespace {

TEST(GuardProcessTest, TakesAllDescriptorsItMayHave) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  ASSERT_GT(limit.rlim_max, 256u);
  const rlim_t hard = limit.rlim_max;
  limit.rlim_cur = 256;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  GuardProcess("process_guard_test");
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(limit.rlim_cur, hard);
}

}  // namespace
}  // namespace worldb::tools
