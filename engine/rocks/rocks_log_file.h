// How RocksDB lays out its write-ahead logs, as far as one must know it to say what a log that
// does not read to its end has lost.
//
// A log is blocks of 32 KiB, in which a record lies as one or more fragments behind a header each: a
// checksum (4), the fragment's length (2) and its type (1).
// Threads: plain functions; LogEndsTorn() reads the disk.
// Source:  RocksDB 7.8, db/log_format.h and the log format page of its wiki.
#ifndef WORLDB_ENGINE_ROCKS_ROCKS_LOG_FILE_H_
#define WORLDB_ENGINE_ROCKS_ROCKS_LOG_FILE_H_

#include <cstdint>
#include <string>

namespace worldb::engine {

inline constexpr std::uint64_t kLogBlockBytes = 32 * 1024;
inline constexpr std::uint64_t kLogHeaderBytes = 7;

// Where the next header can lie at or behind `at`: none begins in what is left of a block when it does
// not fit.
std::uint64_t NextLogFragment(std::uint64_t at);
// Where the record of `bytes` ends that was written behind `at`.
std::uint64_t EndOfLogRecord(std::uint64_t at, std::uint64_t bytes);
// Whether a log goes on behind `at` as one does whose writer was stopped: with one record that is longer
// than the file. Zeros instead may be what a power cut left of unsynced records, or the loss of any number.
bool LogEndsTorn(const std::string& path, std::uint64_t at, std::uint64_t file_bytes);

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_ROCKS_ROCKS_LOG_FILE_H_
