// The whole way of a value through cryptoscatter beside what the raw libraries take for the same
// bytes, per script, suite and size.
//
// put:    Seal() and the commitment: seal, cut, code, hash of all share bytes, key shares, trees; no
//         signature.
// stripes: the same without making and sealing the nine key shares, which take the same time for every
//         size.
// aead, code, hash: libsodium, libcrypto and ISA-L alone, called with the format's own call sizes: a
//         segment, a stripe, a leaf of the fragments. Together they are the limit,
//         1 / (1/aead + 1/code + hashed/value/hash).
// check:  what a home does before it scatters: code and hash again, compare, keep nine fragments.
// open:   four or five shares verified and opened, from data fragments and from parity.
// Method: one thread; in every round each of them runs in turn, in processor time of the thread, so
//         other load disturbs all alike; medians over the rounds; both
//         ratios to the limit are the medians of the rounds' own.
// Usage:  worldb_scatter_bench [ROUNDS]
#include <isa-l/erasure_code.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/process_memory.h"
#include "cryptoscatter/opener.h"
#include "cryptoscatter/sealed_value.h"
#include "cryptoscatter/share.h"
#include "cryptoscatter/stripe.h"
#include "cryptoscatter/stripe_aead.h"
#include "cryptoscatter/suite.h"
#include "tests/support/scatter_cell.h"

namespace worldb::cryptoscatter {
namespace {

using testing::ScatterCell;
using testing::ScatteredValue;

constexpr double kSampleNanoseconds = 1.5e6;
const ByteSpan kName = AsBytes("bench/key");

double Now() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Nanoseconds a call, measured over as many calls as fill a sample.
class Timed {
 public:
  // `prepare` is told how many calls follow, and is not measured.
  explicit Timed(
      std::function<void()> call, std::function<void(int)> prepare = [](int) {})
      : call_(std::move(call)), prepare_(std::move(prepare)) {
    prepare_(4);
    for (int i = 0; i < 3; ++i) call_();
    const double begin = Now();
    call_();
    count_ = std::clamp(static_cast<int>(kSampleNanoseconds / (Now() - begin + 1)), 1, 20000);
  }
  double Sample() {
    prepare_(count_);
    const double begin = Now();
    for (int i = 0; i < count_; ++i) call_();
    samples_.push_back((Now() - begin) / count_);
    return samples_.back();
  }
  double Nanoseconds() const { return Median(samples_); }

 private:
  std::function<void()> call_;
  std::function<void(int)> prepare_;
  int count_ = 1;
  std::vector<double> samples_;
};

// --- the libraries alone -----------------------------------------------------------------------

std::function<void()> RawAead(Suite suite, std::size_t bytes, std::size_t segment_bytes) {
  auto in = std::make_shared<Bytes>(bytes, 0x5a);
  auto out =
      std::make_shared<Bytes>(CiphertextBytes(bytes, static_cast<std::uint32_t>(segment_bytes)));
  if (suite == Suite::kXChaCha20Blake2b) {
    return [=] {
      const std::array<std::uint8_t, 32> key{};
      const std::array<std::uint8_t, 24> nonce{};
      std::uint8_t* to = out->data();
      for (std::size_t at = 0; at < bytes; at += segment_bytes, to += segment_bytes + 16) {
        crypto_aead_xchacha20poly1305_ietf_encrypt(to, nullptr, in->data() + at,
                                                   std::min(segment_bytes, bytes - at), nullptr, 0,
                                                   nullptr, nonce.data(), key.data());
      }
    };
  }
  const std::shared_ptr<EVP_CIPHER> method(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr),
                                           EVP_CIPHER_free);
  return [=] {
    const std::array<std::uint8_t, 32> key{};
    const std::array<std::uint8_t, 12> nonce{};
    EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex2(context, method.get(), key.data(), nullptr, nullptr);
    std::uint8_t* to = out->data();
    for (std::size_t at = 0; at < bytes; at += segment_bytes, to += segment_bytes + 16) {
      const auto segment = static_cast<int>(std::min(segment_bytes, bytes - at));
      int written = 0;
      EVP_EncryptInit_ex2(context, nullptr, nullptr, nonce.data(), nullptr);
      EVP_EncryptUpdate(context, to, &written, in->data() + at, segment);
      EVP_EncryptFinal_ex(context, to + written, &written);
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, to + segment);
    }
    EVP_CIPHER_CTX_free(context);
  };
}

