// How far a command is: one line on a terminal, and nothing where standard error is no terminal.
#ifndef WORLDB_TOOLS_RECOVER_PROGRESS_H_
#define WORLDB_TOOLS_RECOVER_PROGRESS_H_

#include <atomic>
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
  // Makes room for other output.
  void Clear();

 private:
  const bool terminal_;
  bool shown_ = false;
  absl::Time next_ = absl::InfinitePast();
};

// "<verb> 512.0 MiB of 1.0 GiB".
// Threads: Add from any thread; the rest by one owner.
class ByteProgress {
 public:
  // `total` is 0 when nobody knows it.
  ByteProgress(std::string verb, std::uint64_t total);

  void Add(std::uint64_t bytes) { done_ += bytes; }
  void Show();

 private:
  const std::string verb_;
  const std::uint64_t total_;
  std::atomic<std::uint64_t> done_{0};
  ProgressLine line_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_PROGRESS_H_
