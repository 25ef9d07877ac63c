#include "tools/recover/files/share_files.h"

#include <algorithm>
#include <utility>

#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/share_file.h"

namespace worldb::tools {

bool LooksLikeShareFile(ByteSpan first_bytes) {
  const auto& magic = cryptoscatter::kShareFileMagic;
  return first_bytes.size() >= magic.size() &&
         std::equal(magic.begin(), magic.end(), first_bytes.begin());
}

absl::StatusOr<engine::CellScripts::ScriptPtr> ScriptOf(const cryptoscatter::ShareFile& file,
                                                        const cryptoscatter::ScriptBook& known) {
  auto script = known.Find(file.share.script);
  if (!script.ok()) script = cryptoscatter::Script::Compile(file.script_text);
  WORLDB_RETURN_IF_ERROR(script.status());
  if ((*script)->id() != file.share.script || (*script)->text() != file.script_text) {
    return absl::InvalidArgumentError("its script text is not the one of the script it names");
  }
  return script;
}

absl::StatusOr<engine::FoundShare> ReadShareFile(const std::string& path,
                                                 const cryptoscatter::ScriptBook& known) {
  WORLDB_ASSIGN_OR_RETURN(const SecretBytes bytes, ReadWholeFile(path, kShareFileBytesMax));
  WORLDB_ASSIGN_OR_RETURN(cryptoscatter::ShareFile file,
                          cryptoscatter::DecodeShareFile(bytes.ExposeSecret()));
  if (file.share.core.kind == cryptoscatter::ValueKind::kFile) {
    return absl::InvalidArgumentError(
        "it is of a file that was split, not of a stored value: worldb-recover join reads it");
  }
  engine::FoundShare found;
  WORLDB_ASSIGN_OR_RETURN(found.script, ScriptOf(file, known));
  found.share = std::move(file.share);
  found.key_share = file.key_share;
  found.holder = file.node;
  return found;
}

absl::Status AddShareFile(FileBatch& files, const std::string& name,
                          const engine::FoundShare& found, const std::string& script_text) {
  WORLDB_RETURN_IF_ERROR(
      files.Add(name, cryptoscatter::EncodeShareFile(
                          {found.share, found.holder, found.key_share, script_text, std::nullopt})
                          .ExposeSecret()));
  return files.full() ? files.Commit() : absl::OkStatus();
}

}  // namespace worldb::tools
