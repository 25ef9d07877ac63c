// Runs the worldb-recover program as its users do.
#ifndef WORLDB_TESTS_RECOVER_PROGRAM_H_
#define WORLDB_TESTS_RECOVER_PROGRAM_H_

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace worldb::testing {

struct ProgramResult {
  int exit_code = -1;  // of a killed one, less than 0
  std::string out;
  std::string err;

  std::vector<nlohmann::json> Events(const std::string& event) const;
};

// Kills it (SIGKILL) when it has written that many lines to standard output, if it ever does.
ProgramResult RunRecover(const std::vector<std::string>& arguments,
                         int kill_after_lines = std::numeric_limits<int>::max());

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_RECOVER_PROGRAM_H_
