// Tells what became of each version that `run` met, counts, and says at the end
// what all came to.
//
// Threads: one owner.
#ifndef WORLDB_TOOLS_RECOVER_RUN_REPORT_H_
#define WORLDB_TOOLS_RECOVER_RUN_REPORT_H_

#include <string>

#include "tools/exit_codes.h"
#include "tools/print.h"
#include "tools/recover/judging/recovery.h"
#include "tools/recover/progress.h"
#include "tools/recover/sources/catalog.h"

namespace worldb::tools {

class RunReport {
 public:
  // Both must outlive it.
  RunReport(OutputFormat format, const Catalog& catalog, ProgressLine& progress)
      : format_(format), catalog_(catalog), progress_(progress) {}

  // `event` is of a version (tools/recover/version_event.h); `again`: an
  // earlier run dealt with it.
  void Tell(Json event, bool again);
  bool any() const { return recovered_ + degraded_ + deleted_ + lost_ + older_ > 0; }
  // The summary, and the exit code. `unknown`: versions that may be of the one
  // key that was asked for.
  ExitCode Finish(const std::string& out, const Recovery::Unknown& unknown) const;

 private:
  struct Fate {
    bool older = false;
    bool deleted = false;
    bool again = false;
  };

  void Count(const Json& event, const Fate& fate);
  // What people should know of it beside its line.
  void TellRemarks(const Json& event, const Fate& fate) const;
  std::string Line(const Json& event, const Fate& fate) const;
  void PrintSummary(const std::string& out) const;
  // "tokyo-1, tokyo-2".
  std::string NamesOf(const Json& indices) const;

  const OutputFormat format_;
  const Catalog& catalog_;
  ProgressLine& progress_;
  unsigned long long recovered_ = 0;
  unsigned long long degraded_ = 0;
  unsigned long long deleted_ = 0;
  unsigned long long lost_ = 0;
  unsigned long long lost_for_keys_ = 0;  // of those: there are shares that no key given opens
  unsigned long long older_ = 0;
  unsigned long long again_ = 0;
  unsigned long long conflicts_ = 0;
  unsigned long long renamed_ = 0;
  unsigned long long bad_ = 0;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_RUN_REPORT_H_
