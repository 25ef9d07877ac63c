// Goal:   fragments are what the format page says, for every size, and any lost one is repaired
// from
//         its neighbours.
// Method: a plain byte-by-byte second implementation as judge; sizes around every boundary and
// random.
#include "cryptoscatter/erasure_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cryptoscatter/script.h"
#include "tests/support/seeded_entropy.h"

namespace worldb::cryptoscatter {
namespace {

Bytes RandomBytes(std::size_t bytes, std::uint64_t seed) {
  testing::SeededEntropy entropy(seed);
  Bytes out(bytes);
  entropy.Fill(out);
  return out;
}

// As the page has it, one byte at a time.
Fragments PlainEncode(const gf256::Matrix& generator, ByteSpan ciphertext) {
  const std::size_t k = static_cast<std::size_t>(generator.columns());
  const std::size_t stripe_bytes = k * 16384;
  Fragments out;
  for (std::size_t start = 0; start < ciphertext.size(); start += stripe_bytes) {
    const ByteSpan stripe =
        ciphertext.subspan(start, std::min(stripe_bytes, ciphertext.size() - start));
    const std::size_t piece = (stripe.size() + k - 1) / k;
    for (int j = 0; j < kNodeCount; ++j) {
      for (std::size_t b = 0; b < piece; ++b) {
        std::uint8_t sum = 0;
        for (std::size_t i = 0; i < k; ++i) {
          const std::size_t at = i * piece + b;
          const std::uint8_t data = at < stripe.size() ? stripe[at] : 0;
          sum ^= gf256::Multiply(generator.at(j, static_cast<int>(i)), data);
        }
        out[static_cast<std::size_t>(j)].push_back(sum);
      }
    }
  }
  return out;
}

void CheckSize(const Script& script, std::size_t bytes) {
  const Bytes ciphertext = RandomBytes(bytes, bytes + 1);
  const Fragments fragments = script.code().Encode(ciphertext);
  ASSERT_EQ(fragments, PlainEncode(script.code().generator(), ciphertext)) << bytes;
  for (const Bytes& fragment : fragments) {
    ASSERT_EQ(fragment.size(), script.code().FragmentBytes(bytes));
  }
  const FragmentSpans spans = SpansOf(fragments);
  for (int lost = 0; lost < kNodeCount; ++lost) {
    const NodeSet rest = NodeSet::All().Minus(NodeSet::FromBits(1u << lost));
    const auto repaired = script.code().RebuildFragment(NodeAt(lost), rest, spans);
    ASSERT_TRUE(repaired.ok());
    ASSERT_EQ(*repaired, fragments[static_cast<std::size_t>(lost)]);
    const auto whole = script.code().Rebuild(rest, spans, bytes);
    ASSERT_TRUE(whole.ok() && *whole == ciphertext) << bytes << " without " << lost;
  }
}

TEST(ErasureCode, AgreesWithThePlainOneAtEveryBoundary) {
  for (const auto& script : {Script::Nested(), Script::Flat()}) {
    const std::size_t stripe = script->code().stripe_bytes();
    for (std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{3}, std::size_t{4},
                              std::size_t{5}, std::size_t{16}, std::size_t{63}, stripe - 1, stripe,
                              stripe + 1, 2 * stripe, 2 * stripe + 17}) {
      CheckSize(*script, bytes);
    }
  }
}

RC_GTEST_PROP(ErasureCode, AgreesWithThePlainOne, ()) {
  const auto script = *rc::gen::arbitrary<bool>() ? Script::Nested() : Script::Flat();
  CheckSize(*script, *rc::gen::inRange<std::size_t>(0, 5000));
}

TEST(ErasureCode, NestedRepairsInItsOwnDataCenterByXor) {
  const ErasureCode& code = Script::Nested()->code();
  const Fragments fragments = code.Encode(RandomBytes(70'000, 5));
  for (int lost = 0; lost < kNodeCount; ++lost) {
    const NodeSet rest = NodeSet::All().Minus(NodeSet::FromBits(1u << lost));
    const NodeSet neighbours = rest & NodeSet::Of(DataCenterOf(NodeAt(lost)));
    EXPECT_EQ(*code.HelpersFor(NodeAt(lost), rest), neighbours);
    FragmentSpans two;
    Bytes sum(fragments[0].size());
    for (std::size_t j = 0; j < two.size(); ++j) {
      if (!neighbours.Has(static_cast<int>(j))) continue;
      two[j] = fragments[j];
      for (std::size_t b = 0; b < sum.size(); ++b) sum[b] ^= fragments[j][b];
    }
    EXPECT_EQ(sum, fragments[static_cast<std::size_t>(lost)]);
    EXPECT_EQ(*code.RebuildFragment(NodeAt(lost), neighbours, two), sum);
    // One neighbour gone too: the general way, out of the other data centers.
    NodeSet fewer = rest;
    fewer.Remove(NodeAt(3 * (lost / 3) + (lost + 1) % 3));
    EXPECT_EQ(*code.RebuildFragment(NodeAt(lost), fewer, SpansOf(fragments)), sum);
  }
}

TEST(ErasureCode, RefusesTooFewAndWrongSizes) {
  const ErasureCode& code = Script::Nested()->code();
  Fragments fragments = code.Encode(Bytes(1000));
  EXPECT_EQ(code.Rebuild(NodeSet::FromBits(0b111), SpansOf(fragments), 1000).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(code.HelpersFor(NodeAt(0), NodeSet::FromBits(0b11)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  fragments[3].pop_back();
  const auto wrong = code.Rebuild(NodeSet::FromBits(0b11011), SpansOf(fragments), 1000);
  EXPECT_EQ(wrong.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(wrong.status().message()), ::testing::HasSubstr("fragment 3 has 249"));
}

}  // namespace
}  // namespace worldb::cryptoscatter
