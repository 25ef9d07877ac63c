// A compiled script explained: as a table for people, as JSON, as a picture.
//
// Threads: pure functions.
// Source:  docs/scripts.md, docs/cli.md.
#ifndef WORLDB_TOOLS_SCRIPT_OUTPUT_H_
#define WORLDB_TOOLS_SCRIPT_OUTPUT_H_

#include <string>

#include "cryptoscatter/script.h"
#include "cryptoscatter/script_report.h"
#include "tools/print.h"

namespace worldb::tools {

struct ScriptExplanation {
  const cryptoscatter::Script& script;
  const cryptoscatter::ScriptNames& names;
  double node_failure = 0;
  double site_failure = 0;
  bool subsets = false;  // with all 512 sets; a picture has no room for them
};

std::string ExplainAsTable(const ScriptExplanation& explanation);
Json ExplainAsJson(const ScriptExplanation& explanation);
// SVG: three data centers with their nodes; below, each smallest reading and each smallest blocking
// set as a pattern of nine dots, a column for each data center.
std::string ExplainAsPicture(const ScriptExplanation& explanation);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_SCRIPT_OUTPUT_H_
