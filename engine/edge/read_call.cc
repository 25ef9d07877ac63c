#include "engine/edge/read_call.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "engine/cell/errors.h"
#include "engine/edge/read_errors.h"

namespace worldb::engine {
namespace {

// Everybody is asked what they hold when the home has been silent for this part of the deadline.
constexpr double kHomeSilentPart = 0.4;
// How much longer than the way to the farthest node and back, twice, a listing waits.
constexpr absl::Duration kListSlack = absl::Milliseconds(300);

}  // namespace

ReadCall::ReadCall(EdgeReader& reader, GetRequest request, Done done)
    : reader_(reader),
      request_(std::move(request)),
      done_(std::move(done)),
      key_tag_(reader.cell().KeyTagOf(request_.key)),
      home_(reader.cell().HomeOf(reader.cell().SlotOf(key_tag_))),
      deadline_(reader.now() + request_.timeout) {}

void ReadCall::Start() {
  deadline_timer_ = Timer(reader_.executor(), request_.timeout, [this] { Finish(OutOfTime()); });
  if (request_.mode == ReadMode::kSurviving) return ListAll();
  AskHome();
}

void ReadCall::AskHome() {
  CellAccess::VersionQuestion question{
      .home = home_, .key_tag = key_tag_, .version = std::nullopt, .deadline = deadline_};
  if (request_.mode == ReadMode::kVersion) question.version = request_.version;
  asking_.question =
      reader_.access().AskHome(question, [this](const ReadReply& reply) { TakeFacts(reply); });
  asking_.patience =
      Timer(reader_.executor(), kHomeSilentPart * request_.timeout, [this] { ListAll(); });
  if (request_.mode != ReadMode::kLatest) return;
  asking_.speculative = SpeculativeGather::Start(reader_, key_tag_, home_,
                                                 *reader_.cell().scripts().ForKey(request_.key));
}

void ReadCall::TakeFacts(const ReadReply& reply) {
  auto speculative = std::move(asking_.speculative);
  asking_ = {};
  listing_ = {};
  if (!reply.status.ok()) return Finish(reply.status);
  auto script = reader_.cell().FindScript(reply.facts->script);
  if (!script.ok()) {
    return Finish(MakeError(absl::StatusCode::kFailedPrecondition, reason::kBadScript,
                            script.status().message()));
  }
  Gather({TargetOf(*reply.facts, *std::move(script))}, std::move(speculative));
}

void ReadCall::ListAll() {
  const Outlook outlook = reader_.access().Look();
  absl::Duration farthest = absl::ZeroDuration();
  for (int i = 0; i < kNodeCount; ++i) {
    listing_.questions[i] = reader_.access().List(
        NodeAt(i), key_tag_,
        [this, from = NodeAt(i)](const ListSharesReply& reply) { TakeListing(from, reply); });
    if (outlook.possibly_reachable.Has(i)) farthest = std::max(farthest, outlook.round_trips[i]);
  }
  listing_.timer = Timer(reader_.executor(), 2 * farthest + kListSlack, [this] { EndListing(); });
}

void ReadCall::TakeListing(NodeIndex from, const ListSharesReply& reply) {
  // Who could not look says nothing of what is there.
  (reply.status.ok() ? listing_.listed : listing_.could_not_list).Add(from);
  for (const ListedShare& share : reply.shares) listing_.holdings[share].Add(from);
  const NodeSet answered = listing_.listed | listing_.could_not_list;
  if (reader_.access().Look().possibly_reachable.Minus(answered).empty()) EndListing();
}

void ReadCall::EndListing() {
  listing_.questions = {};
  listing_.timer = {};
  if (request_.mode != ReadMode::kSurviving) return;  // kept for the words at the deadline
  const Listing told = std::exchange(listing_, {});
  std::vector<ReadTarget> targets = TargetsOf(told.holdings, reader_.cell().scripts().book());
  if (!targets.empty()) return Gather(std::move(targets));
  Finish(NothingReadable(reader_.cell(), told.listed, told.holdings));
}

void ReadCall::Gather(std::vector<ReadTarget> targets,
                      std::unique_ptr<SpeculativeGather> speculative) {
  gathering_.targets = std::move(targets);
  GatherTarget(std::move(speculative));
}

void ReadCall::GatherTarget(std::unique_ptr<SpeculativeGather> speculative) {
  const ReadTarget& target = gathering_.target();
  auto charge = reader_.budget().TryCharge(*target.script, target.payload_bytes);
  if (!charge.has_value()) return Finish(NoRoomForValue());
  gathering_.shares =
      ShareGather::Create(reader_, request_.key, key_tag_, target, *std::move(charge),
                          [this](Gathered gathered) { TakeGathered(std::move(gathered)); });
  gathering_.shares->Start(std::move(speculative));
}

// SURVIVING falls back to the next older version; the others have one target only.
void ReadCall::TakeGathered(Gathered gathered) {
  std::move(gathered.rejected.begin(), gathered.rejected.end(),
            std::back_inserter(gathering_.rejected));
  if (gathered.value.has_value()) return Finish(ReplyWith(std::move(gathered)));
  if (gathered.no_room) return Finish(NoRoomForValue());
  if (gathering_.at + 1 < gathering_.targets.size()) {
    ++gathering_.at;
    gathered.charge = {};  // the next one has its own
    return GatherTarget(nullptr);
  }
  Finish(NotReadable(reader_.cell(), gathering_.target(), gathering_.shares->used(),
                     gathering_.shares->answered(), gathering_.rejected));
}

absl::StatusOr<GetReply> ReadCall::ReplyWith(Gathered gathered) {
  const ReadTarget& target = gathering_.target();
  cryptoscatter::OpenedValue& value = *gathered.value;
  // The shares go with this call.
  gathered.charge.ReduceTo(ReadBudget::AnswerBytes(value.value.size()));
  if (value.kind == cryptoscatter::ValueKind::kTombstone) return Deleted(target.version);
  return GetReply{.version = target.version,
                  .op = gathered.op.value_or(target.op),
                  .level = target.level,
                  .home_silent = request_.mode == ReadMode::kSurviving,
                  .value = std::move(value.value),
                  .void_versions = target.void_versions,
                  .read_from = gathering_.shares->used(),
                  .rejected = std::move(gathering_.rejected),
                  .charge = std::move(gathered.charge)};
}

absl::Status ReadCall::OutOfTime() const {
  const Cell& cell = reader_.cell();
  if (const ShareGather* shares = gathering_.shares.get(); shares != nullptr) {
    return NotReadableInTime(cell, gathering_.target(), shares->used(), shares->answered(),
                             shares->asked());
  }
  const std::vector<ReadTarget> surviving = TargetsOf(listing_.holdings, cell.scripts().book());
  return HomeSilent(cell, home_,
                    surviving.empty() ? std::nullopt : std::optional(surviving.front().version));
}

void ReadCall::Finish(absl::StatusOr<GetReply> reply) {
  std::exchange(done_, nullptr)(std::move(reply));
}

}  // namespace worldb::engine
