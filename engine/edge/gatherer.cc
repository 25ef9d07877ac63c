#include "engine/edge/gatherer.h"

#include <utility>

#include "engine/cell/key_name.h"
#include "engine/edge/read_errors.h"

namespace worldb::engine {

void Gatherer::Get(GetRequest request, Done done) {
  if (absl::Status status = CheckKeyName(request.key); !status.ok()) {
    return done(std::move(status));
  }
  if (calls_.size() >= kGetsMax) return done(TooManyReads(kGetsMax));
  const CallId id = ++last_call_;
  Call& call = calls_[id];
  call.done = std::move(done);
  call.read = std::make_unique<ReadCall>(
      reader_, std::move(request),
      [this, id](absl::StatusOr<GetReply> reply) { Finish(id, std::move(reply)); });
  call.read->Start();
}

void Gatherer::Finish(CallId id, absl::StatusOr<GetReply> reply) {
  // What called this is on the way back out of it: the call lives on until then.
  const auto call = calls_.extract(id);
  call.mapped().done(std::move(reply));
}

void Gatherer::StopAll(const absl::Status& status) {
  while (!calls_.empty()) Finish(calls_.begin()->first, status);
}

}  // namespace worldb::engine
