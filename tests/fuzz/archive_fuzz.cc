// Archives that somebody else made: whatever is in one, nothing is written outside the directory given,
// nothing but plain files and directories in it, and no more than allowed.
#include <cstdlib>
#include <filesystem>

#include "cryptoscatter/base/check.h"
#include "tools/files.h"
#include "tools/recover/files/archive.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace worldb;         // NOLINT: nothing else lives here
  using namespace worldb::tools;  // NOLINT
  const ByteSpan bytes(data, size);
  const auto path = SafeEntryPath(AsText(bytes), 8);
  if (path.ok()) {
    for (const auto& part : std::filesystem::path(*path)) {
      WORLDB_CHECK(part != ".." && part != "." && part != "/");
    }
  }
  UnpackLimits limits;
  limits.bytes_max = 1 << 16;
  limits.entry_count_max = 16;
  static const auto directory = TemporaryDirectory::Create("worldb-archive-fuzz");
  WORLDB_CHECK(directory.ok());
  const std::string inside = (*directory)->path() + "/inside";
  std::filesystem::create_directory(inside);
  // Refused or not, what it left behind must keep to the rules.
  (void)UnpackArchiveBytes(bytes, inside, limits);
  std::uint64_t total = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(inside)) {
    WORLDB_CHECK(!entry.is_symlink() && (entry.is_regular_file() || entry.is_directory()));
    if (entry.is_regular_file()) total += entry.file_size();
  }
  WORLDB_CHECK(total <= (1 << 16) && total + limits.bytes_max == 1 << 16);
  WORLDB_CHECK(std::distance(std::filesystem::directory_iterator((*directory)->path()), {}) == 1);
  if (!std::filesystem::is_empty(inside)) std::filesystem::remove_all(inside);
  return 0;
}
