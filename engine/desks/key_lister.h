// The home's answers to List and History, out of the state applied and the names known.
//
// Threads: its node's executor.
#ifndef WORLDB_ENGINE_DESKS_KEY_LISTER_H_
#define WORLDB_ENGINE_DESKS_KEY_LISTER_H_

#include "engine/context/node_context.h"
#include "engine/home/home.h"
#include "engine/home/name_index.h"

namespace worldb::engine {

// What a caller may know of a closed version.
VersionRecord RecordOf(const arbiter::ClosedVersion& version);

class KeyLister {
 public:
  KeyLister(NodeSelf& context, const Home& home, const NameIndex& names)
      : context_(context), home_(home), names_(names) {}

  // REQUIRES: the state includes a READ mark appended since the query came in. Silent while a needed
  // name is missing: whoever asked asks again.
  void Answer(NodeIndex to, const ListQuery& query) const;
  void Answer(NodeIndex to, const HistoryQuery& query) const;

 private:
  NodeSelf& context_;
  const Home& home_;
  const NameIndex& names_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_DESKS_KEY_LISTER_H_
