// File names for recovered keys: safe on any file system of this kind, and reversible.
#ifndef WORLDB_TOOLS_RECOVER_OUTPUTS_FILE_NAME_H_
#define WORLDB_TOOLS_RECOVER_OUTPUTS_FILE_NAME_H_

#include <string>

#include "cryptoscatter/base/bytes.h"

namespace worldb::tools {

// Letters, digits, '-', '_' and '.' stand for themselves, but for a '.' in front; any other byte is
// %XX, in capitals. The empty key is "%". A name that would be longer than kFileNameBytesMax ends
// early, in "%%" and 32 hexadecimal digits of the key's hash: such a name alone does not give the key
// back, the journal beside it does. What a run appends to a name fits into the 255 bytes of a file system.
inline constexpr std::size_t kFileNameBytesMax = 120;
std::string FileNameOf(ByteSpan key);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_OUTPUTS_FILE_NAME_H_
