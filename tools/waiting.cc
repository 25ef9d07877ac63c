#include "tools/waiting.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "cryptoscatter/base/ids.h"

namespace worldb::tools {

WaitingLine::WaitingLine(OutputFormat format, std::function<std::string()> why)
    : why_(std::move(why)) {
  if (format == OutputFormat::kText) thread_ = std::thread([this] { Run(); });
}

WaitingLine::~WaitingLine() {
  {
    MutexLock lock(mu_);
    over_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void WaitingLine::Run() {
  std::string said;
  while (true) {
    const absl::Time next = absl::Now() + kFirstAfter;
    {
      MutexLock lock(mu_);
      while (!over_ && absl::Now() < next) changed_.WaitFor(mu_, next - absl::Now());
      if (over_) return;
    }
    const std::string why = why_();
    MutexLock lock(mu_);
    if (over_) return;
    if (why.empty() || why == said) continue;
    std::fprintf(stderr, "worldb: waiting for %s\n", Printable(why).c_str());
    said = why;
  }
}

std::string WaitingForHome(transport::Client& client, ByteSpan key) {
  const absl::StatusOr<std::string> home = client.Locate(key, WaitingLine::kAskTimeMax);
  if (!home.ok()) return "an endpoint to answer";
  return absl::StrCat("the home ", *home, " to answer");
}

std::string WaitingForLevel(transport::Client& client, arbiter::Level until,
                            const std::vector<transport::DataCenterCount>& shares,
                            std::vector<std::string> out) {
  const absl::Time deadline = absl::Now() + WaitingLine::kAskTimeMax;
  for (std::size_t i = 0; i < client.endpoints().size() && absl::Now() < deadline; ++i) {
    const auto status = client.Status(i, deadline - absl::Now());
    if (!status.ok()) continue;
    out.insert(out.end(), status->home.out.begin(), status->home.out.end());
    break;
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  int held = 0;
  for (const transport::DataCenterCount& in_one : shares) held += in_one.count;
  std::string text =
      absl::StrCat(arbiter::LevelName(until), ": ", held, " of ", kNodeCount, " nodes hold it");
  if (!out.empty()) {
    absl::StrAppend(&text, ", ", absl::StrJoin(out, " and "), out.size() == 1 ? " is" : " are",
                    " OUT");
  }
  return text;
}

}  // namespace worldb::tools
