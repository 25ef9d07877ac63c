#include "engine/rocks/rocks_log_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace worldb::engine {
namespace {

enum LogFragment : std::uint8_t { kWhole = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

}  // namespace

std::uint64_t NextLogFragment(std::uint64_t at) {
  const std::uint64_t left = kLogBlockBytes - at % kLogBlockBytes;
  return left < kLogHeaderBytes ? at + left : at;
}

std::uint64_t EndOfLogRecord(std::uint64_t at, std::uint64_t bytes) {
  do {
    at = NextLogFragment(at);
    const std::uint64_t room = kLogBlockBytes - at % kLogBlockBytes - kLogHeaderBytes;
    const std::uint64_t here = std::min(bytes, room);
    at += kLogHeaderBytes + here;
    bytes -= here;
  } while (bytes > 0);
  return at;
}

bool LogEndsTorn(const std::string& path, std::uint64_t at, std::uint64_t file_bytes) {
  std::ifstream in(path, std::ios::binary);
  while (true) {
    at = NextLogFragment(at);
    if (at + kLogHeaderBytes > file_bytes) return true;
    std::array<char, kLogHeaderBytes> header;
    if (!in.seekg(static_cast<std::streamoff>(at)).read(header.data(), header.size())) return false;
    const auto byte = [&header](std::size_t i) { return static_cast<std::uint8_t>(header[i]); };
    const std::uint64_t length = byte(4) | std::uint64_t{byte(5)} << 8;
    const std::uint8_t type = byte(6);
    const std::uint64_t end = at + kLogHeaderBytes + length;
    if (type < kWhole || type > kLast) return false;
    if (end > at - at % kLogBlockBytes + kLogBlockBytes) return false;
    if (end > file_bytes) return true;
    if (type == kWhole || type == kLast) return false;  // RocksDB would have taken it
    at = end;
  }
}

std::string LogName(std::uint64_t number) {
  std::string digits = absl::StrCat(number);
  if (digits.size() < 6) digits.insert(0, 6 - digits.size(), '0');
  return digits + ".log";
}

std::uint64_t LogNumberOf(const std::string& file_name) {
  std::uint64_t number = 0;
  if (!absl::EndsWith(file_name, ".log")) return 0;
  return absl::SimpleAtoi(file_name.substr(0, file_name.size() - 4), &number) ? number : 0;
}

std::vector<std::uint64_t> LogsIn(const std::string& dir) {
  std::vector<std::uint64_t> logs;
  std::error_code error;
  for (std::filesystem::directory_iterator at(dir, error), end; !error && at != end;
       at.increment(error)) {
    if (const std::uint64_t number = LogNumberOf(at->path().filename())) logs.push_back(number);
  }
  std::sort(logs.begin(), logs.end());
  return logs;
}

}  // namespace worldb::engine
