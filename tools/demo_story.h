// The story `worldb demo --once` tells: a race, a ticket, a lost data center, and three stores that
// cannot read what they hold. Every claim it prints was checked first.
//
// It speaks to the cell as any client does, through the nodes' gRPC endpoints.
#ifndef WORLDB_TOOLS_DEMO_STORY_H_
#define WORLDB_TOOLS_DEMO_STORY_H_

#include <memory>

#include "absl/status/status.h"
#include "tools/demo_cell.h"

namespace worldb::tools {

// Ends the demo on the way: the last part reads the stores of a cell that is off. Not OK when a step
// did not go as the story says; the message tells which and how.
absl::Status TellStory(std::unique_ptr<DemoCell> demo, const DemoCell::Options& options);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_DEMO_STORY_H_
