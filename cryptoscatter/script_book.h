// The scripts that somebody knows, by id: what the script id of a share is looked up in.
//
// Errors:  NotFound names the id.
// Threads: immutable once made; const methods may be called from any thread.
#ifndef WORLDB_CRYPTOSCATTER_SCRIPT_BOOK_H_
#define WORLDB_CRYPTOSCATTER_SCRIPT_BOOK_H_

#include <map>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/script.h"

namespace worldb::cryptoscatter {

class ScriptBook {
 public:
  // The shipped scripts, which every book has, and `more`.
  explicit ScriptBook(const std::vector<std::shared_ptr<const Script>>& more = {});
  // The book with the shipped scripts alone.
  static const std::shared_ptr<const ScriptBook>& Shipped();

  absl::StatusOr<std::shared_ptr<const Script>> Find(const ScriptId& id) const;
  // The one whose id begins so; NotFound too when there are several.
  using IdPrefix = FixedId<struct ScriptIdPrefixTag, 4>;
  static IdPrefix PrefixOf(const ScriptId& id);
  absl::StatusOr<std::shared_ptr<const Script>> Find(const IdPrefix& prefix) const;

 private:
  std::map<ScriptId, std::shared_ptr<const Script>> scripts_;
};

}  // namespace worldb::cryptoscatter

#endif  // WORLDB_CRYPTOSCATTER_SCRIPT_BOOK_H_
