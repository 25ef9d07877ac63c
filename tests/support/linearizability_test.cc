// Goal:   the checker says yes exactly when some order of all operations fits.
// Method: small histories by hand; then a thousand random ones of up to six operations, for which every
//         order is tried.
#include "tests/support/linearizability.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace worldb::testing {
namespace {

constexpr int kNever = -1;

RegisterOp Op(bool write, int value, int asked, int answered) {
  return {write, value, absl::Seconds(asked),
          answered == kNever ? absl::InfiniteDuration() : absl::Seconds(answered)};
}
RegisterOp W(int value, int asked, int answered) { return Op(true, value, asked, answered); }
RegisterOp R(int value, int asked, int answered) { return Op(false, value, asked, answered); }
bool Fits(const std::vector<RegisterOp>& ops) { return WhyNotLinearizable(ops).empty(); }

TEST(LinearizabilityTest, OfHistoriesByHand) {
  EXPECT_TRUE(Fits({}));
  EXPECT_TRUE(Fits({R(0, 1, 2), W(1, 3, 4), R(1, 5, 6)}));
  EXPECT_FALSE(Fits({W(1, 1, 2), R(0, 3, 4)})) << "an old value";
  EXPECT_TRUE(Fits({W(1, 1, 4), R(0, 2, 3)})) << "it was under way";
  EXPECT_FALSE(Fits({W(1, 1, 10), R(1, 2, 3), R(0, 4, 5)})) << "back again";
  EXPECT_FALSE(Fits({W(1, 5, 6), R(1, 1, 2)})) << "before it was written";
  EXPECT_TRUE(Fits({W(1, 1, kNever), R(0, 2, 3), R(1, 100, 101)})) << "it came late";
  EXPECT_TRUE(Fits({W(1, 1, kNever), R(0, 2, 3), R(0, 100, 101)})) << "or never";
  EXPECT_FALSE(Fits({W(1, 1, kNever), W(2, 2, 3), R(1, 4, 5), R(2, 6, 7), R(1, 8, 9)}));
}

// Every order of every part that holds all whose end was heard.
bool FitsByTrying(const std::vector<RegisterOp>& ops) {
  const std::size_t n = ops.size();
  for (unsigned part = 0; part < 1u << n; ++part) {
    std::vector<std::size_t> order;
    bool whole = true;
    for (std::size_t i = 0; i < n; ++i) {
      if (part >> i & 1) {
        order.push_back(i);
      } else if (ops[i].answered != absl::InfiniteDuration()) {
        whole = false;
      }
    }
    if (!whole) continue;
    do {
      std::int64_t value = 0;
      bool fits = true;
      for (std::size_t i = 0; i < order.size() && fits; ++i) {
        const RegisterOp& op = ops[order[i]];
        for (std::size_t j = i + 1; j < order.size(); ++j) {
          fits = fits && ops[order[j]].answered >= op.asked;
        }
        if (op.write) {
          value = op.value;
        } else {
          fits = fits && op.value == value;
        }
      }
      if (fits) return true;
    } while (std::next_permutation(order.begin(), order.end()));
  }
  return false;
}

TEST(LinearizabilityTest, AgreesWithTryingAllOrders) {
  std::mt19937 random(1);
  int fitting = 0;
  for (int round = 0; round < 1000; ++round) {
    std::vector<RegisterOp> ops;
    const int count = 2 + static_cast<int>(random() % 5);
    for (int i = 0; i < count; ++i) {
      const bool write = random() % 2 == 0;
      const int asked = static_cast<int>(random() % 10);
      const bool heard = !write || random() % 4 != 0;
      ops.push_back(Op(write, static_cast<int>(random() % 3), asked,
                       heard ? asked + static_cast<int>(random() % 5) : kNever));
    }
    const bool fits = FitsByTrying(ops);
    fitting += fits ? 1 : 0;
    ASSERT_EQ(Fits(ops), fits) << "round " << round << "\n" << WhyNotLinearizable(ops);
  }
  EXPECT_GT(fitting, 100);
  EXPECT_LT(fitting, 900);
}

}  // namespace
}  // namespace worldb::testing
