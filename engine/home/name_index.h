// The names of the keys homed in one data center, as one of its triad nodes knows them: the accept
// log and the shares hold keyed tags alone.
//
// A name is stored with the staging commit that first brings it, sealed under the node's storage key,
// and kept in memory in byte order. A node that was down then asks its siblings once the log names a
// key it cannot.
// Errors:  a row that does not open is as good as lost; its name is asked for like any other.
// Threads: its node's executor.
// Source:  ARCHITECTURE.md, "Names, listings and watches".
#ifndef WORLDB_ENGINE_HOME_NAME_INDEX_H_
#define WORLDB_ENGINE_HOME_NAME_INDEX_H_

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "engine/context/node_context.h"

namespace worldb::engine {

class NameIndex {
 public:
  using Names = std::map<Bytes, KeyTag>;

  explicit NameIndex(NodeContext& context) : context_(context) {}

  // Reads what an earlier run stored.
  void Load(std::function<void(absl::Status)> done);
  // The row that must be written for this name; nullopt when it is known, or is not that of the tag.
  std::optional<StoreWrite> RowFor(const KeyTag& key_tag, const Bytes& name) const;
  // Its row is written.
  void Learn(const KeyTag& key_tag, const Bytes& name);

  // The key has a version; its name is asked for unless it is known.
  void Need(const KeyTag& key_tag);
  // No needed name is missing.
  bool complete() const { return missing_.empty(); }
  // Null when unknown; stays valid.
  const Bytes* Find(const KeyTag& key_tag) const;
  // All known names, those without a version among them.
  const Names& names() const { return names_; }

  void On(NodeIndex from, const NamesGet& request);
  void On(NodeIndex from, const NamesGetReply& reply);

 private:
  void AskSiblings();
  const NodeId& own_id() const { return context_.cell().node(context_.index()).id; }

  NodeContext& context_;
  Names names_;
  absl::flat_hash_map<KeyTag, Names::const_iterator> by_tag_;
  std::set<KeyTag> missing_;
  bool asking_ = false;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_NAME_INDEX_H_
