// Goal:   a file of any size comes back from any reading set, and its parts cannot be exchanged.
// Method: sizes around the ends of segments, windows and blocks, every shipped script, both suites;
//         all 512 subsets of one small file; pieces of the wrong window or file.
#include "cryptoscatter/file_scatter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cryptoscatter/opener.h"
#include "tests/support/scatter_cell.h"
#include "tests/support/seeded_entropy.h"
#include "tests/support/split_in_memory.h"

namespace worldb::cryptoscatter {
namespace {

using testing::JoinInMemory;
using testing::SeededEntropy;
using testing::SplitInMemory;

Bytes SomeBytes(std::size_t count) {
  Bytes bytes(count);
  SeededEntropy(count).Fill(bytes);
  return bytes;
}

std::vector<ShareFile> Decoded(const std::array<Bytes, kNodeCount>& files) {
  std::vector<ShareFile> out;
  BatchVerifier verifier;
  for (const Bytes& bytes : files) {
    auto file = DecodeShareFile(bytes);
    WORLDB_CHECK(file.ok());
    const ShareVerdict verdict =
        VerifyShare(file->share, CellId(), verifier, &*file->open_key_share);
    WORLDB_CHECK(verdict.fragment_usable() && verdict.key_share_usable());
    WORLDB_CHECK(HexEncode(EncodeShareFile(*file).ExposeSecret()) == HexEncode(bytes));
    out.push_back(*std::move(file));
  }
  return out;
}

std::vector<const ShareFile*> Pick(const std::vector<ShareFile>& files, NodeSet set) {
  std::vector<const ShareFile*> out;
  for (const ShareFile& file : files) {
    if (set.Has(file.share.index)) out.push_back(&file);
  }
  return out;
}

TEST(FileScatter, EverySizeComesBackUnderEveryScriptAndSuite) {
  SeededEntropy entropy(71);
  for (const auto& script : {Script::Nested(), Script::Flat(), Script::Copy()}) {
    const std::size_t segment = script->segment_bytes();
    for (Suite suite : kAllSuites) {
      for (std::size_t plaintext :
           {std::size_t{3}, std::size_t{4}, segment - 1, segment, segment + 1, 4 * segment - 1,
            4 * segment, 4 * segment + 1, 9 * segment + 12345}) {
        const Bytes content = SomeBytes(plaintext - 3);  // with its name of one letter
        const std::vector<ShareFile> files =
            Decoded(SplitInMemory(script, suite, "n", content, entropy));
        for (const std::uint32_t bits : {0b110'110'011u, 0b011'111'000u, 0b111'111'111u}) {
          const auto joined = JoinInMemory(script, Pick(files, NodeSet::FromBits(bits)));
          ASSERT_TRUE(joined.ok()) << joined.status();
          const auto name = BaseNameOf(*joined);
          ASSERT_TRUE(name.ok());
          EXPECT_EQ(AsText(*name), "n");
          EXPECT_EQ(Bytes(joined->begin() + 3, joined->end()), content) << plaintext;
        }
      }
    }
  }
}

TEST(FileScatter, ReadingSetsJoinAndNoOtherSetDoes) {
  SeededEntropy entropy(72);
  const auto script = Script::Nested();
  const std::vector<ShareFile> files =
      Decoded(SplitInMemory(script, kDefaultSuite, "a name", AsBytes("first write wins"), entropy));
  for (std::uint32_t bits = 1; bits < NodeSet::kSubsetCount; ++bits) {
    const NodeSet set = NodeSet::FromBits(bits);
    const auto joined = JoinInMemory(script, Pick(files, set));
    ASSERT_EQ(joined.ok(), script->IsReadable(set)) << bits;
    if (joined.ok()) {
      EXPECT_EQ(ToString(*joined), std::string("\6\0a namefirst write wins", 24));
    }
  }
}

TEST(FileScatter, PiecesOfAnotherWindowOrFileDoNotOpen) {
  SeededEntropy entropy(73);
  const auto script = Script::Flat();
  const Bytes content = SomeBytes(2 * 4 * script->segment_bytes() + 5);
  const std::vector<ShareFile> files =
      Decoded(SplitInMemory(script, kDefaultSuite, "n", content, entropy));
  std::vector<ShareFile> swapped =
      Decoded(SplitInMemory(script, kDefaultSuite, "n", content, entropy));
  std::vector<ShareFile> mixed =
      Decoded(SplitInMemory(script, kDefaultSuite, "n", content, entropy));
  for (std::size_t j = 0; j < files.size(); ++j) {
    Bytes& fragment = swapped[j].share.fragment;
    std::swap_ranges(fragment.begin(), fragment.begin() + kMerkleBlockBytes,
                     fragment.begin() + kMerkleBlockBytes);
    mixed[j].share.fragment = files[j].share.fragment;
  }
  EXPECT_TRUE(JoinInMemory(script, Pick(files, NodeSet::All())).ok());
  EXPECT_EQ(JoinInMemory(script, Pick(swapped, NodeSet::All())).status(), OpenFailure());
  EXPECT_EQ(JoinInMemory(script, Pick(mixed, NodeSet::All())).status(), OpenFailure());
  // Key shares of another file do not even give the key.
  for (std::size_t j = 0; j < files.size(); ++j) {
    mixed[j].share.core = files[j].share.core;
  }
  EXPECT_EQ(JoinInMemory(script, Pick(mixed, NodeSet::All())).status(), OpenFailure());
}

TEST(FileScatter, NodesRefuseAFile) {
  SeededEntropy entropy(74);
  testing::ScatterCell cell(74);
  SealedValue sealed = cell.Seal(AsBytes("key"), AsBytes("value"));
  sealed.core.kind = ValueKind::kFile;
  EXPECT_THAT(std::string(SealedValue::Decode(sealed.Encode()).status().message()),
              ::testing::HasSubstr("not kept by nodes"));
  const std::vector<ShareFile> files =
      Decoded(SplitInMemory(Script::Nested(), kDefaultSuite, "n", AsBytes("content"), entropy));
  EXPECT_THAT(std::string(Share::Decode(files[0].share.Encode()).status().message()),
              ::testing::HasSubstr("not kept by nodes"));
  EXPECT_FALSE(Seal(cell.script(),
                    {CellId(), KeyTag(), OpId(), AsBytes("n"), AsBytes("v"), ValueKind::kFile},
                    cell.session(), entropy)
                   .ok());
  std::vector<IndexedKeyShare> key_shares;
  FragmentSpans fragments;
  for (const ShareFile& file : files) {
    key_shares.push_back({file.share.index, file.open_key_share->Duplicate()});
    fragments[file.share.index.value()] = file.share.fragment;
  }
  EXPECT_THAT(std::string(OpenValue(*Script::Nested(), files[0].share.core, NodeSet::All(),
                                    fragments, key_shares)
                              .status()
                              .message()),
              ::testing::HasSubstr("worldb-recover join"));
}

TEST(FileScatter, NamesTooLongAndMissingAreRefused) {
  SeededEntropy entropy(75);
  EXPECT_FALSE(FileSealer::Create(Script::Nested(), kDefaultSuite, Bytes(kKeyNameBytesMax + 1),
                                  OpId(), entropy)
                   .ok());
  EXPECT_FALSE(BaseNameOf(Bytes{1}).ok());
  EXPECT_FALSE(BaseNameOf(Bytes{2, 0, 'a'}).ok());
  EXPECT_FALSE(BaseNameOf(Bytes(5000, 0xff)).ok());
}

}  // namespace
}  // namespace worldb::cryptoscatter
