#include "tools/recover/sources/source_walk.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/rocks/rocks_reader.h"
#include "tools/recover/files/output_lock.h"
#include "tools/recover/files/share_files.h"
#include "tools/stop_signals.h"

namespace worldb::tools {
namespace {

constexpr int kDepthMax = 64;
constexpr int kArchivesAroundMax = 3;
constexpr std::size_t kFirstBytes = 8;
constexpr char kCellFileName[] = "cell";

Bytes FirstBytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes(kFirstBytes, '\0');
  in.read(bytes.data(), kFirstBytes);
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  return ToBytes(AsBytes(bytes));
}

}  // namespace

void SourceWalk::AddPath(const std::string& path, const std::string& where, int depth) {
  if (WasStopped()) return;
  std::error_code error;
  // A link named on the command line is followed, one that is found is not.
  const auto type = depth == 0 ? std::filesystem::status(path, error).type()
                               : std::filesystem::symlink_status(path, error).type();
  if (type == std::filesystem::file_type::regular) return AddFile(path, where, depth);
  if (type == std::filesystem::file_type::directory) return AddDirectory(path, where, depth);
  if (depth > 0) return;
  report_.bad.push_back({where, error ? error.message() : "it is neither a file nor a directory"});
}

void SourceWalk::AddDirectory(const std::string& path, const std::string& where, int depth) {
  if (engine::RocksReader::IsStore(path)) return finds_.store(path, where);
  if (engine::RocksReader::IsRestOfStore(path)) {
    report_.bad.push_back(
        {where, "it has files of a store, but no file CURRENT, without which it does not open"});
  }
  if (depth > kDepthMax) {
    report_.bad.push_back({where, "it lies too deep"});
    return;
  }
  if (depth > 0 && FileExists(absl::StrCat(path, "/", kJournalName))) {
    report_.skipped.push_back(where);
    return;
  }
  std::error_code error;
  const std::vector<std::string> inside = PathsIn(path, error);
  if (error) {
    report_.bad.push_back(
        {where, error.message(), OfMachine(SystemError("read", path, error.value()))});
  }
  for (const std::string& one : inside) {
    AddPath(one, absl::StrCat(where, "/", std::filesystem::path(one).filename().string()),
            depth + 1);
  }
}

void SourceWalk::AddFile(const std::string& path, const std::string& where, int depth) {
  const bool is_cell = std::filesystem::path(path).filename() == kCellFileName;
  const bool wanted =
      depth == 0 || is_cell || IsArchiveName(path) || absl::EndsWith(path, kShareFileEnding);
  if (wanted && ::access(path.c_str(), R_OK) != 0) {
    return report_.AddUnread(where, SystemError("read", path, errno));
  }
  if (IsArchiveName(path)) return AddArchive(path, where, depth);
  const Bytes first = FirstBytes(path);
  if (LooksLikeShareFile(first) || absl::EndsWith(path, kShareFileEnding)) {
    return finds_.share_file(path, where);
  }
  if (is_cell) return finds_.cell_file(path, where);
  if (depth == 0) report_.not_known.push_back(where);
}

void SourceWalk::AddArchive(const std::string& path, const std::string& where, int depth) {
  if (archives_around_ >= kArchivesAroundMax) {
    report_.bad.push_back(
        {where, absl::StrCat("it lies in ", kArchivesAroundMax, " archives already")});
    return;
  }
  NoteStopSignals();  // from here on there is something to put away
  auto directory = TemporaryDirectory::Create("worldb-recover");
  if (!directory.ok()) {
    report_.bad.push_back({where, std::string(directory.status().message()), directory.status()});
    return;
  }
  if (!Unpack(path, (*directory)->path(), where)) return;
  unpacked_.push_back(*std::move(directory));
  ++archives_around_;
  AddPath(unpacked_.back()->path(), where, depth + 1);
  --archives_around_;
}

bool SourceWalk::Unpack(const std::string& path, const std::string& directory,
                        const std::string& where) {
  UnpackLimits left = left_;  // what is refused is removed again
  const absl::Status status = UnpackArchive(path, directory, left);
  if (absl::IsDataLoss(status)) {
    report_.bad.push_back({where, absl::StrCat("archive damaged or cut off: ", status.message(),
                                               "; what lies before that is used")});
  } else if (!status.ok()) {
    const bool refused = absl::IsInvalidArgument(status) || absl::IsOutOfRange(status);
    report_.bad.push_back(
        {where,
         absl::StrCat(
             "archive refused: ", status.message(),
             refused ? "; unpack what you trust of it and name the directory instead" : ""),
         refused ? absl::OkStatus() : status});
    return false;
  }
  left_ = left;
  return true;
}

}  // namespace worldb::tools
