#include "engine/repair/refiller.h"

#include <algorithm>
#include <utility>

namespace worldb::engine {
namespace {

constexpr absl::Duration kBusyPause = absl::Milliseconds(200);
constexpr absl::Duration kQuickPause = absl::Milliseconds(10);

}  // namespace

struct Refiller::Page {
  DataCenterIndex home;
  NodeIndex sequencer;
  InventoryReply reply;
  std::vector<arbiter::RoundId> missing;
  std::vector<InventoryItem> to_prove;
  std::vector<arbiter::RoundId> proved;
  std::vector<cryptoscatter::ReceiptClaim> claims;  // of each of these
};

Refiller::Refiller(NodeSelf& self, const NodeSecrets& secrets, const HomeDirectory& homes,
                   ShareReader& reader, Repairer& repairer, const ScrubOptions& options)
    : self_(self),
      secrets_(secrets),
      homes_(homes),
      reader_(reader),
      repairer_(repairer),
      options_(options),
      asked_(self.request_ids(), 1) {}

void Refiller::Start() {
  if (options_.page_rows > 0) AskIn(options_.page_every);
}

VersionRef Refiller::RefOf(const arbiter::RoundId& id) const {
  return {id.key_tag, self_.cell().slot_epoch(), id.version};
}

void Refiller::AskIn(absl::Duration pause) {
  self_.executor().PostAfter(pause, [this] { Ask(); });
}

void Refiller::Ask() {
  if (repairer_.Status().waiting > kRepairsWaitingMax) return AskIn(kBusyPause);
  const DataCenterIndex home = DataCenterAt(home_);
  const std::optional<NodeIndex> sequencer = homes_.SequencerOf(home);
  if (!sequencer.has_value() || homes_.IsSilent(home)) {
    whole_pass_ = false;
    return NextHome();
  }
  const RequestId id = asked_.Add(*sequencer, home);
  self_.Send(*sequencer, InventoryQuery{id, after_});
  self_.executor().PostAfter(kPatience, [this, id] {
    if (!asked_.Drop(id).has_value()) return;
    whole_pass_ = false;
    NextHome();
  });
}

void Refiller::TakePage(NodeIndex from, InventoryReply& reply) {
  const std::optional<DataCenterIndex> home = asked_.Take(from, reply.id);
  if (!home.has_value()) return;
  if (!reply.status.ok()) {
    whole_pass_ = false;
    return NextHome();
  }
  auto page = std::make_shared<Page>();
  page->home = *home;
  page->sequencer = from;
  page->reply = std::move(reply);
  if (page->reply.items.empty()) return EndPage(*page);
  const auto by_tag = [](const InventoryItem& a, const InventoryItem& b) {
    return a.version.key_tag < b.version.key_tag;
  };
  const auto [first, last] =
      std::minmax_element(page->reply.items.begin(), page->reply.items.end(), by_tag);
  reader_.FindRows(
      first->version.key_tag, last->version.key_tag,
      [this, page](const absl::StatusOr<std::set<VersionRef>>& rows) { Compare(page, rows); });
}

void Refiller::Compare(const PagePtr& page, const absl::StatusOr<std::set<VersionRef>>& rows) {
  for (const InventoryItem& item : page->reply.items) {
    const VersionRef ref = RefOf(item.version);
    // With a row among them that cannot be read, each is looked at alone.
    const bool there = rows.ok() && rows->contains(ref);
    if (there) {
      if (!item.counted && !item.owed) page->to_prove.push_back(item);
      continue;
    }
    if (item.owed && !item.counted) continue;
    repairer_.Repair(ref);
    if (!rows.ok()) continue;
    ++lacking_;
    if (item.counted) page->missing.push_back(item.version);
  }
  missing_count_ += page->missing.size();
  lacking_ += page->to_prove.size();
  if (!page->missing.empty()) self_.Send(page->sequencer, InventoryReport{page->missing, {}});
  ProveNext(page);
}

void Refiller::ProveNext(const PagePtr& page) {
  if (page->to_prove.empty()) return Report(page);
  const InventoryItem item = page->to_prove.back();
  page->to_prove.pop_back();
  const VersionRef ref = RefOf(item.version);
  reader_.Inspect(ref, /*with_fragment=*/true, [this, page, item, ref](const HeldShare& held) {
    if (!held.whole()) {
      repairer_.Repair(ref);
    } else if (held.proved == item.commitment) {
      page->proved.push_back(item.version);
      page->claims.push_back(held.share.Claim());
    }
    ProveNext(page);
  });
}

void Refiller::Report(const PagePtr& page) {
  if (!page->claims.empty()) {
    InventoryReport report;
    std::vector<cryptoscatter::Receipt> receipts =
        cryptoscatter::SignReceipts(secrets_.signing, self_.cell().id(), page->claims);
    for (std::size_t i = 0; i < receipts.size(); ++i) {
      report.held.push_back({page->proved[i], std::move(receipts[i])});
    }
    self_.Send(page->sequencer, std::move(report));
  }
  EndPage(*page);
}

void Refiller::EndPage(const Page& page) {
  after_ = page.reply.told_to;
  if (!after_.has_value()) return NextHome();
  AskIn(first_pass_ ? kQuickPause : options_.page_every);
}

void Refiller::NextHome() {
  after_.reset();
  if (++home_ < kDataCenterCount) return AskIn(first_pass_ ? kQuickPause : options_.page_every);
  home_ = 0;
  first_pass_ = false;
  // What could not be asked is asked again soon, and so is what was being made whole.
  const bool again = !whole_pass_ || lacking_ > 0;
  if (whole_pass_) {
    lacking_before_ = lacking_;
  }
  lacking_ = 0;
  whole_pass_ = true;
  AskIn(again ? std::min(kShortRest, options_.rest) : options_.rest);
}

}  // namespace worldb::engine
