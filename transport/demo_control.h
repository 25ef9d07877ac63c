// What the demo service asks of the program it runs in.
#ifndef WORLDB_TRANSPORT_DEMO_CONTROL_H_
#define WORLDB_TRANSPORT_DEMO_CONTROL_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace worldb::transport {

class DemoControl {
 public:
  // True if something changed.
  using Done = std::function<void(absl::StatusOr<bool>)>;

  virtual ~DemoControl() = default;
  // Take a node off or bring it back, `asked` being the node whose endpoint was asked. Return at once;
  // `done` runs exactly once, on any thread. `new_disk`: its store is gone for good, and it starts on an empty
  // one. Threads: any.
  virtual void StopNode(std::string node, std::string asked, Done done) = 0;
  virtual void StartNode(std::string node, bool new_disk, Done done) = 0;
};

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_DEMO_CONTROL_H_
