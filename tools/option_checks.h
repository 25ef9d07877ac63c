// What options may be, and what is said of one that may not.
#ifndef WORLDB_TOOLS_OPTION_CHECKS_H_
#define WORLDB_TOOLS_OPTION_CHECKS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tools/print.h"

namespace worldb::tools {

// One of these words: "-o: expected text or json, found yaml".
CLI::Validator OneOf(std::vector<std::string> words);
// A whole number from `min` to `max`: "--limit: expected a whole number from 1, found 0".
CLI::Validator WholeNumber(std::uint64_t min,
                           std::uint64_t max = std::numeric_limits<std::uint64_t>::max());
// -o, --output text|json, into `format`, which outlives the app's parsing.
CLI::Option* AddFormatOption(CLI::App& command, OutputFormat& format);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_OPTION_CHECKS_H_
