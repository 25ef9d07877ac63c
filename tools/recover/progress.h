// How far a command is: one line on a terminal, and nothing where standard error is no terminal.
#ifndef WORLDB_TOOLS_RECOVER_PROGRESS_H_
#define WORLDB_TOOLS_RECOVER_PROGRESS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace worldb::tools {

// Threads: one owner.
class ProgressLine {
 public:
  ProgressLine();
  // Wipes the line.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Shows `text`, but not more often than a few times a second.
  void Show(const std::string& text);
  // "<verb> 512.0 MiB of 1.0 GiB"; `total` is 0 when nobody knows it.
  void ShowBytes(const std::string& verb, std::uint64_t done, std::uint64_t total);
  // Makes room for other output.
  void Clear();

 private:
  const bool terminal_;
  bool shown_ = false;
  absl::Time next_ = absl::InfinitePast();
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_PROGRESS_H_
