#include "cryptoscatter/script_book.h"

#include <algorithm>
#include <iterator>

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

ScriptBook::IdPrefix ScriptBook::PrefixOf(const ScriptId& id) {
  IdPrefix prefix;
  std::copy_n(id.bytes.begin(), prefix.bytes.size(), prefix.bytes.begin());
  return prefix;
}

absl::StatusOr<std::shared_ptr<const Script>> ScriptBook::Find(const IdPrefix& prefix) const {
  ScriptId least;
  std::copy_n(prefix.bytes.begin(), prefix.bytes.size(), least.bytes.begin());
  const auto it = scripts_.lower_bound(least);
  if (it == scripts_.end() || PrefixOf(it->first) != prefix) {
    return absl::NotFoundError(
        absl::StrCat("no script with an id that begins ", prefix.Hex(), " is known here"));
  }
  if (const auto next = std::next(it); next != scripts_.end() && PrefixOf(next->first) == prefix) {
    return absl::NotFoundError(absl::StrCat("several scripts have ids that begin ", prefix.Hex()));
  }
  return it->second;
}

}  // namespace worldb::cryptoscatter
