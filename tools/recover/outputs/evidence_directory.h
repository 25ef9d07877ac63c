// Evidence against bad shares as files that others can judge: `worldb-recover judge`.
//
//   DIR/CORE-INDEX-CLASS-HASH.wde      CORE and HASH, of the file's bytes, are their first 16 digits
//   DIR/.worldb-recover.lock           held while a process uses the directory
// So files of one value stand together, the same evidence has one file whoever writes it and however
// often, and no file is ever replaced by another.
// Errors:  AlreadyExists for another file under a name; Unavailable while another process uses the
//          directory; else as tools/files.h.
// Bounds:  a name for each file, and one batch of files.
// Threads: one owner; calls block on the disk.
// Secrets: none. Fragments are ciphertext; key shares are never in evidence.
// Source:  docs/share-format.md section 15.
#ifndef WORLDB_TOOLS_RECOVER_OUTPUTS_EVIDENCE_DIRECTORY_H_
#define WORLDB_TOOLS_RECOVER_OUTPUTS_EVIDENCE_DIRECTORY_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/files.h"
#include "tools/print.h"
#include "tools/recover/judging/bad_shares.h"

namespace worldb::tools {

inline constexpr char kEvidenceFileEnding[] = ".wde";
// A whole fragment, two records and a receipt.
inline constexpr std::size_t kEvidenceFileBytesMax = (std::size_t{8} << 20) + (16 << 10);

class EvidenceDirectory {
 public:
  // Makes the directory if it is missing. Null for an empty path.
  static absl::StatusOr<std::unique_ptr<EvidenceDirectory>> OpenIfNamed(const std::string& path);

  // Judges the shares that claim one version, and queues what can be shown of them.
  absl::Status AddVersion(const ShareSource& source, const VersionClaims& claims,
                          std::span<const Spot> version);
  // Makes durable what is queued.
  absl::Status Flush() { return files_.Commit(); }

  // {"event": "evidence", ..}, and the same for people.
  Json ToJson() const;
  std::string ToText() const;

 private:
  EvidenceDirectory(std::string path, std::unique_ptr<LockFile> lock);
  absl::Status Add(const cryptoscatter::Evidence& evidence);

  const std::string path_;
  const std::unique_ptr<LockFile> lock_;
  cryptoscatter::BatchVerifier verifier_;
  FileBatch files_;
  std::set<std::string> names_;
  std::uint64_t shown_ = 0;      // bad shares of which there is a file
  std::uint64_t not_shown_ = 0;  // and those of which there is none
  std::map<std::string, std::uint64_t> classes_not_shown_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_OUTPUTS_EVIDENCE_DIRECTORY_H_
