// Runs the worldb-recover program as its users do.
#ifndef WORLDB_TESTS_RECOVER_PROGRAM_H_
#define WORLDB_TESTS_RECOVER_PROGRAM_H_

#include <csignal>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace worldb::testing {

struct ProgramResult {
  int exit_code = -1;   // of one that a signal ended, less than 0
  int signal = 0;       // that ended it
  long memory_kib = 0;  // at its most
  std::string out;
  std::string err;

  std::vector<nlohmann::json> Events(const std::string& event) const;
};

// Sends it `signal` when it has written that many lines to standard output, if it ever does.
ProgramResult RunRecover(const std::vector<std::string>& arguments,
                         int signal_after_lines = std::numeric_limits<int>::max(),
                         int signal = SIGKILL);

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_RECOVER_PROGRAM_H_
