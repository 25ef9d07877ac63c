#include "tools/recover/judging/version_report.h"

namespace worldb::tools {

const char* StatusName(VersionReport::Status status) {
  switch (status) {
    case VersionReport::Status::kRecovered:
      return "recovered";
    case VersionReport::Status::kDegraded:
      return "degraded";
    case VersionReport::Status::kLost:
      break;
  }
  return "lost";
}

}  // namespace worldb::tools
