// A share file that decodes encodes to the same bytes, unless its fragment is not the one that was
// hashed; then every bad block is found.
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/share_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace worldb::cryptoscatter;  // NOLINT: a program of one function
  const worldb::ByteSpan bytes(data, size);
  const auto decoded = DecodeShareFile(bytes);
  if (!decoded.ok()) return 0;
  const Share& share = decoded->share;
  const bool whole = FragmentRoot(share.core.suite, share.core.Id(), share.generation, share.index,
                                  share.fragment) == share.fragment_root;
  WORLDB_CHECK(whole == (worldb::HexEncode(EncodeShareFile(*decoded).ExposeSecret()) ==
                         worldb::HexEncode(bytes)));
  return 0;
}
