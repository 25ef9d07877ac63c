#include "tools/script_choice.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/files.h"
#include "tools/print.h"

namespace worldb::tools {

using cryptoscatter::Script;

absl::StatusOr<DataCenterNames> ParseDataCenterNames(const std::string& list) {
  DataCenterNames out;
  if (list.empty()) return out;
  const std::vector<std::string> parts = absl::StrSplit(list, ',');
  if (parts.size() != out.names.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--names ", Printable(list), ": expected the names of three data centers, A,B,C"));
  }
  std::copy(parts.begin(), parts.end(), out.names.begin());
  WORLDB_ASSIGN_OR_RETURN(out.script_names, cryptoscatter::ScriptNames::Create(out.names));
  return out;
}

std::shared_ptr<const Script> ShippedScript(const std::string& name) {
  if (name == "nested") return Script::Nested();
  if (name == "flat") return Script::Flat();
  if (name == "copy") return Script::Copy();
  return nullptr;
}

absl::StatusOr<std::string> ReadScriptText(const std::string& path) {
  WORLDB_ASSIGN_OR_RETURN(const SecretBytes text,
                          ReadWholeFile(path, cryptoscatter::kScriptTextBytesMax));
  return ToString(text.ExposeSecret());
}

}  // namespace worldb::tools
