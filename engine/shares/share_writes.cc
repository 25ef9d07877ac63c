#include "engine/shares/share_writes.h"

#include <memory>

#include "cryptoscatter/base/check.h"
#include "engine/rows/share_rows.h"

namespace worldb::engine {

std::optional<CommitmentId> ShareWrites::UnderWay(const std::string& row_key) const {
  const auto it = under_way_.find(row_key);
  return it == under_way_.end() ? std::nullopt : std::optional(it->second);
}

bool ShareWrites::Keep(const std::string& row_key, const CommitmentId& value) {
  return under_way_.emplace(row_key, value).second;
}

void ShareWrites::AppendScript(const ScriptId& id, std::vector<StoreWrite>& writes,
                               std::set<ScriptId>& added) const {
  if (scripts_kept_.contains(id) || !added.insert(id).second) return;
  const absl::StatusOr<CellScripts::ScriptPtr> script = cell_.FindScript(id);
  WORLDB_CHECK(script.ok());  // the share's proof holds
  writes.push_back(StoreWrite::Put(RowFamily::kRows, ScriptRow::Key(id),
                                   std::make_shared<const Bytes>(ScriptRow::Encode(**script))));
}

void ShareWrites::NoteShares(std::size_t count, const absl::Status& status) {
  if (status.ok()) stored_count_ += count;
  store_status_ = status;
}

}  // namespace worldb::engine
