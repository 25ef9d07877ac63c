#include "tools/load_value.h"

#include <algorithm>
#include <cstring>

namespace worldb::tools {
namespace {

// The same on every machine: FNV-1a over the key, then the seed.
std::uint64_t StartOf(absl::string_view key, std::uint64_t seed) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : key) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3u;
  return MixBits(hash ^ MixBits(seed));
}

constexpr std::size_t kWordBytes = sizeof(std::uint64_t);

}  // namespace

// The finisher of SplitMix64.
std::uint64_t MixBits(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

void FillLoadValue(absl::string_view key, std::uint64_t seed, MutableByteSpan value) {
  std::uint64_t state = StartOf(key, seed);
  for (std::size_t at = 0; at < value.size(); at += kWordBytes) {
    const std::uint64_t word = MixBits(state += 0x9e3779b97f4a7c15u);
    std::memcpy(value.data() + at, &word, std::min(kWordBytes, value.size() - at));
  }
}

bool IsLoadValue(absl::string_view key, std::uint64_t seed, ByteSpan value) {
  std::uint64_t state = StartOf(key, seed);
  for (std::size_t at = 0; at < value.size(); at += kWordBytes) {
    const std::uint64_t word = MixBits(state += 0x9e3779b97f4a7c15u);
    if (std::memcmp(value.data() + at, &word, std::min(kWordBytes, value.size() - at)) != 0) {
      return false;
    }
  }
  return true;
}

}  // namespace worldb::tools
