// The "waiting for ..." line of a command that takes long.
#ifndef WORLDB_TOOLS_WAITING_H_
#define WORLDB_TOOLS_WAITING_H_

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "arbiter/outcome.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/mutex.h"
#include "tools/output.h"
#include "transport/client.h"

namespace worldb::tools {

// Says on standard error what a command waits for, once it has taken kFirstAfter, and again only when
// that has changed. Silent with JSON: its readers have the events.
// Threads: `why` runs on a thread of this object's own; everything else on the command's.
class WaitingLine {
 public:
  static constexpr absl::Duration kFirstAfter = absl::Seconds(1);

  // `why` completes "waiting for "; empty for nothing. It may ask a node for kAskTimeMax.
  static constexpr absl::Duration kAskTimeMax = absl::Milliseconds(300);
  WaitingLine(OutputFormat format, std::function<std::string()> why);
  // Ends it; waits for a `why` that runs.
  ~WaitingLine();
  WaitingLine(const WaitingLine&) = delete;
  WaitingLine& operator=(const WaitingLine&) = delete;

 private:
  void Run();

  const std::function<std::string()> why_;
  Mutex mu_;
  CondVar changed_;
  bool over_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

// "the home frankfurt to answer"
std::string WaitingForHome(transport::Client& client, ByteSpan key);
// "SAFE: 6 of 9 nodes hold it, tokyo is OUT". `out` is what was known before; the nodes are asked for more.
std::string WaitingForLevel(transport::Client& client, arbiter::Level until,
                            const std::vector<transport::DataCenterCount>& shares,
                            std::vector<std::string> out);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_WAITING_H_
