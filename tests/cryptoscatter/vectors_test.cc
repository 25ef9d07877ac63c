// Goal:   the format does not drift: a value sealed with fixed entropy gives the same bytes for ever.
// Method: regenerates tests/vectors/share_format_1_*.txt and compares line by line; the worked
//         examples of docs/share-format.md quote those files. WORLDB_WRITE_VECTORS=1 writes them, and
//         the seeds of the fuzz targets, instead of comparing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/key_repair.h"
#include "cryptoscatter/opener.h"
#include "cryptoscatter/share_file.h"
#include "cryptoscatter/stripe_aead.h"
#include "tests/support/hex.h"
#include "tests/support/scatter_cell.h"
#include "tests/support/several_rows_script.h"

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

// Which script and suite, whose share is shown, and who repairs its key share.
struct Case {
  const char* name;
  const char* script_name;
  std::shared_ptr<const Script> script;
  Suite suite;
  int node;
  std::vector<int> helpers;
  std::vector<std::vector<int>> reading_sets;
};

std::vector<Case> Cases() {
  const auto nested = [](const char* name, Suite suite) {
    // Helpers: a neighbour and two nodes of each other data center.
    return Case{name,
                "nested",
                Script::Nested(),
                suite,
                4,
                {1, 2, 3, 6, 7},
                {{0, 1, 3, 4}, {1, 2, 6, 8}, {3, 5, 7, 8}}};
  };
  return {nested("suite_1", Suite::kXChaCha20Blake2b),
          nested("suite_2", Suite::kAes256GcmSha256),
          {"several_rows",
           "several rows a node",
           testing::SeveralRowsScript(),
           Suite::kXChaCha20Blake2b,
           0,
           {1, 3, 4, 6},
           {{0, 3, 4}, {0, 6, 7}, {0, 3, 6}, {3, 5, 6, 7}, {0, 1, 2, 3, 4, 5, 6, 7, 8}}}};
}

struct Example {
  explicit Example(Case shown) : shape(std::move(shown)), cell(2026, shape.script, shape.suite) {}

  const Case shape;
  const std::size_t at = static_cast<std::size_t>(shape.node);
  const NodeIndex index = NodeAt(shape.node);
  ScatterCell cell;
  ScatteredValue scattered = cell.Scatter(AsBytes("greeting"), AsBytes("first write wins"));
  KeySecret secret = [this] {
    std::vector<IndexedKeyShare> enough;
    for (int j : shape.reading_sets.front()) {
      enough.push_back({NodeAt(j), scattered.key_shares[static_cast<std::size_t>(j)].Duplicate()});
    }
    return *cell.script().key_sharing().Combine(enough);
  }();
  StorageKey storage_key;
  ShareFile file{scattered.shares[at], cell.node(shape.node),
                 WrapKeyShare(storage_key,
                              {scattered.sealed.core.Id(), 0, index, cell.node(shape.node),
                               scattered.sealed.key_share_hashes[at]},
                              scattered.key_shares[at]),
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
      << ". Key \"greeting\", value \"first write wins\", " << example.shape.script_name
      << " script.\n# Of one node: its keys, its share file, and the repair of its key share.\n";
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
  line("leaf_root", sealed.Leaves(sealed.core.Id()).root().bytes);
  line("commitment", sealed.Commitment().bytes);
  line("writer_signing_key", sealed.proof.signer.bytes);
  line("signature", sealed.proof.signature.bytes);
  line("writer_exchange_key", sealed.writer_exchange_key.bytes);
  line("node", Bytes{example.index.value()});
  const ExchangeKeyPair& exchange = example.cell.exchange(example.shape.node);
  line("node_id", example.cell.node(example.shape.node).bytes);
  line("node_exchange_private", exchange.PrivateKey().ExposeSecret());
  line("pairwise_key",
       exchange.PairwiseKeyAsOpener(sealed.writer_exchange_key)->root.ExposeSecret());
  ByteWriter sealed_key_share;
  sealed.key_shares[example.at].AppendTo(sealed_key_share);
  line("sealed_key_share", sealed_key_share.span());
  line("storage_key", example.storage_key.ExposeSecret());
  line("share_file", EncodeShareFile(example.file).ExposeSecret());
  Bytes reading_sets;
  for (const std::vector<int>& set : example.shape.reading_sets) {
    if (!reading_sets.empty()) reading_sets.push_back(0xff);
    reading_sets.insert(reading_sets.end(), set.begin(), set.end());
  }
  line("reading_sets", reading_sets);
  line("helpers", Bytes(example.shape.helpers.begin(), example.shape.helpers.end()));
  KeyRepair repair{example.scattered.sealed.Commitment(), 0, example.index, {}};
  for (const int helper : example.shape.helpers) repair.helpers.Add(NodeAt(helper));
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
             with_others.back().root.ExposeSecret());
      }
    }
    const auto contribution =
        MakeContribution(example.cell.script().key_sharing(), repair, NodeAt(i),
                         example.scattered.key_shares[static_cast<std::size_t>(i)], mask_keys);
    line("contribution_" + std::to_string(i), contribution->ExposeSecret());
  }
  return out.str();
}

class Vectors : public ::testing::TestWithParam<Case> {};

TEST_P(Vectors, TheWorkedExampleIsWhatTheCodeMakes) {
  const Example example(GetParam());
  const std::filesystem::path path =
      TestsFolder() / "vectors" / absl::StrCat("share_format_1_", GetParam().name, ".txt");
  const std::string made = Vector(example);
  if (Writing()) {
    WriteFile(path, made);
    GTEST_SKIP() << "written: " << path;
  }
  EXPECT_EQ(ReadFile(path), made);
}

TEST_P(Vectors, SeedsOfTheFuzzTargetsStillDecode) {
  const Example example(GetParam());
  const std::string name_of_case = GetParam().name;
  const std::filesystem::path corpus = TestsFolder() / "fuzz" / "corpus";
  const auto array = example.scattered.sealed.core.Encode();
  const std::pair<std::string, Bytes> seeds[] = {
      {"core_fuzz/" + name_of_case, ToBytes(array)},
      {"sealed_value_fuzz/" + name_of_case, example.scattered.sealed.Encode()},
      {"share_fuzz/" + name_of_case, example.scattered.shares[example.at].Encode()},
      {"share_file_fuzz/" + name_of_case, ToBytes(EncodeShareFile(example.file).ExposeSecret())},
      {"commit_proof_fuzz/" + name_of_case, example.scattered.sealed.proof.Encode()},
  };
  for (const auto& [name, bytes] : seeds) {
    if (Writing()) {
      WriteFile(corpus / name, AsText(bytes));
    } else {
      EXPECT_EQ(ReadFile(corpus / name), std::string(AsText(bytes))) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cases, Vectors, ::testing::ValuesIn(Cases()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace worldb::cryptoscatter
