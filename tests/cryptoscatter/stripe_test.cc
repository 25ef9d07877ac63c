// Goal:   a value made stripe by stripe is the one Seal() makes, and opens stripe by stripe, in any
//         order, from any rebuilding set; a stripe that is not in its place does not open.
// Method: both scripts and suites, one stripe and several; the whole-value functions as judges.
#include "cryptoscatter/stripe.h"

#include <gtest/gtest.h>

#include "tests/support/scatter_cell.h"

namespace worldb::cryptoscatter {
namespace {

using Param = std::tuple<bool, Suite>;

class StripeTest : public ::testing::TestWithParam<Param> {
 protected:
  StripeTest() {
    entropy_.Fill(keys_.encryption_key.ExposeSecretMutable());
    entropy_.Fill(keys_.base_nonce.ExposeSecretMutable());
  }
  ByteSpan SegmentOf(const Bytes& plaintext, std::uint64_t index) const {
    const std::size_t begin = index * script_->segment_bytes();
    return ByteSpan(plaintext).subspan(
        begin, std::min<std::size_t>(script_->segment_bytes(), plaintext.size() - begin));
  }

  std::shared_ptr<const Script> script_ =
      std::get<0>(GetParam()) ? Script::Nested() : Script::Flat();
  Suite suite_ = std::get<1>(GetParam());
  testing::SeededEntropy entropy_{77};
  StreamKeys keys_;
};

TEST_P(StripeTest, WritesWhatTheWholeValueFunctionsWriteAndReadsItInAnyOrder) {
  CoreId core;
  core.bytes = entropy_.Draw<32>();
  for (const std::size_t bytes : {0u, 1u, 7u, 5000u, 65520u, 65521u, 200'000u, 262'080u}) {
    Bytes plaintext(bytes);
    entropy_.Fill(plaintext);
    const std::uint64_t count = SegmentCount(bytes, script_->segment_bytes());
    StripeWriter writer(*script_, suite_, keys_);
    StripeCoder coder(script_->code(), suite_);
    Fragments fragments;
    Bytes ciphertext;
    for (std::uint64_t i = 0; i < count; ++i) {
      const ByteSpan segment = SegmentOf(plaintext, i);
      Bytes stripe = ToBytes(segment);  // sealed in place
      stripe.resize(segment.size() + kSegmentTagBytes);
      writer.SealInto(ByteSpan(stripe).first(segment.size()), i + 1 == count, stripe);
      ciphertext.insert(ciphertext.end(), stripe.begin(), stripe.end());
      const FragmentSpans pieces = coder.Add(stripe);
      for (std::size_t j = 0; j < pieces.size(); ++j) {
        fragments[j].insert(fragments[j].end(), pieces[j].begin(), pieces[j].end());
      }
    }
    ASSERT_EQ(fragments, script_->code().Encode(ciphertext)) << bytes;
    for (int j = 0; j < kNodeCount; ++j) {
      const Bytes& fragment = fragments[static_cast<std::size_t>(j)];
      const Hash256 root = FragmentRoot(suite_, core, 0, NodeAt(j), fragment);
      ASSERT_EQ(writer.coder().Root(core, 0, NodeAt(j)), root);
      ASSERT_EQ(coder.Root(core, 0, NodeAt(j)), root);
      ASSERT_EQ(writer.coder().fragment_bytes(), fragment.size());
    }
    const NodeSet parity = NodeSet::FromBits(script_ == Script::Nested() ? 0b011'000'110 : 0x1f0);
    for (const NodeSet present : {NodeSet::All(), parity}) {
      auto reader = StripeReader::Create(*script_, suite_, keys_, present);
      ASSERT_TRUE(reader.ok());
      for (std::uint64_t back = 0; back < count; ++back) {
        const std::uint64_t i = count - 1 - back;
        Bytes out(SegmentOf(plaintext, i).size());
        const std::size_t piece_bytes = script_->code().PieceBytes(out.size() + kSegmentTagBytes);
        FragmentSpans pieces;
        for (std::size_t j = 0; j < pieces.size(); ++j) {
          pieces[j] = ByteSpan(fragments[j]).subspan(i * kStripeUnitBytes, piece_bytes);
        }
        ASSERT_TRUE(reader->Open(i, i + 1 == count, pieces, out).ok());
        ASSERT_EQ(out, ToBytes(SegmentOf(plaintext, i)));
        ASSERT_EQ(reader->Open(i, i + 1 != count, pieces, out), OpenFailure());
        ASSERT_EQ(out, Bytes(out.size()));
        ASSERT_EQ(reader->Open(i + 1, i + 1 == count, pieces, out), OpenFailure());
        pieces[4] = pieces[4].first(piece_bytes - 1);
        ASSERT_EQ(reader->Open(i, i + 1 == count, pieces, out).ok(),
                  present == parity && !present.Has(4));
      }
    }
  }
  EXPECT_EQ(StripeReader::Create(*script_, suite_, keys_, NodeSet::FromBits(7)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(
      StripeReader::Create(*script_, static_cast<Suite>(9), keys_, NodeSet::All()).status().code(),
      absl::StatusCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(ScriptsAndSuites, StripeTest,
                         ::testing::Combine(::testing::Bool(), ::testing::ValuesIn(kAllSuites)));

}  // namespace
}  // namespace worldb::cryptoscatter
