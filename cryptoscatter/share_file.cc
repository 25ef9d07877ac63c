#include "cryptoscatter/share_file.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/labels.h"
#include "cryptoscatter/stripe_aead.h"

namespace worldb::cryptoscatter {
namespace {

constexpr std::uint16_t kShareFileFormat = 1;
constexpr std::uint16_t kHasStoredKeyShare = 1;  // flags
constexpr std::uint16_t kHasOpenKeyShare = 2;
// As PNG has it: a byte above 127, the name, and line ends that a text transfer would spoil.
constexpr std::array<std::uint8_t, 8> kMagic = {0x89, 'W', 'D', 'S', '\r', '\n', 0x1a, '\n'};
constexpr std::size_t kFooterBytes = 8 + 32;  // file bytes and hash
// The largest file, under a code that makes nine copies.
constexpr std::uint64_t kFragmentBytesMax = 2 * kFilePlaintextBytesMax;

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

Hash256 FooterHash(ByteSpan header, ByteSpan trailer_without_hash) {
  SecretBytes both(header.size() + trailer_without_hash.size());
  const auto at = std::copy(header.begin(), header.end(), both.ExposeSecretMutable().begin());
  std::copy(trailer_without_hash.begin(), trailer_without_hash.end(), at);
  return LabelledHash(labels::kShareFile, both.ExposeSecret());
}

struct Header {
  std::uint16_t flags = 0;
  NodeId node;
  std::uint64_t fragment_bytes = 0;
};

std::size_t KeyShareBytes(std::uint16_t flags) {
  return flags == kHasStoredKeyShare ? StoredKeyShare::kBytes
         : flags == kHasOpenKeyShare ? kKeyShareBytes
                                     : 0;
}

absl::StatusOr<Header> DecodeHeader(ByteSpan bytes) {
  ByteReader in(bytes);
  if (in.Array<8>() != kMagic) in.Fail("not a share file: wrong magic");
  if (in.U16() != kShareFileFormat) in.Fail("unknown share file format");
  Header header;
  header.flags = in.U16();
  if (header.flags > kHasOpenKeyShare) in.Fail("unknown flags");
  header.node.bytes = in.Array<16>();
  header.fragment_bytes = in.U64();
  if (header.fragment_bytes > kFragmentBytesMax) in.Fail("an absurd fragment size");
  WORLDB_RETURN_IF_ERROR(in.Finish("share file"));
  return header;
}

// What the header alone says of the file's size: never more than a few megabytes of trailer beyond
// the block hashes, so nothing is read or allocated for a size that cannot be right.
absl::Status CheckSize(const Header& header, std::uint64_t file_bytes) {
  const std::uint64_t blocks = 32 * BlockCount(header.fragment_bytes);
  const std::uint64_t least = kShareFileHeaderBytes + header.fragment_bytes + 4 +
                              Share::kMetadataBytesMin + 4 + KeyShareBytes(header.flags) + blocks +
                              kFooterBytes;
  const std::uint64_t most =
      least + (Share::kMetadataBytesMax - Share::kMetadataBytesMin) + kScriptTextBytesMax;
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

// Everything but the fragment, whose size is the header's.
struct Trailer {
  ShareFile file;
  std::vector<Hash256> block_tops;
};

absl::StatusOr<Trailer> DecodeTrailer(ByteSpan header_bytes, const Header& header, ByteSpan bytes) {
  const std::uint64_t file_bytes = header_bytes.size() + header.fragment_bytes + bytes.size();
  // The footer first: it tells a file that was cut or has grown from one that was never right.
  const ByteSpan footer = bytes.last(kFooterBytes);
  const std::uint64_t named = ByteReader(footer.first(8)).U64();
  if (named != file_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "share file: its footer does not name its ", file_bytes,
        " bytes: it was cut short, has bytes too many at its end, or is damaged there"));
  }
  const Hash256 hash = FooterHash(header_bytes, bytes.first(bytes.size() - 32));
  if (!std::equal(hash.bytes.begin(), hash.bytes.end(), footer.begin() + 8)) {
    return absl::InvalidArgumentError(
        "share file: header and trailer do not have the hash in the footer");
  }
  ByteReader in(bytes.first(bytes.size() - kFooterBytes));
  Trailer out;
  const ByteSpan metadata = in.Sized(Share::kMetadataBytesMax);
  const ByteSpan text = in.Sized(kScriptTextBytesMax);
  if (header.flags == kHasStoredKeyShare) {
    out.file.key_share.emplace();
    out.file.key_share->nonce = in.Array<24>();
    out.file.key_share->box = in.Array<kKeyShareBytes + 16>();
  } else if (header.flags == kHasOpenKeyShare) {
    const ByteSpan open = in.View(kKeyShareBytes);
    out.file.open_key_share.emplace();
    std::copy(open.begin(), open.end(), out.file.open_key_share->ExposeSecretMutable().begin());
  }
  const std::uint64_t blocks = BlockCount(header.fragment_bytes);
  if (in.remaining() / 32 < blocks) in.Fail("block hashes are missing");
  if (!in.ok()) return in.Finish("share file");
  out.block_tops.resize(blocks);
  for (Hash256& top : out.block_tops) top.bytes = in.Array<32>();
  WORLDB_RETURN_IF_ERROR(in.Finish("share file"));

