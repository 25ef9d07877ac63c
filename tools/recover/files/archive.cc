#include "tools/recover/files/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cryptoscatter/base/status_macros.h"
#include "tools/files.h"
#include "tools/print.h"
#include "tools/stop_signals.h"

namespace worldb::tools {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 17;
constexpr std::size_t kPartBytesMax = 255;

struct FreeArchive {
  void operator()(struct archive* archive) const { archive_read_free(archive); }
};
using ArchivePtr = std::unique_ptr<struct archive, FreeArchive>;

// What libarchive itself can read, without programs it would have to start.
ArchivePtr NewReader() {
  ArchivePtr archive(archive_read_new());
  archive_read_support_format_tar(archive.get());
  archive_read_support_format_zip(archive.get());
  archive_read_support_filter_gzip(archive.get());
  archive_read_support_filter_zstd(archive.get());
  archive_read_support_filter_xz(archive.get());
  return archive;
}

std::string Reason(struct archive* archive) {
  const char* text = archive_error_string(archive);
  return text == nullptr ? "it does not read" : text;
}

class Unpacking {
 public:
  Unpacking(struct archive* archive, const std::string& directory, UnpackLimits& left)
      : archive_(archive), directory_(directory), left_(left), buffer_(kReadBytes) {}

  absl::Status Run() {
    struct archive_entry* entry = nullptr;
    while (true) {
      WORLDB_RETURN_IF_ERROR(CheckNotStopped());
      const int result = archive_read_next_header(archive_, &entry);
      if (result == ARCHIVE_EOF) return absl::OkStatus();
      if (result != ARCHIVE_OK) return absl::DataLossError(Reason(archive_));
      if (left_.entry_count_max == 0) {
        return absl::OutOfRangeError("there are more entries than all archives may have");
      }
      --left_.entry_count_max;
      WORLDB_RETURN_IF_ERROR(Take(entry));
    }
  }

 private:
  absl::Status Take(struct archive_entry* entry) {
    const char* raw = archive_entry_pathname(entry);
    if (raw == nullptr) return absl::InvalidArgumentError("an entry has no readable name");
    const std::string shown = Printable(raw);
    WORLDB_ASSIGN_OR_RETURN(const std::string path, SafeEntryPath(raw, left_.depth_max));
    if (archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("entry ", shown, " is a link"));
    }
    const auto type = archive_entry_filetype(entry);
    const std::string target = path.empty() ? directory_ : absl::StrCat(directory_, "/", path);
    if (type == AE_IFDIR) return MakePrivateDirectories(target);
    if (type != AE_IFREG || path.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("entry ", shown, " is neither a plain file nor a directory"));
    }
    if (archive_entry_size_is_set(entry) &&
        static_cast<std::uint64_t>(archive_entry_size(entry)) > left_.bytes_max) {
      return TooLarge();
    }
    WORLDB_RETURN_IF_ERROR(MakePrivateDirectories(target.substr(0, target.rfind('/'))));
    return Write(target, shown);
  }

  absl::Status Write(const std::string& target, const std::string& shown) {
    const int file =
        ::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0 && errno == EEXIST) {
      return absl::InvalidArgumentError(
          absl::StrCat("entry ", shown, " cannot be unpacked: it is there twice"));
    }
    if (file < 0) return SystemError("unpack", shown, errno);
    const absl::Status status = Copy(file, shown);
    ::close(file);
    return status;
  }

  absl::Status Copy(int file, const std::string& shown) {
    while (true) {
      WORLDB_RETURN_IF_ERROR(CheckNotStopped());
      const la_ssize_t count = archive_read_data(archive_, buffer_.data(), buffer_.size());
      if (count == 0) return absl::OkStatus();
      if (count < 0) {
        return absl::DataLossError(absl::StrCat("entry ", shown, ": ", Reason(archive_)));
      }
      const auto size = static_cast<std::size_t>(count);
      if (size > left_.bytes_max) return TooLarge();
      left_.bytes_max -= size;
      std::size_t done = 0;
      while (done < size) {
        const ssize_t written = ::write(file, buffer_.data() + done, size - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return SystemError("unpack", shown, errno);
        done += static_cast<std::size_t>(written);
      }
    }
  }

  absl::Status TooLarge() const {
    return absl::OutOfRangeError(absl::StrCat("it unpacks to more than the ",
                                              FormatBytes(left_.bytes_max),
                                              " that are left of the limit for all archives"));
  }

  struct archive* const archive_;
  const std::string directory_;
  UnpackLimits& left_;
  std::vector<char> buffer_;
};

}  // namespace

bool IsArchiveName(absl::string_view path) {
  for (const char* ending : kArchiveEndings) {
    if (absl::EndsWithIgnoreCase(path, ending)) return true;
  }
  return false;
}

absl::StatusOr<std::string> SafeEntryPath(absl::string_view path, std::size_t depth_max) {
  const auto refuse = [path](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("entry ", Printable(path), " ", why));
  };
  if (absl::StartsWith(path, "/")) return refuse("has an absolute path");
  std::string out;
  std::size_t depth = 0;
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") return refuse("leads out of the archive");
    if (part.size() > kPartBytesMax) return refuse("has too long a name");
    if (part.find('\0') != absl::string_view::npos) return refuse("has a name with a zero byte");
    if (++depth > depth_max) return refuse("lies too deep");
    absl::StrAppend(&out, out.empty() ? "" : "/", part);
  }
  return out;
}

absl::Status UnpackArchive(const std::string& archive, const std::string& directory,
                           UnpackLimits& left) {
  const ArchivePtr reader = NewReader();
  if (archive_read_open_filename(reader.get(), archive.c_str(), kReadBytes) != ARCHIVE_OK) {
    return absl::InvalidArgumentError(Reason(reader.get()));
  }
  return Unpacking(reader.get(), directory, left).Run();
}

absl::Status UnpackArchiveBytes(ByteSpan archive, const std::string& directory,
                                UnpackLimits& left) {
  const ArchivePtr reader = NewReader();
  if (archive_read_open_memory(reader.get(), archive.data(), archive.size()) != ARCHIVE_OK) {
    return absl::InvalidArgumentError(Reason(reader.get()));
  }
  return Unpacking(reader.get(), directory, left).Run();
}

}  // namespace worldb::tools
