// A small file split and joined in memory: what worldb-recover does with threads and files, without.
//
// Threads: pure functions.
#ifndef WORLDB_TESTS_SUPPORT_SPLIT_IN_MEMORY_H_
#define WORLDB_TESTS_SUPPORT_SPLIT_IN_MEMORY_H_

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/file_scatter.h"
#include "cryptoscatter/share_file.h"

namespace worldb::testing {

// The nine share files. Windows are sealed last first: their order must not matter.
inline std::array<Bytes, kNodeCount> SplitInMemory(
    const std::shared_ptr<const cryptoscatter::Script>& script, cryptoscatter::Suite suite,
    absl::string_view base_name, ByteSpan content, Entropy& entropy) {
  OpId op;
  op.bytes = entropy.Draw<16>();
  auto sealer = cryptoscatter::FileSealer::Create(script, suite, AsBytes(base_name), op, entropy);
  WORLDB_CHECK(sealer.ok());
  Bytes plaintext = sealer->Preamble();
  plaintext.insert(plaintext.end(), content.begin(), content.end());
  const std::size_t window_bytes = sealer->window_bytes();
  const std::size_t count = (plaintext.size() + window_bytes - 1) / window_bytes;
  cryptoscatter::FileSealer::Worker worker(*sealer);
  cryptoscatter::FragmentBlockTops tops;
  for (auto& of_fragment : tops) of_fragment.resize(count);
  std::vector<cryptoscatter::Fragments> pieces(count);
  for (std::size_t i = count; i-- > 0;) {
    const std::size_t at = i * window_bytes;
    cryptoscatter::SealedWindow window =
        worker.Seal(i, i + 1 == count,
                    ByteSpan(plaintext).subspan(at, std::min(window_bytes, plaintext.size() - at)));
    for (std::size_t j = 0; j < tops.size(); ++j) tops[j][i] = window.tops[j];
    pieces[i] = std::move(window.pieces);
  }
  const auto sealed = (*std::move(sealer)).Finish(plaintext.size(), tops, entropy);
  WORLDB_CHECK(sealed.ok());
  std::array<Bytes, kNodeCount> files;
  for (std::size_t j = 0; j < files.size(); ++j) {
    const cryptoscatter::ShareFileFrame frame =
        cryptoscatter::FrameShareFile(sealed->shares[j], sealed->fragment_bytes, tops[j]);
    ByteWriter out;
    out.Raw(frame.header);
    for (const auto& window : pieces) out.Raw(window[j]);
    WORLDB_CHECK(out.size() == cryptoscatter::kShareFileHeaderBytes + frame.fragment_bytes);
    out.Raw(frame.trailer.ExposeSecret());
    files[j] = std::move(out).Take();
  }
  return files;
}

// The plaintext, name and all, out of decoded shares of one splitting.
inline absl::StatusOr<Bytes> JoinInMemory(
    const std::shared_ptr<const cryptoscatter::Script>& script,
    const std::vector<const cryptoscatter::ShareFile*>& files) {
  std::vector<cryptoscatter::IndexedKeyShare> key_shares;
  NodeSet present;
  for (const auto* file : files) {
    present.Add(file->share.index);
    key_shares.push_back({file->share.index, file->open_key_share->Duplicate()});
  }
  auto opener = cryptoscatter::FileOpener::Create(script, files.front()->share.core, key_shares);
  if (!opener.ok()) return opener.status();
  cryptoscatter::FileOpener::Worker worker(*opener);
  Bytes plaintext(files.front()->share.core.plaintext_bytes);
  for (std::uint64_t i = opener->window_count(); i-- > 0;) {
    cryptoscatter::FragmentSpans blocks;
    for (const auto* file : files) {
      const ByteSpan fragment = file->share.fragment;
      const std::size_t at = i * cryptoscatter::kMerkleBlockBytes;
      blocks[file->share.index.value()] =
          fragment.subspan(at, std::min(cryptoscatter::kMerkleBlockBytes, fragment.size() - at));
    }
    const auto status = worker.Open(
        i, present, blocks,
        MutableByteSpan(plaintext).subspan(opener->PlaintextAt(i), opener->PlaintextBytes(i)));
    if (!status.ok()) return status;
  }
  return plaintext;
}

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_SPLIT_IN_MEMORY_H_
