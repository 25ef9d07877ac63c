// Finds the shares that this node should hold and does not, and has them made anew, without waiting for a
// reader to miss them.
//
// It goes through the versions of each home, page by page and without end: what the home's log counts as
// held here and has no row is told to the home, so that no level counts it, and handed to the repairer. What
// was made whole since, and is not counted, is told with a receipt. What a home is about to hand over itself
// is left to it. The first pass of a life is as quick as repairs are: a disk is replaced while a node is down.
// Bounds:  one page at a time; no page while more than kRepairsWaitingMax repairs wait.
// Threads: its node's executor.
// Source:  docs/protocol.md 7.
#ifndef WORLDB_ENGINE_REPAIR_REFILLER_H_
#define WORLDB_ENGINE_REPAIR_REFILLER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cryptoscatter/records.h"
#include "engine/context/home_directory.h"
#include "engine/context/node_parts.h"
#include "engine/context/node_self.h"
#include "engine/messages/asked.h"
#include "engine/messages/inventory_messages.h"
#include "engine/repair/repairer.h"
#include "engine/shares/share_reader.h"

namespace worldb::engine {

class Refiller {
 public:
  static constexpr std::size_t kRepairsWaitingMax = 1024;
  static constexpr absl::Duration kPatience = absl::Seconds(5);
  // After a pass that found something, to tell what was made whole.
  static constexpr absl::Duration kShortRest = absl::Seconds(5);

  // All but `options` outlive this object.
  Refiller(NodeSelf& self, const NodeSecrets& secrets, const HomeDirectory& homes,
           ShareReader& reader, Repairer& repairer, const ScrubOptions& options);

  void Start();
  void TakePage(NodeIndex from, InventoryReply& reply);

  // Shares that homes counted and this node did not hold, found since this life began.
  std::uint64_t missing_count() const { return missing_count_; }
  // Shares that are to be made anew or told of: of the last whole pass, or the one under way if it found more.
  std::uint64_t lacking() const { return std::max(lacking_, lacking_before_); }

 private:
  struct Page;
  using PagePtr = std::shared_ptr<Page>;

  void Ask();
  void AskIn(absl::Duration pause);
  void Compare(const PagePtr& page, const absl::StatusOr<std::set<VersionRef>>& rows);
  void Report(const PagePtr& page);
  // Looks at what is there and not counted, one after the other.
  void ProveNext(const PagePtr& page);
  void EndPage(const Page& page);
  void NextHome();
  VersionRef RefOf(const arbiter::RoundId& id) const;

  NodeSelf& self_;
  const NodeSecrets& secrets_;
  const HomeDirectory& homes_;
  ShareReader& reader_;
  Repairer& repairer_;
  const ScrubOptions options_;
  Asked<DataCenterIndex> asked_;  // one

  int home_ = 0;
  std::optional<arbiter::RoundId> after_;  // in that home
  bool first_pass_ = true;
  bool whole_pass_ = true;  // every home has answered to its end
  std::uint64_t lacking_ = 0;
  std::uint64_t lacking_before_ = 0;
  std::uint64_t missing_count_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_REPAIR_REFILLER_H_
