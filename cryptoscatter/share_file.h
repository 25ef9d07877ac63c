// A share as a file that can be read with no database: header, fragment, trailer.
//
// The fragment lies in one piece, so a writer appends it as it is coded and adds the trailer when
// the signature is made. The trailer has the top of the fragment tree for each block of 64 KiB: a
// reader checks block by block, in any order, in bounded memory.
// Errors:  InvalidArgument for bytes that are no whole share file, naming what is wrong; whatever a
//          source says; DataLoss for a block that is not the one that was hashed.
// Threads: plain values and pure functions; a ShareFileReader is immutable after Open(), its const
//          methods may be called from any thread if those of its source may.
// Secrets: an open key share, and with it the bytes of the trailer.
// Source:  docs/share-format.md section 11.
#ifndef WORLDB_CRYPTOSCATTER_SHARE_FILE_H_
#define WORLDB_CRYPTOSCATTER_SHARE_FILE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/secret.h"
#include "cryptoscatter/merkle.h"
#include "cryptoscatter/script_text.h"
#include "cryptoscatter/share.h"

namespace worldb::cryptoscatter {

// With what a share file begins. As PNG has it: a byte above 127, the name, and line ends that a text
// transfer would spoil.
inline constexpr std::array<std::uint8_t, 8> kShareFileMagic = {0x89, 'W',  'D',  'S',
                                                                '\r', '\n', 0x1a, '\n'};
inline constexpr std::size_t kShareFileHeaderBytes = 8 + 2 + 2 + 16 + 8;
// 128 GiB. It bounds what a reader holds of a file before it can know that the file is worth it: 64 MiB
// of block hashes.
inline constexpr std::uint64_t kShareFileFragmentBytesMax = std::uint64_t{1} << 37;

// REQUIRES of one to be written: the script's canonical text, and at most one key share.
struct ShareFile {
  Share share;                              // of a ShareFileReader: without its fragment
  NodeId node;                              // that holds it; zero when no node does
  std::optional<StoredKeyShare> key_share;  // under the node's storage key
  std::string script_text;
  std::optional<KeyShare> open_key_share;  // in the clear, as `worldb-recover split` writes it
};

SecretBytes EncodeShareFile(const ShareFile& file);
// Checks the form, the hash over header and trailer, and that the block hashes fold to the fragment
// root. Whether fragment, key share and signature hold is VerifyShare's to say.
absl::StatusOr<ShareFile> DecodeShareFile(ByteSpan bytes);

// What stands around a fragment that was written elsewhere. `block_tops` are of the fragment's
// blocks; the fragment of `file.share` is not looked at. REQUIRES: at most
// kShareFileFragmentBytesMax.
struct ShareFileFrame {
  std::array<std::uint8_t, kShareFileHeaderBytes> header{};
  std::uint64_t fragment_bytes = 0;  // of what lies between them
  SecretBytes trailer;
};
ShareFileFrame FrameShareFile(const ShareFile& file, std::uint64_t fragment_bytes,
                              std::span<const Hash256> block_tops);

// Bytes that can be read anywhere; the caller's files, since this folder has none.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  // Fills `out` with the bytes from `at` on, or fails. REQUIRES: they lie within size().
  virtual absl::Status Read(std::uint64_t at, MutableByteSpan out) const = 0;
};

class ShareFileReader {
 public:
  // Reads header and trailer: a few KiB, and 32 bytes for each block once the metadata allow a fragment
  // of that size. `source` must outlive the reader.
  static absl::StatusOr<ShareFileReader> Open(const ByteSource& source);

  const ShareFile& file() const { return file_; }
  ShareFile TakeFile() && { return std::move(file_); }
  std::uint64_t fragment_bytes() const { return fragment_bytes_; }
  // An empty fragment has one empty block.
  std::uint64_t block_count() const { return block_tops_.size(); }
  std::size_t BlockBytes(std::uint64_t block) const;
  // Reads block number `block` and checks it. On error `out` may hold anything.
  // REQUIRES: out.size() == BlockBytes(block).
  absl::Status ReadBlock(std::uint64_t block, MutableByteSpan out) const;

 private:
  ShareFileReader() = default;

  const ByteSource* source_ = nullptr;
  ShareFile file_;
  std::uint64_t fragment_bytes_ = 0;
  std::vector<Hash256> block_tops_;
};

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_SHARE_FILE_H_
