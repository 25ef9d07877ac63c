#include "tools/recover/files/output_lock.h"

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::tools {
namespace {

constexpr char kLockName[] = ".worldb-recover.lock";

}  // namespace

absl::StatusOr<std::unique_ptr<LockFile>> LockOutput(const std::string& path) {
  WORLDB_RETURN_IF_ERROR(MakePrivateDirectories(path));
  auto lock = LockFile::Acquire(absl::StrCat(path, "/", kLockName));
  if (absl::IsFailedPrecondition(lock.status())) {
    return absl::UnavailableError(absl::StrCat("another run is using ", path, "; wait for it"));
  }
  if (lock.ok()) RemoveFiles(path, kTemporaryPrefix);
  return lock;
}

}  // namespace worldb::tools
