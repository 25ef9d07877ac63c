#include "cryptoscatter/share_file.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/erasure_code.h"
#include "cryptoscatter/labels.h"
#include "cryptoscatter/stripe_aead.h"

namespace worldb::cryptoscatter {
namespace {

constexpr std::uint16_t kShareFileFormat = 1;
constexpr std::uint16_t kHasStoredKeyShare = 1;  // flags
constexpr std::uint16_t kHasOpenKeyShare = 2;
constexpr std::size_t kFooterBytes = 8 + 32;  // file bytes and hash
// Of the block hashes, at a time.
constexpr std::size_t kReadBytes = 65536;

std::uint64_t BlockCount(std::uint64_t fragment_bytes) {
  return std::max<std::uint64_t>(1, (fragment_bytes + kMerkleBlockBytes - 1) / kMerkleBlockBytes);
}

std::size_t BytesOfBlock(std::uint64_t fragment_bytes, std::uint64_t block) {
  return static_cast<std::size_t>(
      std::min<std::uint64_t>(kMerkleBlockBytes, fragment_bytes - block * kMerkleBlockBytes));
}

ScriptId ScriptIdOf(absl::string_view text) {
  return ScriptId{LabelledHash(labels::kScriptId, AsBytes(text)).bytes};
}

struct Header {
  std::uint16_t flags = 0;
  NodeId node;
  std::uint64_t fragment_bytes = 0;
};

constexpr std::size_t kKeyRowsBytesMax = kKeyRowsMax * kKeyRowBytes;

// With a key share of no rows.
std::size_t KeyShareBytesMin(std::uint16_t flags) {
  return flags == kHasStoredKeyShare ? StoredKeyShare::kBytesMin
         : flags == kHasOpenKeyShare ? 1
                                     : 0;
}

KeyShare ReadOpenKeyShare(ByteReader& in) {
  const int rows = in.U8();
  if (rows > kKeyRowsMax) in.Fail("a key share of more than 8 rows");
  KeyShare share(in.ok() ? rows : 0);
  const ByteSpan open = in.View(share.size());
  if (in.ok()) std::copy(open.begin(), open.end(), share.ExposeSecretMutable().begin());
  return share;
}

absl::StatusOr<Header> DecodeHeader(ByteSpan bytes) {
  ByteReader in(bytes);
  if (in.Array<8>() != kShareFileMagic) in.Fail("not a share file: wrong magic");
  if (in.U16() != kShareFileFormat) in.Fail("unknown share file format");
  Header header;
  header.flags = in.U16();
  if (header.flags > kHasOpenKeyShare) in.Fail("unknown flags");
  header.node.bytes = in.Array<16>();
  header.fragment_bytes = in.U64();
  if (header.fragment_bytes > kShareFileFragmentBytesMax) {
    in.Fail("an absurd fragment size, more than 128 GiB");
  }
  WORLDB_RETURN_IF_ERROR(in.Finish("share file"));
  return header;
}

// What the header alone says of the file's size: never more than a few KiB of trailer beyond the block
// hashes.
absl::Status CheckSize(const Header& header, std::uint64_t file_bytes) {
  const std::uint64_t blocks = 32 * BlockCount(header.fragment_bytes);
  const std::uint64_t least = kShareFileHeaderBytes + header.fragment_bytes + 4 +
                              Share::kMetadataBytesMin + 4 + KeyShareBytesMin(header.flags) +
                              blocks + kFooterBytes;
  const std::uint64_t most = least + (Share::kMetadataBytesMax - Share::kMetadataBytesMin) +
                             kScriptTextBytesMax + (header.flags == 0 ? 0 : kKeyRowsBytesMax);
  if (file_bytes < least) {
    return absl::InvalidArgumentError(absl::StrCat(
        "share file: cut short: it has ", file_bytes, " bytes, and its header's fragment of ",
        header.fragment_bytes, " bytes makes at least ", least));
  }
  if (file_bytes > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("share file: it has ", file_bytes, " bytes, and its header's fragment of ",
                     header.fragment_bytes, " bytes makes at most ", most));
  }
  return absl::OkStatus();
}

// What stands between fragment and block hashes.
absl::StatusOr<ShareFile> DecodeFront(const Header& header, ByteSpan bytes) {
  ByteReader in(bytes);
  ShareFile out;
  const ByteSpan metadata = in.Sized(Share::kMetadataBytesMax);
  const ByteSpan text = in.Sized(kScriptTextBytesMax);
  if (header.flags == kHasStoredKeyShare) {
    out.key_share = StoredKeyShare::ReadFrom(in);
  } else if (header.flags == kHasOpenKeyShare) {
    out.open_key_share = ReadOpenKeyShare(in);
  }
  WORLDB_RETURN_IF_ERROR(in.Finish("share file"));
  WORLDB_ASSIGN_OR_RETURN(out.share, Share::DecodeMetadata(metadata));
  out.node = header.node;
  out.script_text = std::string(AsText(text));
  if (ScriptIdOf(AsText(text)) != out.share.script) {
    return absl::InvalidArgumentError("share file: its script text is not the metadata's script");
  }
  return out;
}

// A fragment that is too short is VerifyShare's to judge: the key share may still be good.
absl::Status CheckFragmentSize(const Header& header, const Core& core) {
  const int data_count =
      static_cast<int>((core.segment_bytes + kSegmentTagBytes) / kStripeUnitBytes);
  if (header.fragment_bytes > ErasureCode::FragmentBytes(data_count, core.CiphertextBytes())) {
    return absl::InvalidArgumentError(
        "share file: the fragment is larger than one of its ciphertext");
  }
  return absl::OkStatus();
}

class SpanSource final : public ByteSource {
 public:
  explicit SpanSource(ByteSpan bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  absl::Status Read(std::uint64_t at, MutableByteSpan out) const override {
    const ByteSpan from = bytes_.subspan(at, out.size());
    std::copy(from.begin(), from.end(), out.begin());
    return absl::OkStatus();
  }

 private:
  ByteSpan bytes_;
};

}  // namespace

ShareFileFrame FrameShareFile(const ShareFile& file, std::uint64_t fragment_bytes,
                              std::span<const Hash256> block_tops) {
  WORLDB_CHECK(fragment_bytes <= kShareFileFragmentBytesMax);
  WORLDB_CHECK(block_tops.size() == BlockCount(fragment_bytes));
  WORLDB_CHECK(!(file.key_share && file.open_key_share));
  WORLDB_CHECK(file.script_text.size() <= kScriptTextBytesMax &&
               ScriptIdOf(file.script_text) == file.share.script);
  ByteWriter header(kShareFileHeaderBytes);
  header.Raw(kShareFileMagic).U16(kShareFileFormat);
  header.U16(file.key_share ? kHasStoredKeyShare : file.open_key_share ? kHasOpenKeyShare : 0);
  header.Raw(file.node.bytes).U64(fragment_bytes);

  // Reserved whole, so that no copy of a key share is left behind by growing.
  ByteWriter out(4 + Share::kMetadataBytesMax + 4 + file.script_text.size() +
                 StoredKeyShare::kBytesMax + 32 * block_tops.size() + kFooterBytes);
  out.Sized(file.share.EncodeMetadata()).Sized(AsBytes(file.script_text));
  if (file.key_share) file.key_share->AppendTo(out);
  if (file.open_key_share) {
    out.U8(static_cast<std::uint8_t>(file.open_key_share->rows()));
    out.Raw(file.open_key_share->ExposeSecret());
  }
  for (const Hash256& top : block_tops) out.Raw(top.bytes);
  out.U64(kShareFileHeaderBytes + fragment_bytes + out.size() + kFooterBytes);
  LabelledHasher hasher(labels::kShareFile);
  hasher.Update(header.span());
  hasher.Update(out.span());
  out.Raw(hasher.Finish().bytes);

  ShareFileFrame frame;
  std::copy(header.span().begin(), header.span().end(), frame.header.begin());
  frame.fragment_bytes = fragment_bytes;
  frame.trailer = SecretBytes(std::move(out).Take());
  return frame;
}

SecretBytes EncodeShareFile(const ShareFile& file) {
  const ByteSpan fragment = file.share.fragment;
  std::vector<Hash256> tops;
  for (std::uint64_t block = 0; block < BlockCount(fragment.size()); ++block) {
    tops.push_back(FragmentTop(
        file.share.core.suite,
        fragment.subspan(block * kMerkleBlockBytes, BytesOfBlock(fragment.size(), block))));
  }
  const ShareFileFrame frame = FrameShareFile(file, fragment.size(), tops);
  ByteWriter out(frame.header.size() + fragment.size() + frame.trailer.size());
  out.Raw(frame.header).Raw(fragment).Raw(frame.trailer.ExposeSecret());
  return SecretBytes(std::move(out).Take());
}

absl::StatusOr<ShareFile> DecodeShareFile(ByteSpan bytes) {
  const SpanSource source(bytes);
  WORLDB_ASSIGN_OR_RETURN(ShareFileReader reader, ShareFileReader::Open(source));
  ShareFile file = std::move(reader).TakeFile();
  file.share.fragment = ToBytes(bytes.subspan(kShareFileHeaderBytes, reader.fragment_bytes()));
  return file;
}

absl::StatusOr<ShareFileReader> ShareFileReader::Open(const ByteSource& source) {
  std::array<std::uint8_t, kShareFileHeaderBytes> header_bytes{};
  const std::size_t have =
      static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), kShareFileHeaderBytes));
  WORLDB_RETURN_IF_ERROR(source.Read(0, MutableByteSpan(header_bytes).first(have)));
  WORLDB_ASSIGN_OR_RETURN(const Header header, DecodeHeader(ByteSpan(header_bytes).first(have)));
  WORLDB_RETURN_IF_ERROR(CheckSize(header, source.size()));
  // The footer: it tells a file that was cut or has grown from one that was never right.
  std::array<std::uint8_t, kFooterBytes> footer{};
  WORLDB_RETURN_IF_ERROR(source.Read(source.size() - kFooterBytes, footer));
  if (ByteReader(ByteSpan(footer).first(8)).U64() != source.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "share file: its footer does not name its ", source.size(),
        " bytes: it was cut short, has bytes too many at its end, or is damaged there"));
  }
  // What is small, before memory is spent on a size that only the header vouches for.
  const std::uint64_t front_at = kShareFileHeaderBytes + header.fragment_bytes;
  const std::uint64_t blocks_at =
      source.size() - kFooterBytes - 32 * BlockCount(header.fragment_bytes);
  SecretBytes front(static_cast<std::size_t>(blocks_at - front_at));
  WORLDB_RETURN_IF_ERROR(source.Read(front_at, front.ExposeSecretMutable()));
  ShareFileReader reader;
  WORLDB_ASSIGN_OR_RETURN(reader.file_, DecodeFront(header, front.ExposeSecret()));
  const Share& share = reader.file_.share;
  WORLDB_RETURN_IF_ERROR(CheckFragmentSize(header, share.core));

  LabelledHasher hasher(labels::kShareFile);
  hasher.Update(header_bytes);
  hasher.Update(front.ExposeSecret());
  reader.block_tops_.resize(static_cast<std::size_t>(BlockCount(header.fragment_bytes)));
  Bytes piece(std::min(kReadBytes, 32 * reader.block_tops_.size()));
  for (std::size_t next = 0; next < reader.block_tops_.size();) {
    const std::size_t count = std::min(kReadBytes / 32, reader.block_tops_.size() - next);
    const MutableByteSpan bytes = MutableByteSpan(piece).first(32 * count);
    WORLDB_RETURN_IF_ERROR(source.Read(blocks_at + 32 * next, bytes));
    hasher.Update(bytes);
    ByteReader in(bytes);
    for (std::size_t i = 0; i < count; ++i) reader.block_tops_[next++].bytes = in.Array<32>();
  }
  hasher.Update(ByteSpan(footer).first(8));
  const Hash256 hash = hasher.Finish();
  if (!std::equal(hash.bytes.begin(), hash.bytes.end(), footer.begin() + 8)) {
    return absl::InvalidArgumentError(
        "share file: header and trailer do not have the hash in the footer");
  }
  if (FragmentRootOf(
          share.core.suite, share.core.Id(), share.generation, share.index, header.fragment_bytes,
          FragmentTopOfBlocks(share.core.suite, reader.block_tops_)) != share.fragment_root) {
    return absl::InvalidArgumentError(
        "share file: its block hashes do not fold to the fragment root");
  }
  reader.source_ = &source;
  reader.fragment_bytes_ = header.fragment_bytes;
  return reader;
}

std::size_t ShareFileReader::BlockBytes(std::uint64_t block) const {
  WORLDB_CHECK(block < block_count());
  return BytesOfBlock(fragment_bytes_, block);
}

absl::Status ShareFileReader::ReadBlock(std::uint64_t block, MutableByteSpan out) const {
  WORLDB_CHECK(out.size() == BlockBytes(block));
  const std::uint64_t at = block * kMerkleBlockBytes;
  WORLDB_RETURN_IF_ERROR(source_->Read(kShareFileHeaderBytes + at, out));
  if (FragmentTop(file_.share.core.suite, out) != block_tops_[static_cast<std::size_t>(block)]) {
    return absl::DataLossError(
        absl::StrCat("fragment bytes ", at, " to ", at + out.size(), " do not have their hash"));
  }
  return absl::OkStatus();
}

}  // namespace worldb::cryptoscatter
