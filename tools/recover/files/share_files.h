// Share files as the recovery commands read and write them, apart from where they lie.
#ifndef WORLDB_TOOLS_RECOVER_FILES_SHARE_FILES_H_
#define WORLDB_TOOLS_RECOVER_FILES_SHARE_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/script_book.h"
#include "cryptoscatter/share_file.h"
#include "engine/offline/offline_reader.h"
#include "tools/files.h"

namespace worldb::tools {

inline constexpr char kShareFileEnding[] = ".wds";
// No share of a stored value is larger.
inline constexpr std::size_t kShareFileBytesMax = std::size_t{8} << 20;

// Whether a file that begins like this is meant to be a share file.
bool LooksLikeShareFile(ByteSpan first_bytes);
// The script that a share file brings along, out of `known` when it is there. InvalidArgument when its text
// is not the canonical one of the script the share names.
absl::StatusOr<engine::CellScripts::ScriptPtr> ScriptOf(const cryptoscatter::ShareFile& file,
                                                        const cryptoscatter::ScriptBook& known);
// InvalidArgument when it is damaged or of a split file; else as reading files goes. `where` is not filled in.
absl::StatusOr<engine::FoundShare> ReadShareFile(const std::string& path,
                                                 const cryptoscatter::ScriptBook& known);
// Adds a share file to what `files` puts in place, and lets it do so when there is enough.
// REQUIRES: the share has its fragment.
absl::Status AddShareFile(FileBatch& files, const std::string& name,
                          const engine::FoundShare& found, const std::string& script_text);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_FILES_SHARE_FILES_H_