std::function<void()> RawCode(const Script& script, std::size_t bytes) {
  const int k = script.code().data_count();
  const int parity = kNodeCount - k;
  const std::size_t fragment_bytes = script.code().FragmentBytes(bytes);
  auto in = std::make_shared<Bytes>(fragment_bytes * static_cast<std::size_t>(k), 0x5a);
  auto out = std::make_shared<Bytes>(kStripeUnitBytes * static_cast<std::size_t>(parity));
  auto tables = std::make_shared<Bytes>(32 * static_cast<std::size_t>(k * parity));
  Bytes rows(static_cast<std::size_t>(k * parity));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::uint8_t>(2 + 7 * i);
  ec_init_tables(k, parity, rows.data(), tables->data());
  return [=] {
    for (std::size_t at = 0; at < fragment_bytes; at += kStripeUnitBytes) {
      const std::size_t piece = std::min(kStripeUnitBytes, fragment_bytes - at);
      std::array<std::uint8_t*, kNodeCount> sources;
      std::array<std::uint8_t*, kNodeCount> outputs;
      for (int i = 0; i < k; ++i) {
        sources[static_cast<std::size_t>(i)] =
            in->data() + at * static_cast<std::size_t>(k) + static_cast<std::size_t>(i) * piece;
      }
      for (int i = 0; i < parity; ++i) {
        outputs[static_cast<std::size_t>(i)] = out->data() + static_cast<std::size_t>(i) * piece;
      }
      ec_encode_data(static_cast<int>(piece), k, parity, tables->data(), sources.data(),
                     outputs.data());
    }
  };
}

// All leaves of nine fragments.
std::function<void()> RawHash(Suite suite, std::size_t fragment_bytes) {
  auto in = std::make_shared<Bytes>(fragment_bytes, 0x5a);
  const auto over_leaves = [=](auto hash) {
    for (int j = 0; j < kNodeCount; ++j) {
      for (std::size_t at = 0; at < fragment_bytes; at += kMerkleLeafBytes) {
        hash(in->data() + at, std::min(kMerkleLeafBytes, fragment_bytes - at));
      }
    }
  };
  if (suite == Suite::kXChaCha20Blake2b) {
    return [=] {
      std::array<std::uint8_t, 32> out;
      over_leaves([&out](const std::uint8_t* leaf, std::size_t bytes) {
        crypto_generichash(out.data(), out.size(), leaf, bytes, nullptr, 0);
      });
    };
  }
  const std::shared_ptr<EVP_MD> method(EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free);
  const std::shared_ptr<EVP_MD_CTX> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex2(context.get(), method.get(), nullptr);
  return [=] {
    std::array<std::uint8_t, 32> out;
    over_leaves([&out, &context](const std::uint8_t* leaf, std::size_t bytes) {
      EVP_DigestInit_ex2(context.get(), nullptr, nullptr);
      EVP_DigestUpdate(context.get(), leaf, bytes);
      EVP_DigestFinal_ex(context.get(), out.data(), nullptr);
    });
  };
}

// --- ours --------------------------------------------------------------------------------------

// Verifies the shares of `nodes` and opens; the shares are there already, as if just received.
Timed Opening(const ScatterCell& cell, const ScatteredValue& scattered, std::vector<int> nodes,
              std::vector<std::vector<Share>>& received) {
  const auto prepare = [&scattered, &received, nodes](int count) {
    received.resize(static_cast<std::size_t>(count));
    for (std::vector<Share>& shares : received) {
      shares.clear();
      for (int j : nodes) shares.push_back(scattered.shares[static_cast<std::size_t>(j)]);
    }
  };
  auto verifier = std::make_shared<BatchVerifier>();
  return Timed(
      [&cell, &scattered, &received, verifier] {
        GatherDecoder decoder({cell.cell(), std::nullopt, std::nullopt}, *verifier);
        for (Share& share : received.back()) {
          const std::size_t j = share.index.value();
          decoder.Add(std::move(share), scattered.key_shares[j].Duplicate(), "n");
        }
        received.pop_back();
        WORLDB_CHECK(decoder.Open(kName).ok());
      },
      prepare);
}

