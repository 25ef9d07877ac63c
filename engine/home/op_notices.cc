#include "engine/home/op_notices.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "engine/cell/errors.h"
#include "engine/home/ticket_facts.h"

namespace worldb::engine {
namespace {

absl::Status RefusalStatus(const arbiter::OpRefused& refused) {
  switch (refused.refusal) {
    case arbiter::Refusal::kBadBase:
      return MakeError(absl::StatusCode::kInvalidArgument, reason::kBadBase,
                       absl::StrCat("the base version does not exist yet; the newest is ",
                                    refused.present.value()),
                       {{"current_version", absl::StrCat(refused.present.value())}});
    case arbiter::Refusal::kOpExpired:
      return MakeError(absl::StatusCode::kInvalidArgument, reason::kOpExpired,
                       "the op id is dated too far from the home's time, and the op is not on "
                       "record; check the client's clock and make a new op id");
    case arbiter::Refusal::kOpIdReused:
      return OpIdReused();
  }
  return absl::InternalError("unknown refusal");
}

class Maker {
 public:
  Maker(const Cell& cell, const arbiter::HomeState& state) : cell_(cell), state_(state) {}

  void operator()(const arbiter::OpAccepted& accepted) {
    // A retry of an op that has ended may be the last the state knows of it: the same entry's
    // checkpoint forgets it.
    const arbiter::OpRecord* op = state_.FindOp(accepted.op);
    Add(accepted.ingress, accepted.op,
        NoticeAccepted{
            accepted.stamp, accepted.round.version, accepted.leading, OutageOf(state_),
            op != nullptr ? LevelWithinReach(cell_, state_, op->script) : arbiter::Level::kFull,
            accepted.identity});
  }
  void operator()(const arbiter::OpJudged& judged) {
    Add(judged.ingress, judged.op, judged.outcome);
  }
  void operator()(const arbiter::OpRefused& refused) {
    Add(refused.ingress, refused.op, NoticeRefused{RefusalStatus(refused), refused.number});
  }
  void operator()(const arbiter::LevelAnnounced& level) {
    Add(level.ingress, level.op, NoticeLevel{level.level, level.id.version, level.held});
  }
  // Nothing that the op's caller waits for.
  template <typename Other>
  void operator()(const Other&) {}

  NoticesByNode Take() && { return std::move(notices_); }

 private:
  void Add(NodeIndex ingress, const OpId& op, decltype(OpNotice::what) what) {
    notices_[ingress.value()].push_back({op, std::move(what)});
  }

  const Cell& cell_;
  const arbiter::HomeState& state_;
  NoticesByNode notices_;
};

}  // namespace

NoticesByNode MakeOpNotices(const Cell& cell, const arbiter::HomeState& state,
                            const std::vector<arbiter::Effect>& effects) {
  Maker maker(cell, state);
  for (const arbiter::Effect& effect : effects) std::visit(maker, effect);
  return std::move(maker).Take();
}

}  // namespace worldb::engine
