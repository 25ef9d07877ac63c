// Scripts and the three data centers as they are named on a command line.
//
// Errors:  InvalidArgument for a list of names that is none; as in tools/files.h.
// Threads: pure functions, but for reading files.
#ifndef WORLDB_TOOLS_SCRIPT_CHOICE_H_
#define WORLDB_TOOLS_SCRIPT_CHOICE_H_

#include <array>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/script_text.h"

namespace worldb::tools {

struct DataCenterNames {
  std::array<std::string, kDataCenterCount> names = {"dc0", "dc1", "dc2"};
  cryptoscatter::ScriptNames script_names = cryptoscatter::ScriptNames::Indices();
};
// "A,B,C", as --names has it; no names but the index form when it is empty.
absl::StatusOr<DataCenterNames> ParseDataCenterNames(const std::string& list);

// "nested", "flat" or "copy"; null for anything else.
std::shared_ptr<const cryptoscatter::Script> ShippedScript(const std::string& name);
// The text in a file, or on standard input for "-".
absl::StatusOr<std::string> ReadScriptText(const std::string& path);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_SCRIPT_CHOICE_H_
