#include "tools/option_checks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace worldb::tools {
namespace {

// Has no description: it would stand in the help.
CLI::Validator Check(std::function<bool(const std::string&)> allowed, std::string expected) {
  return CLI::Validator(
      [allowed = std::move(allowed), expected = std::move(expected)](const std::string& text) {
        if (allowed(text)) return std::string();
        return absl::StrCat("expected ", expected, ", found ",
                            text.empty() ? "nothing" : Printable(text));
      },
      "");
}

}  // namespace

CLI::Validator OneOf(std::vector<std::string> words) {
  const std::string last = words.back();
  std::string expected = absl::StrJoin(words.begin(), words.end() - 1, ", ");
  absl::StrAppend(&expected, expected.empty() ? "" : " or ", last);
  return Check(
      [words = std::move(words)](const std::string& text) {
        return std::find(words.begin(), words.end(), text) != words.end();
      },
      expected);
}

CLI::Validator WholeNumber(std::uint64_t min, std::uint64_t max) {
  const bool bounded = max != std::numeric_limits<std::uint64_t>::max();
  return Check(
      [min, max](const std::string& text) {
        std::uint64_t value = 0;
        return absl::SimpleAtoi(text, &value) && value >= min && value <= max;
      },
      absl::StrCat("a whole number from ", min, bounded ? absl::StrCat(" to ", max) : ""));
}

CLI::Option* AddFormatOption(CLI::App& command, OutputFormat& format) {
  return command
      .add_option_function<std::string>(
          "-o,--output",
          [&format](const std::string& text) {
            format = text == "json" ? OutputFormat::kJson : OutputFormat::kText;
          },
          "text (default) or json: one object on a line")
      ->check(OneOf({"text", "json"}))
      ->type_name("FORM");
}

}  // namespace worldb::tools
