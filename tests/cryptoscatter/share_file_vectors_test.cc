// Goal:   tests/vectors/share_files/ has share files of both suites that open, and one for each way a
//         share file can be wrong; every reader must refuse exactly those, and say why.
// Method: index.txt names each file, what becomes of it, and words of the refusal. The files are made
//         again and compared byte by byte; WORLDB_WRITE_VECTORS=1 writes them instead.
//         second_file_reader.py reads the same folder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/labels.h"
#include "cryptoscatter/share_file.h"
#include "tests/support/scatter_cell.h"
#include "tests/support/seeded_entropy.h"
#include "tests/support/several_rows_script.h"
#include "tests/support/split_in_memory.h"

namespace worldb::cryptoscatter {
namespace {

constexpr char kContent[] = "first write wins\n";

struct Vector {
  std::string name;
  std::string outcome;  // good; refused: it does not decode; unverified: VerifyShare says why
  std::string words;
  Bytes bytes;
};

std::filesystem::path Folder() {
  const char* root = std::getenv("WORLDB_SOURCE_DIR");
  return std::filesystem::path(root == nullptr ? "." : root) / "tests" / "vectors" / "share_files";
}

// With a footer that is right for the bytes before it.
Bytes Resigned(Bytes bytes, std::size_t fragment_bytes) {
  ByteWriter size;
  size.U64(bytes.size());
  std::copy(size.span().begin(), size.span().end(), bytes.end() - 40);
  Bytes hashed(bytes.begin(), bytes.begin() + kShareFileHeaderBytes);
  hashed.insert(hashed.end(),
                bytes.begin() + static_cast<std::ptrdiff_t>(kShareFileHeaderBytes + fragment_bytes),
                bytes.end() - 32);
  const Hash256 hash = LabelledHash(labels::kShareFile, hashed);
  std::copy(hash.bytes.begin(), hash.bytes.end(), bytes.end() - 32);
  return bytes;
}

std::vector<Vector> MakeVectors() {
  std::vector<Vector> out;
  testing::SeededEntropy entropy(2027);
  Bytes good;
  std::size_t fragment_bytes = 0;
  for (Suite suite : kAllSuites) {
    const auto files =
        testing::SplitInMemory(Script::Nested(), suite, "first.txt", AsBytes(kContent), entropy);
    for (std::size_t j : {0u, 1u, 3u, 4u}) {
      out.push_back({absl::StrCat("suite_", static_cast<int>(suite), "_share_", j, ".wds"), "good",
                     "", files[j]});
    }
    if (suite == Suite::kXChaCha20Blake2b) good = files[4];
  }
  {
    const auto files =
        testing::SplitInMemory(testing::SeveralRowsScript(), Suite::kXChaCha20Blake2b, "first.txt",
                               AsBytes(kContent), entropy);
    for (std::size_t j : {0u, 2u, 3u, 6u}) {
      out.push_back({absl::StrCat("several_rows_share_", j, ".wds"), "good", "", files[j]});
    }
    ShareFile file = *DecodeShareFile(files[0]);
    file.open_key_share = KeyShare(2);
    out.push_back({"too_few_rows.wds", "unverified", "key share does not have the hash",
                   ToBytes(EncodeShareFile(file).ExposeSecret())});
  }
  fragment_bytes = DecodeShareFile(good)->share.fragment.size();
  {
    testing::ScatterCell cell(2028);
    const auto scattered = cell.Scatter(AsBytes("greeting"), AsBytes(kContent));
    ShareFile file{scattered.shares[4], cell.node(4), std::nullopt, cell.script().text(),
                   std::nullopt};
    file.key_share = WrapKeyShare(
        StorageKey(), {file.share.core.Id(), 0, NodeAt(4), file.node, file.share.key_share_hash},
        scattered.key_shares[4]);
    out.push_back(
        {"value_stored_key_share.wds", "good", "", ToBytes(EncodeShareFile(file).ExposeSecret())});
  }

  const auto patch = [&](const std::string& name, const std::string& words, std::size_t at,
                         std::uint8_t value, bool resign = true) {
    Bytes bytes = good;
    WORLDB_CHECK(bytes[at] != value);
    bytes[at] = value;
    out.push_back({name + ".wds", "refused", words,
                   resign ? Resigned(std::move(bytes), fragment_bytes) : std::move(bytes)});
  };
  const std::size_t metadata = kShareFileHeaderBytes + fragment_bytes + 4;
  const std::size_t metadata_bytes = DecodeShareFile(good)->share.EncodeMetadata().size();
  const std::size_t text = metadata + metadata_bytes + 4;
  const std::size_t key_share = text + DecodeShareFile(good)->script_text.size();
  const std::size_t blocks = good.size() - 40 - 32;
  patch("wrong_magic", "wrong magic", 0, 'W');
  patch("unknown_format", "unknown share file format", 8, 2);
  patch("unknown_flag", "unknown flags", 10, 4);
  patch("two_key_shares", "unknown flags", 10, 3);
  patch("absurd_fragment_size", "absurd", 35, 0xff);
  patch("absurd_metadata_size", "share file", metadata - 1, 0xff);
  patch("absurd_script_size", "share file", text - 1, 0xff);
  patch("unknown_share_format", "unknown share format", metadata, 9);
  patch("unknown_core_format", "unknown core format", metadata + 2 + 4, 9);
  patch("unknown_suite", "suite", metadata + 2 + 6, 9);
  patch("unknown_kind", "unknown kind", metadata + 2 + 8, 9);
  patch("index_above_8", "index above 8", metadata + 140, 9);
  patch("absurd_batch_count", "batch", metadata + 219 + 128 + 96 + 3, 0xff);
  patch("absurd_rows", "more than 8 rows", key_share, 9);
  patch("no_rows", "share file", key_share, 0);
  patch("wrong_script_text", "script text", text + 5, '1');
  patch("block_hashes_do_not_fold", "do not fold", blocks,
        static_cast<std::uint8_t>(~good[blocks]));
  patch("wrong_footer_hash", "hash in the footer", good.size() - 1,
        static_cast<std::uint8_t>(~good.back()), /*resign=*/false);
  patch("wrong_file_bytes", "footer does not name", good.size() - 40,
        static_cast<std::uint8_t>(~good[good.size() - 40]), /*resign=*/false);
  {
    Bytes bytes = good;
    bytes.push_back(0);
    out.push_back({"trailing_byte.wds", "refused", "bytes too many", bytes});
    bytes.resize(good.size() - 1);
    out.push_back({"truncated_footer.wds", "refused", "cut short", bytes});
    bytes.resize(kShareFileHeaderBytes + fragment_bytes / 2);
    out.push_back({"truncated_fragment.wds", "refused", "cut short", bytes});
    bytes.resize(20);
    out.push_back({"truncated_header.wds", "refused", "share file", bytes});
    bytes.clear();
    out.push_back({"empty.wds", "refused", "share file", bytes});
  }

  const auto change = [&](const std::string& name, const std::string& words,
                          const std::function<void(ShareFile&)>& edit) {
    ShareFile file = *DecodeShareFile(good);
    edit(file);
    out.push_back(
        {name + ".wds", "unverified", words, ToBytes(EncodeShareFile(file).ExposeSecret())});
  };
  Bytes flipped = good;
  flipped[kShareFileHeaderBytes] ^= 1;
  out.push_back({"flipped_fragment.wds", "unverified", "fragment root of its leaf", flipped});
  change("wrong_key_share", "key share does not have the hash",
         [](ShareFile& file) { file.open_key_share->ExposeSecretMutable()[0] ^= 1; });
  change("forged_signature", "what the writer signed",
         [](ShareFile& file) { file.share.proof.signature.bytes[5] ^= 1; });
  change("other_signer", "what the writer signed",
         [](ShareFile& file) { file.share.proof.signer.bytes[5] ^= 1; });
  change("wrong_path", "what the writer signed",
         [](ShareFile& file) { file.share.path.leaves[0].bytes[0] ^= 1; });
  change("other_index", "what the writer signed", [](ShareFile& file) {
    file.share.index = NodeAt(3);
    file.share.fragment_root = FragmentRoot(file.share.core.suite, file.share.core.Id(), 0,
                                            NodeAt(3), file.share.fragment);
  });
  change("other_generation", "generation 1", [](ShareFile& file) {
    file.share.generation = 1;
    file.share.fragment_root = FragmentRoot(file.share.core.suite, file.share.core.Id(), 1,
                                            NodeAt(4), file.share.fragment);
  });
  return out;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

TEST(ShareFileVectors, EachFileIsWhatTheCodeMakesAndEndsAsTheIndexSays) {
  const std::vector<Vector> vectors = MakeVectors();
  std::string index =
      "# file, what becomes of it, words of the refusal. All good shares of a suite and a script "
      "make the\n"
      "# file first.txt with the content \"first write wins\" and a line feed. The storage key of "
      "the "
      "stored\n"
      "# key share is 32 zero bytes.\n";
  for (const Vector& v : vectors)
    absl::StrAppend(&index, v.name, "\t", v.outcome, "\t", v.words, "\n");
  if (std::getenv("WORLDB_WRITE_VECTORS") != nullptr) {
    std::filesystem::create_directories(Folder());
    std::ofstream(Folder() / "index.txt", std::ios::binary) << index;
    for (const Vector& v : vectors) {
      std::ofstream(Folder() / v.name, std::ios::binary) << AsText(v.bytes);
    }
    GTEST_SKIP() << "written: " << Folder();
  }
  const ScriptBook scripts({testing::SeveralRowsScript()});
  EXPECT_EQ(ReadFile(Folder() / "index.txt"), index);
  for (const Vector& v : vectors) {
    SCOPED_TRACE(v.name);
    EXPECT_TRUE(ReadFile(Folder() / v.name) == std::string(AsText(v.bytes)));
    const auto file = DecodeShareFile(v.bytes);
    ASSERT_EQ(file.ok(), v.outcome != "refused") << file.status();
    if (!file.ok()) {
      EXPECT_THAT(std::string(file.status().message()), ::testing::HasSubstr(v.words));
      continue;
    }
    BatchVerifier verifier;
    const ShareVerdict verdict =
        VerifyShare(file->share, file->share.core.cell, verifier,
                    file->open_key_share ? &*file->open_key_share : nullptr, /*source=*/{},
                    /*has_fragment=*/true, scripts);
    EXPECT_EQ(verdict.reason.empty(), v.outcome == "good") << verdict.reason;
    EXPECT_THAT(verdict.reason, ::testing::HasSubstr(v.words));
  }
}

}  // namespace
}  // namespace worldb::cryptoscatter
