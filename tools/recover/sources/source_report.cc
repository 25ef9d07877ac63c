#include "tools/recover/sources/source_report.h"

#include <algorithm>
#include <utility>

namespace worldb::tools {

absl::Status OfMachine(const absl::Status& status) {
  return absl::IsPermissionDenied(status) || absl::IsResourceExhausted(status) ? status
                                                                               : absl::OkStatus();
}

void SourceReport::AddUnread(const std::string& where, const absl::Status& status) {
  bad.push_back({where, std::string(status.message()), OfMachine(status)});
}

void SourceReport::AddDamage(const std::string& where, std::string why) {
  const bool known = std::any_of(bad.begin(), bad.end(), [&](const BadSource& one) {
    return one.where == where && one.why == why;
  });
  if (!known) bad.push_back({where, std::move(why)});
}

}  // namespace worldb::tools
