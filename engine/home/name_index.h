// The names of the keys homed in one data center, as one of its triad nodes knows them: the accept
// log and the shares hold keyed tags alone.
//
// A name is stored with the staging commit that first brings it, sealed under the node's storage key,
// and kept in memory in byte order. A node that was down then asks its siblings once the log names a
// key it cannot.
// Bounds:  names are as many as keys of this home were ever written to, and those that are missing a part
//          of them: the log names them, no peer does. Of what a sibling asks and answers,
//          kTagsPerQuestionMax count.
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
#include "cryptoscatter/base/entropy.h"
#include "engine/cell/cell.h"
#include "engine/context/node_self.h"
#include "engine/messages/asked.h"
#include "engine/messages/triad_messages.h"
#include "engine/ports/store.h"

namespace worldb::engine {

class NameIndex {
 public:
  using Names = std::map<Bytes, KeyTag>;

  // Tags and names in one question and its answer; what is above that is not looked at.
  static constexpr std::size_t kTagsPerQuestionMax = 1024;
  // The last ones that an answer may still come to.
  static constexpr std::size_t kQuestionsMax = 8;

  // All of them outlive this object.
  NameIndex(NodeSelf& self, Store& store, const NodeSecrets& secrets, Entropy& entropy)
      : self_(self),
        store_(store),
        secrets_(secrets),
        entropy_(entropy),
        asked_(self.request_ids(), kQuestionsMax) {}

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

  // What a sibling asks for, as far as it is known here.
  void Serve(NodeIndex from, const NamesGet& request) const;
  void TakeNames(NodeIndex from, const NamesGetReply& reply);

 private:
  void AskSiblings();
  const NodeId& own_id() const { return self_.cell().node(self_.index()).id; }

  struct MissingNames {};
  NodeSelf& self_;
  Store& store_;
  const NodeSecrets& secrets_;
  Entropy& entropy_;
  Names names_;
  absl::flat_hash_map<KeyTag, Names::const_iterator> by_tag_;
  std::set<KeyTag> missing_;
  Asked<MissingNames> asked_;
  bool asking_ = false;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_HOME_NAME_INDEX_H_
