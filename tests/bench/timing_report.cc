// Does the time that split, combine and the comparisons of commitments take depend on the secret?
//
// After dudect (Reparaz, Balasch, Verbauwhede 2017): each operation runs on one fixed secret (zeros)
// or on random ones, in random order; Welch's t-test then compares the two groups of times, whole
// and with the slowest 5 %, 20 % and 50 % cut off at common thresholds, since what disturbs a
// measurement only adds. |t| beyond 4.5 says that the groups differ; beyond 10, without doubt. The
// controls leak on purpose: unless they stand out, the machine was too noisy for the rest to count.
//
// Usage: worldb_timing_report [SAMPLES]       1,000,000 unless given
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "absl/strings/numbers.h"
#include "cryptoscatter/gf256.h"
#include "cryptoscatter/merkle.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/stripe_aead.h"

#if defined(__x86_64__)
#include <x86intrin.h>
#else
#include <chrono>
#endif

namespace worldb::cryptoscatter {
namespace {

constexpr std::size_t kBatch = 2000;
constexpr std::array<double, 4> kKept = {1.0, 0.95, 0.8, 0.5};

std::uint64_t Ticks() {
#if defined(__x86_64__)
  unsigned int processor = 0;
  return __rdtscp(&processor);
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

// Mean and variance of one group (Welford).
struct Group {
  double count = 0;
  double mean = 0;
  double squares = 0;

  void Add(double value) {
    count += 1;
    const double delta = value - mean;
    mean += delta / count;
    squares += delta * (value - mean);
  }
  double variance() const { return squares / (count - 1); }
};
// Infinite when the threshold left one group nothing.
double WelchT(const Group& a, const Group& b) {
  if (a.count < 2 || b.count < 2) return HUGE_VAL;
  return (a.mean - b.mean) / std::sqrt(a.variance() / a.count + b.variance() / b.count);
}

// Costs nothing: what is drawn is not what is measured.
class StillEntropy final : public Entropy {
 public:
  void Fill(MutableByteSpan out) override { std::fill(out.begin(), out.end(), 0x5c); }
};

using Secret = std::array<std::uint8_t, kKeyRowBytes>;

struct Operation {
  const char* name;
  std::function<void(const Secret&)> prepare;  // not measured
  std::function<void()> run;
};

volatile std::uint8_t sink;

void Report(const Operation& operation, std::size_t samples) {
  std::mt19937_64 random(11);
  std::vector<Secret> secrets(kBatch);
  std::vector<bool> is_fixed(kBatch);
  std::array<std::array<Group, 2>, kKept.size()> groups;
  std::array<double, kKept.size()> limits;
  limits.fill(-1);
  std::vector<double> ticks(kBatch);
  for (std::size_t done = 0; done < samples + kBatch; done += kBatch) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      is_fixed[i] = random() % 2 == 0;
      Secret drawn;
      for (std::uint8_t& byte : drawn) byte = static_cast<std::uint8_t>(random());
      const Secret zeros{};
      secrets[i] = is_fixed[i] ? zeros : drawn;
    }
    for (std::size_t i = 0; i < kBatch; ++i) {
      operation.prepare(secrets[i]);
      const std::uint64_t begin = Ticks();
      operation.run();
      ticks[i] = static_cast<double>(Ticks() - begin);
    }
    if (limits[0] < 0) {  // the first batch warms up, and says where to cut
      std::vector<double> sorted = ticks;
      std::sort(sorted.begin(), sorted.end());
      for (std::size_t k = 0; k < kKept.size(); ++k) {
        limits[k] =
            kKept[k] < 1 ? sorted[static_cast<std::size_t>(kKept[k] * (kBatch - 1))] : HUGE_VAL;
      }
      continue;
    }
    for (std::size_t i = 0; i < kBatch; ++i) {
      for (std::size_t k = 0; k < kKept.size(); ++k) {
        if (ticks[i] <= limits[k]) groups[k][is_fixed[i] ? 1 : 0].Add(ticks[i]);
      }
    }
  }
  double worst = 0;
  std::printf("%-34s %8.0f", operation.name, groups[2][0].mean);
  for (const auto& group : groups) {
    const double t = WelchT(group[0], group[1]);
    worst = std::max(worst, std::abs(t));
    std::printf(" %9.2f", t);
  }
  std::printf("   %s\n", worst < 4.5 ? "" : worst < 10 ? "differs" : "LEAKS");
}

int Run(std::size_t samples) {
  std::printf(
      "%zu samples each; ticks: mean of the quickest 80 %% for random secrets; t of all and of\n"
      "the quickest 95 %%, 80 %%, 50 %%\n%-34s %8s %9s %9s %9s %9s\n",
      samples, "", "ticks", "t all", "t 95", "t 80", "t 50");
  KeySecret secret;
  const auto set_secret = [&secret](const Secret& in) {
    std::copy(in.begin(), in.end(), secret.ExposeSecretMutable().begin());
  };
  StillEntropy entropy;
  std::vector<IndexedKeyShare> shares;
  const std::array<std::uint8_t, 62> prefix{};
  CoreId core;
  const Hash256 commitment = KeyCommitment(secret.ExposeSecret().first<kDataKeyBytes>(), prefix);
  KeyShare share(1);
  const auto set_share = [&share](const Secret& in) {
    std::copy(in.begin(), in.end(), share.ExposeSecretMutable().begin());
  };
  const Hash256 share_hash = KeyShareHash(core, NodeAt(4), share);
  const Secret zeros{};

  std::vector<Operation> operations;
  for (const auto& [name, script, set] :
       {std::tuple("nested", Script::Nested(), std::vector<int>{0, 2, 4, 5}),
        std::tuple("flat", Script::Flat(), std::vector<int>{0, 2, 4, 5, 7})}) {
    const bool nested = std::strcmp(name, "nested") == 0;
    operations.push_back(
        {nested ? "split, nested" : "split, flat", set_secret, [&, script = script] {
           const KeyShares made = script->key_sharing().Split(secret, entropy);
           sink = made[0].ExposeSecret()[0];
         }});
    operations.push_back({nested ? "combine, nested" : "combine, flat",
                          [&, set = set](const Secret& in) {
                            shares.resize(set.size());
                            for (std::size_t i = 0; i < set.size(); ++i) {
                              shares[i].index = NodeAt(set[i]);
                              shares[i].share = KeyShare(1);
                              const auto out = shares[i].share.ExposeSecretMutable();
                              for (std::size_t b = 0; b < out.size(); ++b) {
                                out[b] = in[(b + 7 * i) % in.size()];
                              }
                            }
                          },
                          [&, script = script] {
                            const auto made = script->key_sharing().Combine(shares);
                            sink = made->ExposeSecret()[0];
                          }});
  }
  operations.push_back({"key commitment check", set_secret, [&] {
                          const Hash256 made =
                              KeyCommitment(secret.ExposeSecret().first<kDataKeyBytes>(), prefix);
                          sink = EqualConstantTime(made.bytes, commitment.bytes) ? 1 : 0;
                        }});
  operations.push_back({"key-share hash check", set_share, [&] {
                          const Hash256 made = KeyShareHash(core, NodeAt(4), share);
                          sink = EqualConstantTime(made.bytes, share_hash.bytes) ? 1 : 0;
                        }});
  operations.push_back({"control: comparison with early end", set_secret, [&] {
                          const auto bytes = secret.ExposeSecret();
                          bool same = true;
                          for (std::size_t i = 0; same && i < bytes.size(); ++i) {
                            same = bytes[i] == zeros[i];
                          }
                          sink = same ? 1 : 0;
                        }});
  operations.push_back({"control: tables of the public field", set_secret, [&] {
                          for (const std::uint8_t byte : secret.ExposeSecret()) {
                            sink = gf256::Multiply(byte, 29);
                          }
                        }});
  for (const Operation& operation : operations) Report(operation, samples);
  return 0;
}

}  // namespace
}  // namespace worldb::cryptoscatter

int main(int argc, char** argv) {
  std::size_t samples = 1'000'000;
  if (argc > 2 || (argc == 2 && !absl::SimpleAtoi(argv[1], &samples))) {
    std::fprintf(stderr, "usage: worldb_timing_report [SAMPLES]\n");
    return 64;
  }
  return worldb::cryptoscatter::Run(samples);
}
