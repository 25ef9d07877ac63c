#include "tools/recover/split/split_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/mutex.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/file_scatter.h"
#include "tools/files.h"
#include "tools/output_file.h"
#include "tools/print.h"

namespace worldb::tools {
namespace {

using cryptoscatter::FileSealer;

// The plaintext, window by window: the preamble, then what is read. Knows that a window is the last
// one because it has read a byte further.
// Threads: not synchronised.
class PlaintextReader {
 public:
  PlaintextReader(std::string path, Bytes preamble) : path_(std::move(path)) {
    ahead_ = SecretBytes(std::move(preamble));
  }
  ~PlaintextReader() {
    if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
  }
  PlaintextReader(const PlaintextReader&) = delete;
  PlaintextReader& operator=(const PlaintextReader&) = delete;

  absl::Status Open() {
    descriptor_ = path_ == "-" ? STDIN_FILENO : ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) return SystemError("read", path_, errno);
    struct stat facts {};
    const bool known = ::fstat(descriptor_, &facts) == 0;
    if (known && S_ISDIR(facts.st_mode)) return SystemError("read", path_, EISDIR);
    if (known && S_ISREG(facts.st_mode)) {
      file_bytes_ = static_cast<std::uint64_t>(facts.st_size);
    }
    return absl::OkStatus();
  }
  // 0 when it is no plain file.
  std::uint64_t file_bytes() const { return file_bytes_; }
  // All plaintext so far, the preamble included.
  std::uint64_t plaintext_bytes() const { return plaintext_bytes_; }
  bool ended() const { return ended_; }

  struct Window {
    std::uint64_t index = 0;
    std::size_t bytes = 0;
    bool last = false;
  };
  // The next window into `buffer`, which has room for one byte more than a window.
  // REQUIRES: not ended().
  absl::StatusOr<Window> Next(SecretBytes& buffer) {
    const MutableByteSpan room = buffer.ExposeSecretMutable();
    const ByteSpan ahead = ahead_.ExposeSecret();
    std::copy(ahead.begin(), ahead.end(), room.begin());
    std::size_t have = ahead.size();
    while (have < room.size()) {
      const ssize_t count = ::read(descriptor_, room.data() + have, room.size() - have);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return SystemError("read", path_, errno);
      if (count == 0) break;
      have += static_cast<std::size_t>(count);
    }
    Window window;
    window.index = next_++;
    window.last = have < room.size();
    window.bytes = window.last ? have : room.size() - 1;
    if (!window.last) ahead_ = SecretBytes(Bytes{room.back()});
    ended_ = window.last;
    plaintext_bytes_ += window.bytes;
    return window;
  }

 private:
  const std::string path_;
  int descriptor_ = -1;
  std::uint64_t file_bytes_ = 0;
  SecretBytes ahead_;  // the preamble, later the byte read too far
  std::uint64_t next_ = 0;
  std::uint64_t plaintext_bytes_ = 0;
  bool ended_ = false;
};

using OutputFiles = std::array<std::unique_ptr<OutputFile>, kNodeCount>;

absl::StatusOr<OutputFiles> CreateOutputs(const SplitOptions& options) {
  OutputFiles outputs;
  for (std::size_t j = 0; j < outputs.size(); ++j) {
    const std::string path = absl::StrCat(options.directory, "/", options.share_names[j]);
    if (!options.overwrite && FileExists(path)) {
      return absl::AlreadyExistsError(absl::StrCat(path, " exists"));
    }
    WORLDB_ASSIGN_OR_RETURN(outputs[j], OutputFile::Create(path));
  }
  return outputs;
}

// What the workers share.
struct Work {
  Work(std::string path, Bytes preamble) : reader(std::move(path), std::move(preamble)) {}

  Mutex mu;
  PlaintextReader reader ABSL_GUARDED_BY(mu);
  cryptoscatter::FragmentBlockTops tops ABSL_GUARDED_BY(mu);
  std::atomic<std::uint64_t> done{0};
};

absl::Status CheckSize(const FileSealer& sealer, std::uint64_t plaintext_bytes) {
  const std::uint64_t most = sealer.plaintext_bytes_max();
  if (plaintext_bytes <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the file and its name have more than ", most,
                                                 " bytes (", FormatBytes(most),
                                                 "), the most under this script"));
}

