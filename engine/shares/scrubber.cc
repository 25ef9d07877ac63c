#include "engine/shares/scrubber.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/rows/share_rows.h"

namespace worldb::engine {
namespace {

// The bytes of a key tag that steps over damage are counted in.
constexpr std::size_t kStepDigits = 2;

RowWalk AllShares(std::size_t page_rows) {
  return {RowFamily::kRows, ShareRow::kFamilyPrefix, page_rows, kStepDigits};
}

}  // namespace

Scrubber::Scrubber(NodeSelf& self, Store& store, ShareStore& shares, const ScrubOptions& options,
                   std::function<void(const VersionRef&)> found)
    : self_(self),
      store_(store),
      shares_(shares),
      options_(options),
      found_(std::move(found)),
      walk_(AllShares(options.page_rows)) {}

void Scrubber::Start() {
  if (options_.page_rows > 0) Rest();
}

void Scrubber::NextPage() {
  ReadPage(store_, walk_.left(), walk_.rows(), [this](const absl::StatusOr<RowPage>& page) {
    if (page.ok()) return JudgePage(*page);
    walk_.StepOver(page.status());
    Rest();
  });
}

void Scrubber::JudgePage(const RowPage& page) {
  walk_.Took(page);
  end_of_pass_ = page.last;
  for (const StoreRow& row : page.rows) {
    if (const auto version = ShareRow::ParseKey(row.key)) page_.push_back(*version);
    page_bytes_ += row.value.size();
  }
  NextShare();
}

void Scrubber::NextShare() {
  if (page_.empty()) return Rest();
  const VersionRef version = page_.back();
  page_.pop_back();
  shares_.reader().Inspect(version, /*with_fragment=*/true, [this, version](const HeldShare& held) {
    page_bytes_ += held.share.fragment.size();
    // Gone since the page was read: pruned.
    if (!held.whole() && !absl::IsNotFound(held.row)) found_(version);
    NextShare();
  });
}

void Scrubber::Rest() {
  absl::Duration pause =
      std::max(options_.page_every, absl::Seconds(static_cast<double>(page_bytes_) /
                                                  static_cast<double>(options_.bytes_per_second)));
  page_bytes_ = 0;
  if (std::exchange(end_of_pass_, false)) {
    ++pass_count_;
    walk_ = AllShares(options_.page_rows);
    pause = std::max(pause, options_.rest);
  }
  self_.executor().PostAfter(pause, [this] { NextPage(); });
}

}  // namespace worldb::engine
