#include "tools/processor_time.h"

#include <unistd.h>

#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace worldb::tools {

absl::StatusOr<absl::Duration> ProcessorTimeOf(std::int64_t pid) {
  const std::string path = absl::StrCat("/proc/", pid, "/stat");
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  // The second field is the program's name in brackets, and may hold anything.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) {
    return absl::NotFoundError(absl::StrCat("no process ", pid, " (", path, ")"));
  }
  constexpr std::size_t kUserTime = 12;  // of the fields behind the name: fields 14 and 15 of all
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(text).substr(name_end + 1), ' ');
  std::int64_t user = 0;
  std::int64_t kernel = 0;
  if (fields.size() <= kUserTime + 1 || !absl::SimpleAtoi(fields[kUserTime], &user) ||
      !absl::SimpleAtoi(fields[kUserTime + 1], &kernel)) {
    return absl::InternalError(absl::StrCat(path, " is not as proc(5) says"));
  }
  return absl::Seconds(1) * static_cast<double>(user + kernel) /
         static_cast<double>(sysconf(_SC_CLK_TCK));
}

absl::Duration OwnProcessorTime() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return absl::DurationFromTimespec(time);
}

}  // namespace worldb::tools
