// Goal:   a share file is read as it was written, or refused with the reason; a bad block is named and
//         the others stay good.
// Method: every single-bit flip of header and trailer, every truncation and one byte more, with each
//         kind of key share and under both suites; a fragment of several blocks, read in any order.
#include "cryptoscatter/share_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/support/scatter_cell.h"

namespace worldb::cryptoscatter {
namespace {

using ::testing::HasSubstr;
using testing::ScatterCell;
using testing::ScatteredValue;

enum class Keep { kNoKeyShare, kStored, kOpen };

class Span final : public ByteSource {
 public:
  explicit Span(ByteSpan bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  absl::Status Read(std::uint64_t at, MutableByteSpan out) const override {
    if (at <= fails_at_ && fails_at_ < at + out.size()) return absl::UnavailableError("bad sector");
    const ByteSpan from = bytes_.subspan(at, out.size());
    std::copy(from.begin(), from.end(), out.begin());
    return absl::OkStatus();
  }
  std::uint64_t fails_at_ = ~std::uint64_t{0};

 private:
  ByteSpan bytes_;
};

ShareFile Make(ScatterCell& cell, const ScatteredValue& scattered, Keep keep) {
  ShareFile file{scattered.shares[4], cell.node(4), std::nullopt, cell.script().text(),
                 std::nullopt};
  const KeySharePlace place{file.share.core.Id(), 0, NodeAt(4), cell.node(4),
                            file.share.key_share_hash};
  if (keep == Keep::kStored) {
    file.key_share = WrapKeyShare(StorageKey(), place, scattered.key_shares[4]);
  } else if (keep == Keep::kOpen) {
    file.open_key_share = scattered.key_shares[4].Duplicate();
  }
  return file;
}

Bytes Encoded(const ShareFile& file) { return ToBytes(EncodeShareFile(file).ExposeSecret()); }

TEST(ShareFile, RoundTripsAndEveryChangeOutsideTheFragmentIsRefused) {
  for (Suite suite : kAllSuites) {
    ScatterCell cell(41, Script::Nested(), suite);
    const ScatteredValue scattered = cell.Scatter(AsBytes("key"), AsBytes("a value of some bytes"));
    for (Keep keep : {Keep::kNoKeyShare, Keep::kStored, Keep::kOpen}) {
      const ShareFile file = Make(cell, scattered, keep);
      const Bytes encoded = Encoded(file);
      const auto decoded = DecodeShareFile(encoded);
      ASSERT_TRUE(decoded.ok()) << decoded.status();
      EXPECT_EQ(decoded->share, file.share);
      EXPECT_EQ(decoded->node, file.node);
      EXPECT_EQ(decoded->script_text, file.script_text);
      EXPECT_EQ(Encoded(*decoded), encoded);
      const std::size_t fragment_end = kShareFileHeaderBytes + file.share.fragment.size();
      for (std::size_t at = 0; at < encoded.size(); ++at) {
        for (int bit = 0; bit < 8; ++bit) {
          Bytes changed = encoded;
          changed[at] ^= static_cast<std::uint8_t>(1 << bit);
          const auto now = DecodeShareFile(changed);
          const bool in_fragment = kShareFileHeaderBytes <= at && at < fragment_end;
          ASSERT_EQ(now.ok(), in_fragment) << at;
          if (in_fragment) {
            BatchVerifier verifier;
            const ShareVerdict verdict = VerifyShare(now->share, cell.cell(), verifier);
            ASSERT_TRUE(verdict.proof_ok && !verdict.fragment_ok) << at;
          }
        }
      }
      for (std::size_t bytes = 0; bytes < encoded.size(); ++bytes) {
        const auto cut = DecodeShareFile(ByteSpan(encoded).first(bytes));
        ASSERT_FALSE(cut.ok()) << bytes;
        if (bytes >= kShareFileHeaderBytes) {
          ASSERT_THAT(std::string(cut.status().message()), HasSubstr("cut short")) << bytes;
        }
      }
      Bytes longer = encoded;
      longer.push_back(0);
      EXPECT_THAT(std::string(DecodeShareFile(longer).status().message()),
                  HasSubstr("bytes too many"));
      longer.resize(encoded.size() + 100'000);
      EXPECT_THAT(std::string(DecodeShareFile(longer).status().message()), HasSubstr("at most"));
    }
  }
}

TEST(ShareFile, BlocksAreGoodOrBadOneByOne) {
  for (Suite suite : kAllSuites) {
    ScatterCell cell(42, Script::Copy(), suite);
    const ScatteredValue scattered = cell.Scatter(AsBytes("key"), Bytes(200'000, 7));
    Bytes encoded = Encoded(Make(cell, scattered, Keep::kNoKeyShare));
    const Bytes& fragment = scattered.shares[4].fragment;
    encoded[kShareFileHeaderBytes + 70'000] ^= 1;
    Span source(encoded);
    source.fails_at_ = kShareFileHeaderBytes + 2 * kMerkleBlockBytes;
    const auto reader = ShareFileReader::Open(source);
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ(reader->fragment_bytes(), fragment.size());
    ASSERT_EQ(reader->block_count(), 4u);
    EXPECT_TRUE(reader->file().share.fragment.empty());
    for (std::uint64_t block : {3, 0}) {
      Bytes out(reader->BlockBytes(block));
      ASSERT_TRUE(reader->ReadBlock(block, out).ok());
      EXPECT_TRUE(
          std::equal(out.begin(), out.end(),
                     fragment.begin() + static_cast<std::ptrdiff_t>(block * kMerkleBlockBytes)));
    }
    Bytes out(kMerkleBlockBytes);
    const absl::Status flipped = reader->ReadBlock(1, out);
    EXPECT_EQ(flipped.code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(std::string(flipped.message()),
              "fragment bytes 65536 to 131072 do not have their hash");
    EXPECT_EQ(std::string(reader->ReadBlock(2, out).message()), "bad sector");
  }
}

TEST(ShareFile, AnAbsurdSizeIsRefusedBeforeAnythingIsAllocated) {
  ScatterCell cell(43);
  const ScatteredValue scattered = cell.Scatter(AsBytes("key"), AsBytes("value"));
  Bytes encoded = Encoded(Make(cell, scattered, Keep::kStored));
  for (std::size_t byte = 0; byte < 8; ++byte) encoded[28 + byte] = 0xff;
  EXPECT_THAT(std::string(DecodeShareFile(encoded).status().message()), HasSubstr("absurd"));
  encoded[35] = encoded[34] = encoded[33] = encoded[32] = 0;
  EXPECT_THAT(std::string(DecodeShareFile(encoded).status().message()), HasSubstr("cut short"));
}

// A file of zeroes around what is given, as a sparse one is: however large, it costs its writer nothing.
class Sparse final : public ByteSource {
 public:
  Sparse(std::uint64_t size, std::map<std::uint64_t, Bytes> parts)
      : size_(size), parts_(std::move(parts)) {}
  std::uint64_t size() const override { return size_; }
  absl::Status Read(std::uint64_t at, MutableByteSpan out) const override {
    read_ += out.size();
    std::fill(out.begin(), out.end(), 0);
    for (const auto& [begin, bytes] : parts_) {
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (begin + i >= at && begin + i - at < out.size()) out[begin + i - at] = bytes[i];
      }
    }
    return absl::OkStatus();
  }
  std::uint64_t read() const { return read_; }

 private:
  const std::uint64_t size_;
  const std::map<std::uint64_t, Bytes> parts_;
  mutable std::uint64_t read_ = 0;
};

TEST(ShareFile, AFragmentTheMetadataDoNotAllowCostsAFewKiloBytes) {
  ScatterCell cell(44);
  const ScatteredValue scattered = cell.Scatter(AsBytes("key"), AsBytes("value"));
  const ShareFile file = Make(cell, scattered, Keep::kStored);
  const Bytes encoded = Encoded(file);
  const std::size_t front_at = kShareFileHeaderBytes + file.share.fragment.size();
  const Bytes front(encoded.begin() + static_cast<std::ptrdiff_t>(front_at),
                    encoded.end() - 40 - 32);
  for (const std::uint64_t fragment_bytes :
       {std::uint64_t{1} << 36, kShareFileFragmentBytesMax, kShareFileFragmentBytesMax + 1}) {
    ByteWriter size;
    size.U64(fragment_bytes);
    Bytes header(encoded.begin(), encoded.begin() + 28);
    header.insert(header.end(), size.span().begin(), size.span().end());
    const std::uint64_t bytes = kShareFileHeaderBytes + fragment_bytes + front.size() +
                                (fragment_bytes + 65535) / 65536 * 32 + 40;
    ByteWriter named;
    named.U64(bytes);
    const Sparse source(bytes, {{0, header},
                                {kShareFileHeaderBytes + fragment_bytes, front},
                                {bytes - 40, ToBytes(named.span())}});
    const auto reader = ShareFileReader::Open(source);
    ASSERT_FALSE(reader.ok());
    EXPECT_THAT(std::string(reader.status().message()),
                HasSubstr(fragment_bytes > kShareFileFragmentBytesMax ? "more than 128 GiB"
                                                                      : "fragment is larger"));
    EXPECT_LT(source.read(), 8000u);
  }
}

}  // namespace
}  // namespace worldb::cryptoscatter
