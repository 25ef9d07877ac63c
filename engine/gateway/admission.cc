#include "engine/gateway/admission.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/records.h"
#include "engine/cell/errors.h"
#include "engine/cell/key_name.h"

namespace worldb::engine {
namespace {

absl::Status BadField(absl::string_view reason, absl::string_view words, absl::string_view field) {
  return MakeError(absl::StatusCode::kInvalidArgument, reason, words,
                   {{"field", std::string(field)}});
}

absl::Status CheckValue(const SetRequest& request) {
  if (request.value.size() > cryptoscatter::kValueBytesMax) {
    return BadField(reason::kValueTooLarge,
                    absl::StrCat("the value has ", request.value.size(), " bytes; at most ",
                                 cryptoscatter::kValueBytesMax, " are allowed"),
                    "value");
  }
  if (request.kind == arbiter::OpKind::kDelete && request.value.size() != 0) {
    return BadField(reason::kValueTooLarge, "a Delete has no value", "value");
  }
  return absl::OkStatus();
}

// The one the request names, or that of the key's namespace.
absl::StatusOr<CellScripts::ScriptPtr> ScriptOf(const SetRequest& request, const Cell& cell) {
  if (!request.script.has_value()) return cell.scripts().ForKey(request.key);
  auto found = cell.FindScript(*request.script);
  if (!found.ok()) return BadField(reason::kBadScript, found.status().message(), "script");
  return found;
}

absl::Status CheckOp(const OpId& op) {
  const absl::Status status = arbiter::CheckOpId(op);
  return status.ok() ? status : BadField(reason::kBadOpId, status.message(), "op_id");
}

absl::Status CheckBase(const SetRequest& request) {
  if (request.base.kind == arbiter::Base::Kind::kVersion || request.base.version == Version()) {
    return absl::OkStatus();
  }
  return BadField(reason::kBadBase, "a base version is given without naming it as the base",
                  "base");
}

absl::Status NoClock(absl::string_view words) {
  return MakeError(absl::StatusCode::kUnavailable, reason::kNoClock, words);
}

absl::Status Shed(absl::string_view full) {
  return MakeError(absl::StatusCode::kResourceExhausted, reason::kShed,
                   absl::StrCat("the node has ", full, "; nothing was stamped, try again later"));
}

}  // namespace

Admission::Admission(const NodeSelf& self, const arbiter::Clock& clock,
                     absl::Duration clock_bound_max)
    : self_(self),
      clock_(clock),
      clock_bound_max_(clock_bound_max),
      of_homes_{Budget(kPendingOpsMax, kPendingBytesMax), Budget(kPendingOpsMax, kPendingBytesMax),
                Budget(kPendingOpsMax, kPendingBytesMax)},
      of_calls_(kCallsMax, std::numeric_limits<std::uint64_t>::max()) {}

void Admission::Start(StreamEpoch stream_epoch) {
  issuer_ =
      std::make_unique<arbiter::StampIssuer>(self_.index(), stream_epoch, clock_bound_max_, clock_);
  started_.store(true, std::memory_order_release);
}

bool Admission::may_stamp() const {
  const arbiter::ClockReading now = clock_.Now();
  return CheckStarted().ok() && now.quality != arbiter::ClockQuality::kNone &&
         now.bound <= clock_bound_max_;
}

absl::Status Admission::CheckStarted() const {
  if (started_.load(std::memory_order_acquire)) return absl::OkStatus();
  return NoClock("the node is still starting; try again or ask another node");
}

absl::StatusOr<AdmittedPtr> Admission::Admit(CallId call, SetRequest request,
                                             SetObserver observer) {
  WORLDB_RETURN_IF_ERROR(CheckKeyName(request.key));
  WORLDB_RETURN_IF_ERROR(CheckValue(request));
  WORLDB_ASSIGN_OR_RETURN(CellScripts::ScriptPtr script, ScriptOf(request, self_.cell()));
  WORLDB_RETURN_IF_ERROR(CheckOp(request.op));
  WORLDB_RETURN_IF_ERROR(CheckStarted());
  WORLDB_RETURN_IF_ERROR(CheckBase(request));
  auto set = std::make_shared<AdmittedSet>();
  set->call = call;
  set->request = std::move(request);
  set->observer = std::move(observer);
  set->script = std::move(script);
  set->key_tag = self_.cell().KeyTagOf(set->request.key);
  set->slot = self_.cell().SlotOf(set->key_tag);
  set->home = self_.cell().HomeOf(set->slot);
  WORLDB_RETURN_IF_ERROR(ChargeFor(*set));
  if (set->request.value.size() <= kValueInFrameBytesMax) WORLDB_RETURN_IF_ERROR(Stamp(*set));
  return set;
}

absl::Status Admission::ChargeFor(AdmittedSet& set) {
  auto of_home = of_homes_[set.home.value()].TryCharge(set.request.value.size());
  if (!of_home.has_value()) {
    return Shed(absl::StrCat(kPendingOpsMax, " ops or ", kPendingBytesMax, " bytes under way to ",
                             self_.cell().data_center_name(set.home)));
  }
  auto of_calls = of_calls_.TryCharge(0);
  if (!of_calls.has_value()) return Shed(absl::StrCat(kCallsMax, " calls waiting for their end"));
  set.of_home = *std::move(of_home);
  set.of_calls = *std::move(of_calls);
  return absl::OkStatus();
}

absl::Status Admission::Stamp(AdmittedSet& set) {
  const absl::StatusOr<arbiter::Stamp> stamp = issuer_->Issue(set.home);
  if (!stamp.ok()) return NoClock(stamp.status().message());
  set.stamp = *stamp;
  return absl::OkStatus();
}

}  // namespace worldb::engine
