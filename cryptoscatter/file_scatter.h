// A file of any size as nine shares, and back, window by window in bounded memory; no cell, no node.
//
// A window is four stripes: what becomes one 64 KiB block of each fragment. Windows do not depend on
// each other, so several threads may each have a worker and take them in any order; only the block
// hashes come together at the end. What is sealed is the file's base name and then its content.
// Shapes:  every window but the last is full. Memory is a few windows a worker, and while a file is split
//          32 bytes for each window and fragment, and one trailer at a time.
// Errors:  InvalidArgument for a name or file too long; OpenFailure() (DataLoss) when verified pieces
//          do not open, whichever check failed.
// Threads: FileSealer and FileOpener are immutable after Create(); a worker has one owner.
// Secrets: the key, the key shares and the plaintext.
// Source:  docs/share-format.md section 17; docs/split-join.md.
#ifndef WORLDB_CRYPTOSCATTER_FILE_SCATTER_H_
#define WORLDB_CRYPTOSCATTER_FILE_SCATTER_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/erasure_code.h"
#include "cryptoscatter/key_sharing.h"
#include "cryptoscatter/records.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/share_file.h"
#include "cryptoscatter/stripe.h"
#include "cryptoscatter/stripe_aead.h"

namespace worldb::cryptoscatter {

// Block tops of one window, one for each fragment.
using WindowTops = std::array<Hash256, kNodeCount>;

// Of each fragment, the tops of all its blocks in order.
using FragmentBlockTops = std::array<std::vector<Hash256>, kNodeCount>;

struct SealedWindow {
  Fragments pieces;  // block number `index` of each fragment
  WindowTops tops;
};

struct SealedFile {
  CoreId core;
  std::uint64_t fragment_bytes = 0;  // of each
  // With open key shares and without fragments: FrameShareFile() makes of each what stands around its
  // fragment, one at a time.
  std::array<ShareFile, kNodeCount> shares;
};

class FileSealer {
 public:
  // Draws the key. `op` tells this splitting from every other one.
  static absl::StatusOr<FileSealer> Create(std::shared_ptr<const Script> script, Suite suite,
                                           ByteSpan base_name, const OpId& op, Entropy& entropy);

  // Plaintext bytes of a full window.
  std::size_t window_bytes() const;
  // The largest plaintext, preamble included: no fragment is above kShareFileFragmentBytesMax.
  std::uint64_t plaintext_bytes_max() const;
  // With what the plaintext begins: the name and its length. The content follows.
  Bytes Preamble() const;

  class Worker {
   public:
    // `sealer` must outlive the worker.
    explicit Worker(const FileSealer& sealer);
    // REQUIRES: 1 to window_bytes() of plaintext, all of them unless `last`; each index once.
    SealedWindow Seal(std::uint64_t index, bool last, ByteSpan plaintext);

   private:
    const FileSealer& sealer_;
    SegmentSealer segments_;
    Bytes stripe_;
  };

  // Splits the key, and signs with a writer key made for this and forgotten. Once: the key is gone then,
  // and a core has one set of key shares. REQUIRES: `plaintext_bytes` counts the preamble, and the tops
  // are those of all its windows in order.
  absl::StatusOr<SealedFile> Finish(std::uint64_t plaintext_bytes, const FragmentBlockTops& tops,
                                    Entropy& entropy) &&;

 private:
  FileSealer() = default;

  std::shared_ptr<const Script> script_;
  Core core_;  // but for its size
  Bytes base_name_;
  KeySecret secret_;
};

class FileOpener {
 public:
  // OpenFailure() unless the key shares give the key that the core commits to.
  // REQUIRES: the key shares were verified and are of a reading set, the core is of a file.
  static absl::StatusOr<FileOpener> Create(std::shared_ptr<const Script> script, const Core& core,
                                           std::span<const IndexedKeyShare> key_shares);

  std::uint64_t window_count() const;
  // Where a window lies in the plaintext, and how much of it.
  std::uint64_t PlaintextAt(std::uint64_t window) const;
  std::size_t PlaintextBytes(std::uint64_t window) const;

  class Worker {
   public:
    // `opener` must outlive the worker.
    explicit Worker(const FileOpener& opener);
    // Opens one window out of that block of the fragments of `present`. `out` is wiped on failure.
    // REQUIRES: the blocks were verified; out.size() == PlaintextBytes(window).
    absl::Status Open(std::uint64_t window, NodeSet present, const FragmentSpans& blocks,
                      MutableByteSpan out);

   private:
    const FileOpener& opener_;
    NodeSet present_;  // that `reader_` rebuilds from
    std::optional<StripeReader> reader_;
  };

 private:
  FileOpener() = default;

  std::shared_ptr<const Script> script_;
  Core core_;
  StreamKeys keys_;
};

// The base name out of the first window of a file's plaintext; OpenFailure() when there is none.
// The content begins behind it, at 2 + its size.
absl::StatusOr<ByteSpan> BaseNameOf(ByteSpan first_window);

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_FILE_SCATTER_H_
