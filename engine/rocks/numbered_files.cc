#include "engine/rocks/numbered_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace worldb::engine {

std::string NumberedName(std::uint64_t number, absl::string_view ending) {
  std::string digits = absl::StrCat(number);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return absl::StrCat(digits, ending);
}

std::uint64_t NumberOf(absl::string_view file_name, absl::string_view ending) {
  std::uint64_t number = 0;
  if (!absl::EndsWith(file_name, ending)) return 0;
  file_name.remove_suffix(ending.size());
  return absl::SimpleAtoi(file_name, &number) ? number : 0;
}

std::vector<std::uint64_t> NumbersIn(const std::string& dir, absl::string_view ending) {
  std::vector<std::uint64_t> numbers;
  std::error_code error;
  for (std::filesystem::directory_iterator at(dir, error), end; !error && at != end;
       at.increment(error)) {
    if (const std::uint64_t number = NumberOf(at->path().filename().string(), ending)) {
      numbers.push_back(number);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace worldb::engine