  WORLDB_ASSIGN_OR_RETURN(out.file.share, Share::DecodeMetadata(metadata));
  const Share& share = out.file.share;
  out.file.node = header.node;
  out.file.script_text = std::string(AsText(text));
  if (ScriptIdOf(AsText(text)) != share.script) {
    return absl::InvalidArgumentError("share file: its script text is not the metadata's script");
  }
  if (header.fragment_bytes > share.core.CiphertextBytes()) {
    return absl::InvalidArgumentError("share file: the fragment is larger than the ciphertext");
  }
  if (FragmentRootOf(
          share.core.suite, share.core.Id(), share.generation, share.index, header.fragment_bytes,
          FragmentTopOfBlocks(share.core.suite, out.block_tops)) != share.fragment_root) {
    return absl::InvalidArgumentError(
        "share file: its block hashes do not fold to the fragment root");
  }
  return out;
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
  WORLDB_CHECK(block_tops.size() == BlockCount(fragment_bytes));
  WORLDB_CHECK(!(file.key_share && file.open_key_share));
  WORLDB_CHECK(file.script_text.size() <= kScriptTextBytesMax &&
               ScriptIdOf(file.script_text) == file.share.script);
  ByteWriter header(kShareFileHeaderBytes);
  header.Raw(kMagic).U16(kShareFileFormat);
  header.U16(file.key_share ? kHasStoredKeyShare : file.open_key_share ? kHasOpenKeyShare : 0);
  header.Raw(file.node.bytes).U64(fragment_bytes);

  // Reserved whole, so that no copy of a key share is left behind by growing.
  ByteWriter out(4 + Share::kMetadataBytesMax + 4 + file.script_text.size() +
                 StoredKeyShare::kBytes + 32 * block_tops.size() + kFooterBytes);
  out.Sized(file.share.EncodeMetadata()).Sized(AsBytes(file.script_text));
  if (file.key_share) out.Raw(file.key_share->nonce).Raw(file.key_share->box);
  if (file.open_key_share) out.Raw(file.open_key_share->ExposeSecret());
  for (const Hash256& top : block_tops) out.Raw(top.bytes);
  out.U64(kShareFileHeaderBytes + fragment_bytes + out.size() + kFooterBytes);
  out.Raw(FooterHash(header.span(), out.span()).bytes);

  ShareFileFrame frame;
  std::copy(header.span().begin(), header.span().end(), frame.header.begin());
  frame.fragment_bytes = fragment_bytes;
  frame.trailer = SecretBytes(std::move(out).Take());
  return frame;
}

Bytes EncodeShareFile(const ShareFile& file) {
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
  return std::move(out).Take();
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
  const std::uint64_t trailer_at = kShareFileHeaderBytes + header.fragment_bytes;
  SecretBytes trailer_bytes(static_cast<std::size_t>(source.size() - trailer_at));
  WORLDB_RETURN_IF_ERROR(source.Read(trailer_at, trailer_bytes.ExposeSecretMutable()));
  WORLDB_ASSIGN_OR_RETURN(Trailer trailer,
                          DecodeTrailer(header_bytes, header, trailer_bytes.ExposeSecret()));
  ShareFileReader reader;
  reader.source_ = &source;
  reader.file_ = std::move(trailer.file);
  reader.fragment_bytes_ = header.fragment_bytes;
  reader.block_tops_ = std::move(trailer.block_tops);
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
