// What the worldb-recover commands share, and how each joins the program.
#ifndef WORLDB_TOOLS_RECOVER_COMMAND_H_
#define WORLDB_TOOLS_RECOVER_COMMAND_H_

#include <CLI/CLI.hpp>
#include <string>

#include "absl/status/status.h"
#include "tools/exit_codes.h"
#include "tools/print.h"

namespace worldb::tools {

inline constexpr char kRecoverProgram[] = "worldb-recover";

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_COMMAND_H_
