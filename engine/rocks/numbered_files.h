// Files of a store that have a number for a name, as RocksDB gives it: six digits or more, and an ending.
//
// Threads: plain functions; NumbersIn() reads the disk.
#ifndef WORLDB_ENGINE_ROCKS_NUMBERED_FILES_H_
#define WORLDB_ENGINE_ROCKS_NUMBERED_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace worldb::engine {

inline constexpr char kLogEnding[] = ".log";          // of RocksDB's write-ahead logs
inline constexpr char kSegmentEnding[] = ".segment";  // docs/segment-format.md

std::string NumberedName(std::uint64_t number, absl::string_view ending);
// Zero when it is no such name.
std::uint64_t NumberOf(absl::string_view file_name, absl::string_view ending);
// Of those that lie in a directory, in order; none when it cannot be read.
std::vector<std::uint64_t> NumbersIn(const std::string& dir, absl::string_view ending);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROCKS_NUMBERED_FILES_H_
