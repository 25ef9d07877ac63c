// Goal:   the format does not drift: a value sealed with fixed entropy gives the same bytes for
// ever. Method: regenerates tests/vectors/share_format_1_suite_*.txt and compares line by line; the
// worked examples of
//         docs/share-format.md quote those files. WORLDB_WRITE_VECTORS=1 writes it, and the seeds of
//         the fuzz targets, instead of comparing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cryptoscatter/key_repair.h"
#include "cryptoscatter/opener.h"
#include "cryptoscatter/share_file.h"
#include "cryptoscatter/stripe_aead.h"
#include "tests/support/hex.h"
#include "tests/support/scatter_cell.h"

namespace worldb::cryptoscatter {
namespace {

using testing::ScatterCell;
using testing::ScatteredValue;

std::filesystem::path TestsFolder() {
  const char* root = std::getenv("WORLDB_SOURCE_DIR");
  return std::filesystem::path(root == nullptr ? "." : root) / "tests";
}

bool Writing() { return std::getenv("WORLDB_WRITE_VECTORS") != nullptr; }

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void WriteFile(const std::filesystem::path& path, absl::string_view text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

struct Example {
  explicit Example(Suite suite) : cell(2026, Script::Nested(), suite) {}

  ScatterCell cell;
  ScatteredValue scattered = cell.Scatter(AsBytes("greeting"), AsBytes("first write wins"));
  KeySecret secret = [this] {
    std::vector<IndexedKeyShare> four;
    for (int j : {0, 1, 3, 4}) {
      four.push_back({NodeAt(j), scattered.key_shares[static_cast<std::size_t>(j)].Duplicate()});
    }
    return *cell.script().key_sharing().Combine(four);
  }();
  StorageKey storage_key;
  ShareFile file{scattered.shares[4], cell.node(4),
                 WrapKeyShare(storage_key, {scattered.sealed.core.Id(), 0, NodeAt(4), cell.node(4)},
                              scattered.key_shares[4], cell.entropy()),
                 cell.script().text(), std::nullopt};
};

std::string Vector(const Example& example) {
  const SealedValue& sealed = example.scattered.sealed;
  const CoreId core = sealed.core.Id();
  const auto encoded_core = sealed.core.Encode();
  const ByteSpan prefix = ByteSpan(encoded_core).first(Core::kPrefixBytes);
  const DataKeySpan data_key = example.secret.ExposeSecret().first<kDataKeyBytes>();
  const StreamKeys keys = DeriveStreamKeys(data_key, prefix);
  std::ostringstream out;
  const auto line = [&](const std::string& name, ByteSpan bytes) {
    out << name << " = " << HexEncode(bytes) << "\n";
  };
  const Suite suite = sealed.core.suite;
  out << "# Outcome: opens. Suite " << static_cast<int>(suite)
      << ". Key \"greeting\", value \"first write wins\", nested script.\n";
  line("script_id", sealed.script.bytes);
  line("key_secret", example.secret.ExposeSecret());
  line("encryption_key", keys.encryption_key.ExposeSecret());
  line("base_nonce", keys.base_nonce.ExposeSecret());
  line("core", encoded_core);
  line("core_id", core.bytes);
  line("ciphertext", sealed.ciphertext);
  // What one short segment does not show: a segment in the middle, and larger fragment trees.
  Bytes segment(3 + kSegmentTagBytes);
  SegmentSealer(suite, keys).Seal(3, /*last=*/false, AsBytes("abc"), segment);
  line("segment_3_abc", segment);
  for (const std::size_t bytes : {0u, 1024u, 2500u, 5121u, 70'000u}) {
    Bytes counting(bytes);
    for (std::size_t i = 0; i < bytes; ++i) counting[i] = static_cast<std::uint8_t>(i % 251);
    line("top_" + std::to_string(bytes), FragmentTop(suite, counting).bytes);
  }
  for (std::size_t j = 0; j < 9; ++j) {
    const std::string n = std::to_string(j);
    line("fragment_" + n, example.scattered.shares[j].fragment);
    line("fragment_root_" + n, sealed.fragment_roots[j].bytes);
    line("key_share_" + n, example.scattered.key_shares[j].ExposeSecret());
    line("key_share_hash_" + n, sealed.key_share_hashes[j].bytes);
  }
  line("leaf_root", sealed.LeafRoot().bytes);
  line("commitment", sealed.Commitment().bytes);
  line("writer_signing_key", sealed.proof.signer.bytes);
  line("signature", sealed.proof.signature.bytes);
  line("writer_exchange_key", sealed.writer_exchange_key.bytes);
  line("node_4_exchange_private", example.cell.exchange(4).PrivateKey().ExposeSecret());
  line("node_4_id", example.cell.node(4).bytes);
  line("sealed_key_share_4_nonce", sealed.key_shares[4].nonce);
  line("sealed_key_share_4_box", sealed.key_shares[4].box);
  line("storage_key", example.storage_key.ExposeSecret());
  line("share_file_4", EncodeShareFile(example.file).ExposeSecret());
  // Repair of key share 4 by a neighbour and two nodes of each other data center.
  const KeyRepair repair{core, 0, NodeAt(4), NodeSet::FromBits(0b011'001'110)};
  for (int i = 0; i < kNodeCount; ++i) {
    if (!repair.helpers.Has(i)) continue;
    std::vector<PairwiseKey> with_others;
    with_others.reserve(kNodeCount);
    MaskKeys mask_keys{};
    for (int k = 0; k < kNodeCount; ++k) {
      if (k == i || !repair.helpers.Has(k)) continue;
      with_others.push_back(*MaskKeyOf(example.cell.exchange(i), NodeAt(i),
                                       example.cell.exchange(k).public_key(), NodeAt(k)));
      mask_keys[static_cast<std::size_t>(k)] = &with_others.back();
      if (i < k) {
        line("mask_key_" + std::to_string(i) + "_" + std::to_string(k),
             with_others.back().ExposeSecret());
      }
    }
    const auto contribution =
        MakeContribution(example.cell.script().key_sharing(), repair, NodeAt(i),
                         example.scattered.key_shares[static_cast<std::size_t>(i)], mask_keys);
    line("contribution_" + std::to_string(i) + "_to_4", contribution->ExposeSecret());
  }
  return out.str();
}

std::string FileNameOf(Suite suite) {
  return "share_format_1_suite_" + std::to_string(static_cast<int>(suite)) + ".txt";
}

class Vectors : public ::testing::TestWithParam<Suite> {};

TEST_P(Vectors, TheWorkedExampleIsWhatTheCodeMakes) {
  const Example example(GetParam());
  const std::filesystem::path path = TestsFolder() / "vectors" / FileNameOf(GetParam());
  const std::string made = Vector(example);
  if (Writing()) {
    WriteFile(path, made);
    GTEST_SKIP() << "written: " << path;
  }
  EXPECT_EQ(ReadFile(path), made);
}

TEST_P(Vectors, SeedsOfTheFuzzTargetsStillDecode) {
  const Example example(GetParam());
  const std::string suite = "_suite_" + std::to_string(static_cast<int>(GetParam()));
  const std::filesystem::path corpus = TestsFolder() / "fuzz" / "corpus";
  const auto array = example.scattered.sealed.core.Encode();
  const std::pair<std::string, Bytes> seeds[] = {
      {"core_fuzz/nested" + suite, ToBytes(array)},
      {"sealed_value_fuzz/nested" + suite, example.scattered.sealed.Encode()},
      {"share_fuzz/nested_4" + suite, example.scattered.shares[4].Encode()},
      {"share_file_fuzz/nested_4" + suite, ToBytes(EncodeShareFile(example.file).ExposeSecret())},
      {"commit_proof_fuzz/alone" + suite, example.scattered.sealed.proof.Encode()},
  };
  for (const auto& [name, bytes] : seeds) {
    if (Writing()) {
      WriteFile(corpus / name, AsText(bytes));
    } else {
      EXPECT_EQ(ReadFile(corpus / name), std::string(AsText(bytes))) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Suites, Vectors, ::testing::ValuesIn(kAllSuites));

}  // namespace
}  // namespace worldb::cryptoscatter
