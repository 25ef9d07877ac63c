#include "engine/home/staging_rule.h"

namespace worldb::engine {

StagingWish WishAt(arbiter::Level level) {
  if (level >= arbiter::Level::kFull) return StagingWish::kUnwanted;
  if (level >= arbiter::Level::kSafe) return StagingWish::kSafe;
  if (level >= arbiter::Level::kHeld) return StagingWish::kHeld;
  return StagingWish::kWanted;
}

StagingWish WishFor(const arbiter::HomeState& state, const OpId& op,
                    const CommitmentId& commitment) {
  const arbiter::OpRecord* record = state.FindOp(op);
  if (record == nullptr) return StagingWish::kUnknown;
  if (record->commitment != commitment) return StagingWish::kUnwanted;
  switch (record->outcome.kind) {
    case arbiter::OutcomeKind::kPending:
      return StagingWish::kWanted;
    case arbiter::OutcomeKind::kWon:
      return WishAt(state.LevelOf(*record));
    default:
      return StagingWish::kUnwanted;
  }
}

}  // namespace worldb::engine
