#include "cryptoscatter/script_book.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace worldb::cryptoscatter {

ScriptBook::ScriptBook(const std::vector<std::shared_ptr<const Script>>& more) {
  for (const auto& script : {Script::Nested(), Script::Flat(), Script::Copy()}) {
    scripts_.emplace(script->id(), script);
  }
  for (const auto& script : more) scripts_.emplace(script->id(), script);
}

const std::shared_ptr<const ScriptBook>& ScriptBook::Shipped() {
  static const std::shared_ptr<const ScriptBook> book = std::make_shared<const ScriptBook>();
  return book;
}

absl::StatusOr<std::shared_ptr<const Script>> ScriptBook::Find(const ScriptId& id) const {
  if (const auto it = scripts_.find(id); it != scripts_.end()) return it->second;
  return absl::NotFoundError(absl::StrCat("no script with id ", id.Hex(), " is known here"));
}

}  // namespace worldb::cryptoscatter
