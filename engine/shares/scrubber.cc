#include "engine/shares/scrubber.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "cryptoscatter/base/key_order.h"
#include "engine/rows/share_rows.h"

namespace worldb::engine {
namespace {

// The bytes of a key tag that steps over damage are counted in.
constexpr std::size_t kStepDigits = 2;

RowRange AllShares() { return RowRange::WithPrefix(RowFamily::kRows, ShareRow::kFamilyPrefix); }

}  // namespace

Scrubber::Scrubber(NodeSelf& self, Store& store, ShareStore& shares, const ScrubOptions& options,
                   std::function<void(const VersionRef&)> found)
    : self_(self),
      store_(store),
      shares_(shares),
      options_(options),
      found_(std::move(found)),
      left_(AllShares()),
      page_rows_(options.page_rows) {}

void Scrubber::Start() {
  if (options_.page_rows > 0) Rest();
}

void Scrubber::NextPage() {
  ReadPage(store_, left_, page_rows_, [this](const absl::StatusOr<RowPage>& page) {
    if (page.ok()) return JudgePage(*page);
    StepOver(page.status());
    Rest();
  });
}

// Smaller pages come up to what cannot be read, wider and wider steps over key tags behind it.
void Scrubber::StepOver(const absl::Status& why) {
  if (page_rows_ > 1) {
    page_rows_ /= 2;
  } else if (absl::IsDataLoss(why)) {
    left_.begin =
        KeyFurtherOn(ShareRow::kFamilyPrefix, left_.begin, kStepDigits, step_).value_or(left_.end);
    step_ *= 2;
  }
}

void Scrubber::JudgePage(const RowPage& page) {
  step_ = 1;
  end_of_pass_ = page.last;
  page_rows_ = std::min(2 * page_rows_, options_.page_rows);
  for (const StoreRow& row : page.rows) {
    if (const auto version = ShareRow::ParseKey(row.key)) page_.push_back(*version);
    page_bytes_ += row.value.size();
  }
  left_.begin = page.next;
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
    left_ = AllShares();
    pause = std::max(pause, options_.rest);
  }
  self_.executor().PostAfter(pause, [this] { NextPage(); });
}

}  // namespace worldb::engine
