// What a home answers to List and History, out of the state applied and the names known.
//
// REQUIRES, of every question: the state includes a READ mark appended since it came in.
// Bounds:  kListPageMax keys or versions an answer, kNamesLookedAtMax names looked at for it.
// Threads: one owner.
// Source:  docs/protocol.md 6; ARCHITECTURE.md, "Names, listings and watches".
#ifndef WORLDB_ENGINE_DESKS_KEY_LISTER_H_
#define WORLDB_ENGINE_DESKS_KEY_LISTER_H_

#include <cstddef>
#include <optional>

#include "arbiter/home_state.h"
#include "engine/home/name_index.h"
#include "engine/messages/home_questions.h"

namespace worldb::engine {

// What a caller may know of a closed version.
VersionRecord RecordOf(const arbiter::ClosedVersion& version);

class KeyLister {
 public:
  // An answer that finds little to tell among many names ends here; whoever asked goes on from there.
  static constexpr std::size_t kNamesLookedAtMax = 10'000;

  // Both outlive this object.
  KeyLister(const arbiter::HomeState& state, const NameIndex& names)
      : state_(state), names_(names) {}

  // Deleted keys and those whose versions all ended VOID are left out. Nullopt while a needed name is
  // missing: nobody is told a listing that lacks a key.
  std::optional<ListQueryReply> List(const ListQuery& query) const;
  // Newest first, deletions and VOID versions among them.
  HistoryQueryReply History(const HistoryQuery& query) const;

 private:
  const arbiter::HomeState& state_;
  const NameIndex& names_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_DESKS_KEY_LISTER_H_
