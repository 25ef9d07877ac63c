#include "engine/node/start_up.h"

namespace worldb::engine {

void StartUp::Run(StreamEpochs& epochs, std::vector<Load> loads, Ready ready) {
  // Whichever callback waits for the next step keeps it alive.
  const std::shared_ptr<StartUp> start(new StartUp(std::move(loads), std::move(ready)));
  epochs.Begin([start](absl::StatusOr<StreamEpoch> epoch) {
    if (!epoch.ok()) return start->ready_(std::move(epoch));
    start->epoch_ = *epoch;
    start->LoadFrom(0);
  });
}

void StartUp::LoadFrom(std::size_t next) {
  if (next == loads_.size()) return ready_(epoch_);
  loads_[next]([self = shared_from_this(), next](absl::Status status) {
    if (!status.ok()) return self->ready_(std::move(status));
    self->LoadFrom(next + 1);
  });
}

}  // namespace worldb::engine
