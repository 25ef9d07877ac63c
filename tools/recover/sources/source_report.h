// What is to be said of the sources themselves, beside the shares that lie in them.
#ifndef WORLDB_TOOLS_RECOVER_SOURCES_SOURCE_REPORT_H_
#define WORLDB_TOOLS_RECOVER_SOURCES_SOURCE_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace worldb::tools {

struct BadSource {
  std::string where;
  std::string why;
  // Not OK when that is no damage, but lies in this machine: no permission, no room to unpack.
  absl::Status of_machine = absl::OkStatus();
};

struct SourceReport {
  // Unreadable sources, damaged stretches of stores, share files that do not decode.
  std::vector<BadSource> bad;
  // What is worth saying of the sources, but nothing bad.
  std::vector<std::string> remarks;
  // Directories below a source with recovered values: those are no shares.
  std::vector<std::string> skipped;
  // Files named as sources that are no share files and, by their names, no archives.
  std::vector<std::string> not_known;

  // Of a failure to read.
  void AddUnread(const std::string& where, const absl::Status& status);
  // Once, however often it is met.
  void AddDamage(const std::string& where, std::string why);
};

// Of a failure to read: what of it lies in this machine, and is no damage of what is stored.
absl::Status OfMachine(const absl::Status& status);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_SOURCES_SOURCE_REPORT_H_
