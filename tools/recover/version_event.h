// What `run` says of one version: the JSON event that is printed, and kept in
// the journal of the output.
//
// Threads: pure functions.
#ifndef WORLDB_TOOLS_RECOVER_VERSION_EVENT_H_
#define WORLDB_TOOLS_RECOVER_VERSION_EVENT_H_

#include <cstddef>
#include <string>

#include "engine/cell/cell.h"
#include "tools/print.h"
#include "tools/recover/judging/version_report.h"

namespace worldb::tools {

// Of a commitment, in file names and lines: no two values of one version share
// so many.
inline constexpr std::size_t kCommitmentDigits = 32;

// Several values of one key never share a name, and no name of a key has an
// '@'.
std::string FileOf(const VersionReport& report, ByteSpan key, bool all_versions);
// `cell` is null where its directory is not among the sources.
Json ToEvent(const VersionReport& report, const engine::Cell* cell);
// Whether a journal's event has what RunReport needs: anybody may have written
// to it.
bool IsVersionEvent(const Json& event);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_VERSION_EVENT_H_
