#include "tools/recover/judging/share_check.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/recover/judging/spot_groups.h"
#include "tools/stop_signals.h"

namespace worldb::tools {
namespace {

constexpr std::size_t kVerifiedBatchesKept = std::size_t{1} << 16;

}  // namespace

ShareCheck::ShareCheck(const ShareSource& source, Callbacks callbacks)
    : source_(source), callbacks_(std::move(callbacks)), verifier_(kVerifiedBatchesKept) {}

absl::Status ShareCheck::Run() {
  for (std::span<const Spot> rest = source_.spots(); !rest.empty();) {
    std::span<const Spot> key = TakeGroup(rest, IsSameKey);
    const VersionClaims claims(source_, verifier_, key);
    while (!key.empty()) {
      WORLDB_RETURN_IF_ERROR(CheckVersion(TakeGroup(key, IsSameVersion), claims));
    }
  }
  return absl::OkStatus();
}

absl::Status ShareCheck::CheckVersion(std::span<const Spot> spots, const VersionClaims& claims) {
  WORLDB_RETURN_IF_ERROR(CheckNotStopped());
  const std::uint64_t bad_before = counts_.bad;
  std::vector<std::pair<const Spot*, CommitmentId>> good;
  Tally<CommitmentId> values;
  for (const Spot& spot : spots) {
    if (const auto commitment = Check(spot)) {
      good.emplace_back(&spot, *commitment);
      values.Count(*commitment, NodeAt(spot.index));
    }
    ++counts_.done;
    callbacks_.progress(counts_);
  }
  for (const auto& [spot, commitment] : good) {
    if (values.InsteadOf(commitment).has_value()) {
      Report(*spot, absl::StrCat(source_.Describe(*spot),
                                 ": it is of another value than other shares of this version"));
    } else if (const auto other = claims.InsteadOf(spot->core, spot->slot_epoch, spot->version)) {
      Report(*spot, absl::StrCat(source_.Describe(*spot), ": the same value stands as version ",
                                 other->value(), " elsewhere"));
    }
  }
  if (counts_.bad == bad_before || !callbacks_.bad_version) return absl::OkStatus();
  return callbacks_.bad_version(spots, claims);
}

std::optional<CommitmentId> ShareCheck::Check(const Spot& spot) {
  if (spot.IsShare()) return CheckShare(spot);
  if (spot.kind == Spot::Kind::kBadRow) {
    Report(spot, source_.WhyBad(spot));
  } else {
    CheckStaged(spot);
  }
  return std::nullopt;
}

std::optional<CommitmentId> ShareCheck::CheckShare(const Spot& spot) {
  ++counts_.shares;
  auto found = source_.Fetch(spot);
  if (!found.ok()) {
    Report(spot, absl::StrCat(source_.Describe(spot), ": ", found.status().message()));
    return std::nullopt;
  }
  const CommitmentId commitment = found->share.Commitment();
  engine::OfflineValue value(source_.keys(), source_.script_book(), verifier_);
  const std::string wrong = value.Add(*std::move(found));
  counts_.key_shares += static_cast<std::uint64_t>(value.key_shares().Count());
  if (wrong.empty()) return commitment;
  Report(spot, wrong);
  return std::nullopt;
}

void ShareCheck::CheckStaged(const Spot& spot) {
  ++counts_.staged;
  engine::OfflineValue value(source_.keys(), source_.script_book(), verifier_);
  const auto sealed = source_.FetchStaged(spot);
  const std::string wrong = sealed.ok() ? value.AddStaged(*sealed, source_.WhereOf(spot))
                                        : std::string(sealed.status().message());
  if (!wrong.empty()) Report(spot, wrong);
}

void ShareCheck::Report(const Spot& spot, const std::string& why) {
  ++counts_.bad;
  callbacks_.bad(spot, why);
}

}  // namespace worldb::tools