absl::Status SealAll(const FileSealer& sealer, Work& work, const OutputFiles& outputs,
                     const std::atomic<bool>& stop) {
  FileSealer::Worker worker(sealer);
  SecretBytes buffer(sealer.window_bytes() + 1);
  while (!stop) {
    PlaintextReader::Window window;
    {
      MutexLock lock(work.mu);
      if (work.reader.ended()) break;
      WORLDB_ASSIGN_OR_RETURN(window, work.reader.Next(buffer));
      WORLDB_RETURN_IF_ERROR(CheckSize(sealer, work.reader.plaintext_bytes()));
      for (auto& tops : work.tops) tops.emplace_back();
    }
    const cryptoscatter::SealedWindow sealed =
        worker.Seal(window.index, window.last, buffer.ExposeSecret().first(window.bytes));
    const std::uint64_t at =
        cryptoscatter::kShareFileHeaderBytes + window.index * cryptoscatter::kMerkleBlockBytes;
    for (std::size_t j = 0; j < outputs.size(); ++j) {
      WORLDB_RETURN_IF_ERROR(outputs[j]->WriteAt(at, sealed.pieces[j]));
    }
    work.done += window.bytes;
    MutexLock lock(work.mu);
    for (std::size_t j = 0; j < sealed.tops.size(); ++j) {
      work.tops[j][static_cast<std::size_t>(window.index)] = sealed.tops[j];
    }
  }
  return absl::OkStatus();
}

// Header and trailer around the fragments. In the result: which file it is, and what was written of it.
absl::StatusOr<SplitResult> Frame(FileSealer sealer, Work& work, const OutputFiles& outputs,
                                  absl::string_view base_name, Entropy& entropy) {
  SplitResult result;
  MutexLock lock(work.mu);
  WORLDB_ASSIGN_OR_RETURN(
      const cryptoscatter::SealedFile sealed,
      std::move(sealer).Finish(work.reader.plaintext_bytes(), work.tops, entropy));
  result.core = sealed.core;
  for (std::size_t j = 0; j < outputs.size(); ++j) {
    const cryptoscatter::ShareFileFrame frame =
        cryptoscatter::FrameShareFile(sealed.shares[j], sealed.fragment_bytes, work.tops[j]);
    const std::uint64_t trailer_at = cryptoscatter::kShareFileHeaderBytes + frame.fragment_bytes;
    WORLDB_RETURN_IF_ERROR(outputs[j]->WriteAt(0, frame.header));
    WORLDB_RETURN_IF_ERROR(outputs[j]->WriteAt(trailer_at, frame.trailer.ExposeSecret()));
    result.share_bytes = std::max(result.share_bytes, trailer_at + frame.trailer.size());
    result.paths[j] = outputs[j]->path();
    std::vector<Hash256>().swap(work.tops[j]);
  }
  result.file_bytes = work.reader.plaintext_bytes() - 2 - base_name.size();
  return result;
}

// All names or, when one cannot be given, none. Where share files may be replaced, all that can be
// undone comes first: a replaced one does not come back.
absl::Status PublishAll(const SplitOptions& options, OutputFiles& outputs) {
  for (const auto& output : outputs) WORLDB_RETURN_IF_ERROR(output->Sync());
  if (options.overwrite) {
    for (const auto& output : outputs) WORLDB_RETURN_IF_ERROR(output->Stage());
  }
  std::size_t named = 0;
  absl::Status status;
  for (; named < outputs.size(); ++named) {
    status = outputs[named]->Publish(options.overwrite);
    if (!status.ok()) break;
  }
  if (status.ok()) status = SyncDirectoryOf(outputs[0]->path());
  if (status.ok() || named == 0) return status;
  if (options.overwrite) {
    return absl::InternalError(
        absl::StrCat(named, " of ", outputs.size(),
                     " share files have their names, the others do not: ", status.message()));
  }
  for (std::size_t i = 0; i < named; ++i) ::unlink(outputs[i]->path().c_str());
  return status;
}

}  // namespace

absl::StatusOr<SplitResult> SplitFile(const SplitOptions& options, const FileProgress& progress) {
  Entropy& entropy = SystemEntropy();
  WORLDB_ASSIGN_OR_RETURN(
      FileSealer sealer,
      FileSealer::Create(options.script, options.suite, AsBytes(options.base_name),
                         arbiter::MakeOpId(absl::Now(), entropy), entropy));
  Work work(options.input, sealer.Preamble());
  std::uint64_t total = 0;
  {
    MutexLock lock(work.mu);
    WORLDB_RETURN_IF_ERROR(work.reader.Open());
    total = work.reader.file_bytes();
    WORLDB_RETURN_IF_ERROR(CheckSize(sealer, total));
  }
  WORLDB_RETURN_IF_ERROR(MakePrivateDirectories(options.directory));
  WORLDB_ASSIGN_OR_RETURN(OutputFiles outputs, CreateOutputs(options));
  WORLDB_RETURN_IF_ERROR(
      RunTeam([&](const std::atomic<bool>& stop) { return SealAll(sealer, work, outputs, stop); },
              [&] { progress(work.done, total); }));
  WORLDB_ASSIGN_OR_RETURN(SplitResult result,
                          Frame(std::move(sealer), work, outputs, options.base_name, entropy));
  WORLDB_RETURN_IF_ERROR(PublishAll(options, outputs));
  return result;
}

}  // namespace worldb::tools
