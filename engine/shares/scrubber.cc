#include "engine/shares/scrubber.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace worldb::engine {
namespace {

// The first key behind all share rows.
std::string EndOfShares() {
  std::string end = ShareRow::kFamilyPrefix;
  ++end.back();
  return end;
}

// `key` with the first two bytes of its key tag, as a number, `step` further on.
std::string Behind(const std::string& key, std::size_t step) {
  std::string tag = key.substr(2, 2);
  tag.resize(2, '\0');
  const std::size_t number =
      static_cast<unsigned char>(tag[0]) * std::size_t{256} + static_cast<unsigned char>(tag[1]);
  if (number + step > 0xffff) return EndOfShares();
  tag[0] = static_cast<char>((number + step) / 256);
  tag[1] = static_cast<char>((number + step) % 256);
  return ShareRow::kFamilyPrefix + tag;
}

}  // namespace

Scrubber::Scrubber(NodeContext& context, ShareStore& shares,
                   std::function<void(const VersionRef&)> found)
    : context_(context),
      shares_(shares),
      found_(std::move(found)),
      from_(ShareRow::kFamilyPrefix),
      page_rows_(context.options.scrub.page_rows) {}

void Scrubber::Start() {
  if (context_.options.scrub.page_rows > 0) Rest();
}

void Scrubber::NextPage() {
  context_.parts.store->Scan(
      RowFamily::kRows, from_, EndOfShares(), page_rows_,
      [this](absl::StatusOr<std::vector<StoreRow>> rows) { OnPage(std::move(rows)); });
}

void Scrubber::OnPage(absl::StatusOr<std::vector<StoreRow>> rows) {
  if (!rows.ok()) {
    // Some row of the page cannot be read, and the store does not say which. Smaller pages come
    // up to it, wider and wider steps over key tags behind it.
    if (page_rows_ > 1) {
      page_rows_ /= 2;
    } else if (absl::IsDataLoss(rows.status())) {
      from_ = Behind(from_, step_);
      step_ *= 2;
    }
    return Rest();
  }
  step_ = 1;
  end_of_pass_ = rows->size() < page_rows_;
  page_rows_ = std::min(2 * page_rows_, context_.options.scrub.page_rows);
  for (const StoreRow& row : *rows) {
    if (const auto version = ShareRow::ParseKey(row.key)) page_.push_back(*version);
    page_bytes_ += row.value.size();
  }
  if (!rows->empty()) from_ = rows->back().key + '\0';
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
  const ScrubOptions& options = context_.options.scrub;
  absl::Duration pause =
      std::max(options.page_every, absl::Seconds(static_cast<double>(page_bytes_) /
                                                 static_cast<double>(options.bytes_per_second)));
  page_bytes_ = 0;
  if (std::exchange(end_of_pass_, false)) {
    ++pass_count_;
    from_ = ShareRow::kFamilyPrefix;
    pause = std::max(pause, options.rest);
  }
  context_.executor().PostAfter(pause, [this] { NextPage(); });
}

}  // namespace worldb::engine
