#include "engine/rocks/rocks_log_file.h"

#include <algorithm>
#include <array>
#include <fstream>

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

}  // namespace worldb::engine