void Row(const char* script_name, const std::shared_ptr<const Script>& script, Suite suite,
         std::size_t bytes, int rounds) {
  ScatterCell cell(1, script, suite);
  const Bytes value(bytes, 0x5a);
  const ScatteredValue scattered = cell.Scatter(kName, value);
  const SealRequest request{cell.cell(), KeyTag(), OpId(), kName, value, ValueKind::kValue, suite};
  const std::size_t fragment_bytes = scattered.shares[0].fragment.size();
  const bool nested = script == Script::Nested();

  Timed put([&] {
    const auto sealed = Seal(*script, request, cell.session(), SystemEntropy());
    WORLDB_CHECK(!sealed->Commitment().IsZero());
  });
  Bytes ciphertext(scattered.sealed.ciphertext.size());
  SealedValue stripes_of = scattered.sealed;
  Timed stripes([&] {
    StripeWriter writer(*script, suite, StreamKeys());
    const std::size_t segment_bytes = script->segment_bytes();
    MutableByteSpan out(ciphertext);
    for (std::size_t at = 0; at < value.size(); at += segment_bytes) {
      const std::size_t count = std::min(segment_bytes, value.size() - at);
      writer.SealInto(ByteSpan(value).subspan(at, count), at + count == value.size(),
                      out.first(count + kSegmentTagBytes));
      out = out.subspan(count + kSegmentTagBytes);
    }
    const CoreId core = stripes_of.core.Id();
    for (std::size_t j = 0; j < stripes_of.fragment_roots.size(); ++j) {
      stripes_of.fragment_roots[j] = writer.coder().Root(core, 0, NodeAt(static_cast<int>(j)));
    }
    WORLDB_CHECK(!stripes_of.Commitment().IsZero());
  });
  Timed aead(RawAead(suite, 2 + kName.size() + bytes, script->segment_bytes()));
  Timed code(RawCode(*script, scattered.sealed.ciphertext.size()));
  Timed hash(RawHash(suite, fragment_bytes));
  Timed check([&] { WORLDB_CHECK(CheckSealedValue(*script, scattered.sealed).ok()); });
  std::vector<std::vector<Share>> received;
  const std::vector<int> data = nested ? std::vector{0, 1, 3, 4} : std::vector{0, 1, 2, 3, 4};
  const std::vector<int> parity = nested ? std::vector{1, 2, 6, 7} : std::vector{4, 5, 6, 7, 8};
  Timed open_data = Opening(cell, scattered, data, received);
  Timed open_parity = Opening(cell, scattered, parity, received);

  std::vector<double> of_limit;
  std::vector<double> stripes_of_limit;
  for (int round = 0; round < rounds; ++round) {
    const double ours = put.Sample();
    const double ours_of_stripes = stripes.Sample();
    const double libraries = aead.Sample() + hash.Sample() + code.Sample();
    of_limit.push_back(libraries / ours);
    stripes_of_limit.push_back(libraries / ours_of_stripes);
    check.Sample();
    open_data.Sample();
    open_parity.Sample();
  }
  const double limit = aead.Nanoseconds() + code.Nanoseconds() + hash.Nanoseconds();
  const auto speed = [](std::size_t of, double nanoseconds) {
    return static_cast<double>(of) * 1e3 / nanoseconds;
  };
  std::printf(
      "%-6s  %d  %8zu | %8.1f %7.0f | %7.0f %7.0f %7.0f %7.0f | %5.1f %% %5.1f %% | %7.0f %7.0f "
      "%7.0f | "
      "%.3f\n",
      script_name, static_cast<int>(suite), bytes, put.Nanoseconds() / 1e3,
      speed(bytes, put.Nanoseconds()), speed(bytes, aead.Nanoseconds()),
      speed(bytes, code.Nanoseconds()), speed(kNodeCount * fragment_bytes, hash.Nanoseconds()),
      speed(bytes, limit), 100 * Median(of_limit), 100 * Median(stripes_of_limit),
      speed(bytes, check.Nanoseconds()), speed(bytes, open_data.Nanoseconds()),
      speed(bytes, open_parity.Nanoseconds()),
      static_cast<double>(kNodeCount * fragment_bytes) / static_cast<double>(bytes));
  std::fflush(stdout);
}

int Main(int argc, char** argv) {
  KeepFreedBuffers();  // as the programs do
  const int rounds = argc > 1 ? std::max(3, std::atoi(argv[1])) : 15;
  std::printf(
      "suite 1: XChaCha20-Poly1305, BLAKE2b; suite 2: AES-256-GCM, SHA-256. MB/s of value bytes\n"
      "(hash: of hashed bytes); factor: bytes of the nine fragments / bytes of the value.\n\n"
      "script suite  bytes |   put us    MB/s |    aead    code    hash   limit | put/lim stripes |"
      "   check    open  parity | factor\n");
  const std::pair<const char*, std::shared_ptr<const Script>> scripts[] = {
      {"nested", Script::Nested()}, {"flat", Script::Flat()}};
  for (const auto& [name, script] : scripts) {
    for (Suite suite : kAllSuites) {
      for (std::size_t bytes : {64u, 256u, 4u << 10, 64u << 10, 256u << 10, 1u << 20, 4u << 20}) {
        Row(name, script, suite, bytes, rounds);
      }
    }
  }
  return 0;
}

}  // namespace
}  // namespace worldb::cryptoscatter

int main(int argc, char** argv) { return worldb::cryptoscatter::Main(argc, argv); }
