#include "tools/recover/outputs/evidence_directory.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/recover/files/output_lock.h"

namespace worldb::tools {
namespace {

constexpr HashLabel kNameLabel("wdb evid name 1");
constexpr std::size_t kNameDigits = 16;
constexpr std::size_t kVerifiedBatchesKept = 1024;

absl::StatusOr<std::string> FileOf(const cryptoscatter::Evidence& evidence, ByteSpan encoded) {
  WORLDB_ASSIGN_OR_RETURN(const cryptoscatter::Finding finding,
                          cryptoscatter::CheckEvidence(evidence, evidence.reference.core.cell));
  return absl::StrCat(finding.core.Hex().substr(0, kNameDigits), "-", finding.index.value(), "-",
                      cryptoscatter::NameOf(finding.fault), "-",
                      LabelledHash(kNameLabel, encoded).Hex().substr(0, kNameDigits),
                      kEvidenceFileEnding);
}

}  // namespace

EvidenceDirectory::EvidenceDirectory(std::string path, std::unique_ptr<LockFile> lock)
    : path_(std::move(path)),
      lock_(std::move(lock)),
      verifier_(kVerifiedBatchesKept),
      files_(path_, kTemporaryPrefix) {}

absl::StatusOr<std::unique_ptr<EvidenceDirectory>> EvidenceDirectory::OpenIfNamed(
    const std::string& path) {
  if (path.empty()) return nullptr;
  WORLDB_ASSIGN_OR_RETURN(std::unique_ptr<LockFile> lock, LockOutput(path));
  return std::unique_ptr<EvidenceDirectory>(new EvidenceDirectory(path, std::move(lock)));
}

absl::Status EvidenceDirectory::AddVersion(const ShareSource& source, const VersionClaims& claims,
                                           std::span<const Spot> version) {
  for (const BadShare& share : FindBadShares(source, claims, verifier_, version)) {
    for (const auto& evidence : share.evidence) WORLDB_RETURN_IF_ERROR(Add(evidence));
    ++(share.evidence.empty() ? not_shown_ : shown_);
    for (const std::string& fault : share.not_shown) ++classes_not_shown_[fault];
  }
  return absl::OkStatus();
}

absl::Status EvidenceDirectory::Add(const cryptoscatter::Evidence& evidence) {
  const Bytes encoded = evidence.Encode();
  WORLDB_ASSIGN_OR_RETURN(const std::string file, FileOf(evidence, encoded));
  if (!names_.insert(file).second) return absl::OkStatus();
  const std::string path = absl::StrCat(path_, "/", file);
  if (!FileExists(path)) {
    WORLDB_RETURN_IF_ERROR(files_.Add(file, encoded));
    return files_.full() ? files_.Commit() : absl::OkStatus();
  }
  const auto there = ReadWholeFile(path, kEvidenceFileBytesMax);
  if (there.ok() && ToBytes(there->ExposeSecret()) == encoded) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat(path, " is there already, and is not the evidence that belongs there"));
}

Json EvidenceDirectory::ToJson() const {
  return {{"event", "evidence"},
          {"files", names_.size()},
          {"shares", shown_},
          {"not_shown", not_shown_},
          {"classes_not_shown", classes_not_shown_},
          {"out", path_}};
}

std::string EvidenceDirectory::ToText() const {
  std::string text = absl::StrCat("evidence against ", shown_, " bad shares: ", names_.size(),
                                  " files in ", Printable(path_));
  if (not_shown_ > 0) absl::StrAppend(&text, "; ", not_shown_, " bad shares cannot be shown");
  if (!classes_not_shown_.empty()) {
    absl::StrAppend(&text, "; what cannot: ",
                    absl::StrJoin(classes_not_shown_, ", ", [](std::string* out, const auto& one) {
                      absl::StrAppend(out, one.second, " ", one.first);
                    }));
  }
  return text;
}

}  // namespace worldb::tools
