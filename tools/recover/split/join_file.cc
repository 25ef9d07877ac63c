#include "tools/recover/split/join_file.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/mutex.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/file_scatter.h"
#include "tools/files.h"
#include "tools/output_file.h"

namespace worldb::tools {
namespace {

using cryptoscatter::FileOpener;
using cryptoscatter::FragmentSpans;
using cryptoscatter::Script;

// Where the content goes: anywhere in a file that has no name yet, or in order to standard output.
// Threads: Write may be called from any thread.
class Sink {
 public:
  static absl::StatusOr<std::unique_ptr<Sink>> Create(const std::string& path) {
    std::unique_ptr<Sink> sink(new Sink());
    if (path != "-") {
      WORLDB_ASSIGN_OR_RETURN(sink->file_, OutputFile::Create(path));
    }
    return sink;
  }

  // The content from `at` on. On standard output it waits until all before it is written, or `stop`.
  absl::Status Write(std::uint64_t at, ByteSpan bytes, const std::atomic<bool>& stop) {
    if (file_) return file_->WriteAt(at, bytes);
    MutexLock lock(mu_);
    while (written_ != at && !stop) turned_.WaitFor(mu_, absl::Milliseconds(100));
    if (stop) return absl::OkStatus();
    while (!bytes.empty()) {
      const ssize_t count = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return SystemError("write", "standard output", errno);
      written_ += static_cast<std::uint64_t>(count);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    turned_.NotifyAll();
    return absl::OkStatus();
  }

  absl::Status Finish() {
    if (!file_) return absl::OkStatus();
    WORLDB_RETURN_IF_ERROR(file_->Sync());
    WORLDB_RETURN_IF_ERROR(file_->Publish(/*overwrite=*/true));
    return SyncDirectoryOf(file_->path());
  }

 private:
  Sink() = default;

  std::unique_ptr<OutputFile> file_;
  Mutex mu_;
  CondVar turned_;
  std::uint64_t written_ ABSL_GUARDED_BY(mu_) = 0;
};

// Checked blocks of one window, from as many shares as are wanted.
// Threads: one owner; several may gather from one group.
class BlockGatherer {
 public:
  BlockGatherer(const ShareGroup& group, bool quick) : group_(group), quick_(quick) {
    for (auto& block : blocks_) block.resize(cryptoscatter::kMerkleBlockBytes);
  }

  // The set that was gathered; it rebuilds.
  absl::StatusOr<NodeSet> Gather(std::uint64_t window) {
    spans_ = {};
    NodeSet good;
    std::vector<bool> tried(group_.shares.size());
    if (quick_) {
      // The smallest set that would do, data pieces first; with each bad block another one.
      NodeSet usable = group_.fragments();
      while (group_.script().CanRebuild(good | usable) && !group_.script().CanRebuild(good)) {
        const NodeSet wanted = Fewest(good, usable);
        for (int node = 0; node < kNodeCount; ++node) {
          if (!wanted.Has(node) || good.Has(node)) continue;
          if (Read(window, node, tried)) {
            good.Add(NodeAt(node));
          } else {
            usable.Remove(NodeAt(node));
          }
        }
      }
    } else {
      for (int node = 0; node < kNodeCount; ++node) {
        while (Read(window, node, tried)) good.Add(NodeAt(node));
      }
    }
    if (!group_.script().CanRebuild(good)) {
      return absl::DataLossError(absl::StrCat(
          "block ", window, " is good in ", good.Count(),
          " shares only, which do not suffice to rebuild it; nothing was written of it"));
    }
    return good;
  }

  const FragmentSpans& spans() const { return spans_; }

 private:
  // Reads and checks that block of the next share of `node` not tried yet; false when there is none
  // left that is good.
  bool Read(std::uint64_t window, int node, std::vector<bool>& tried) {
    for (std::size_t i = 0; i < group_.shares.size(); ++i) {
      GivenShare& given = *group_.shares[i];
      if (tried[i] || !given.fragment_ok() || given.share().index.value() != node) continue;
      tried[i] = true;
      const std::size_t at = static_cast<std::size_t>(node);
      // A second copy of a share must not overwrite a good block of the first.
      Bytes& room = spans_[at].empty() ? blocks_[at] : spare_;
      room.resize(given.reader()->BlockBytes(window));
      const absl::Status status = given.reader()->ReadBlock(window, room);
      if (!status.ok()) {
        given.AddBadBlock(window, status.message());
        continue;
      }
      if (spans_[at].empty()) spans_[at] = room;
      return true;
    }
    return false;
  }

  NodeSet Fewest(NodeSet good, NodeSet usable) const {
    NodeSet wanted = good | usable;
    for (const bool parity : {true, false}) {
      for (int node = kNodeCount - 1; node >= 0; --node) {
        if (!wanted.Has(node) || good.Has(node) || IsData(node) == parity) continue;
        const NodeSet less = wanted.Minus(NodeSet::FromBits(1u << node));
        if (group_.script().CanRebuild(less)) wanted = less;
      }
    }
    return wanted;
  }

  bool IsData(int node) const {
    const ByteSpan row = group_.script().code().generator().row(node);
    return std::count(row.begin(), row.end(), 0) + 1 == std::ssize(row) &&
           std::count(row.begin(), row.end(), 1) == 1;
  }

  const ShareGroup& group_;
  const bool quick_;
  std::array<Bytes, kNodeCount> blocks_;
  Bytes spare_;
  FragmentSpans spans_;
};

// One good key share of each node that has one.
std::vector<cryptoscatter::IndexedKeyShare> KeySharesOf(const ShareGroup& group) {
  std::vector<cryptoscatter::IndexedKeyShare> key_shares;
  NodeSet taken;
  for (const GivenShare* given : group.shares) {
    const NodeIndex index = given->share().index;
    if (!given->key_share_ok() || taken.Has(index)) continue;
    taken.Add(index);
    key_shares.push_back({index, given->reader()->file().open_key_share->Duplicate()});
  }
  return key_shares;
}

// Opens one window after the other. One for each thread.
class WindowReader {
 public:
  WindowReader(const ShareGroup& group, const FileOpener& opener, bool quick)
      : opener_(opener), gatherer_(group, quick), worker_(opener) {}

  // What window `window` holds, until the next call.
  absl::StatusOr<ByteSpan> Read(std::uint64_t window) {
    WORLDB_ASSIGN_OR_RETURN(const NodeSet present, gatherer_.Gather(window));
    const std::size_t bytes = opener_.PlaintextBytes(window);
    if (plaintext_.size() != bytes) plaintext_ = SecretBytes(bytes);
    WORLDB_RETURN_IF_ERROR(
        worker_.Open(window, present, gatherer_.spans(), plaintext_.ExposeSecretMutable()));
    return plaintext_.ExposeSecret();
  }

 private:
  const FileOpener& opener_;
  BlockGatherer gatherer_;
  FileOpener::Worker worker_;
  SecretBytes plaintext_;
};

// Writes all windows but the first.
absl::Status JoinRest(const ShareGroup& group, const FileOpener& opener, const JoinOptions& options,
                      std::uint64_t preamble_bytes, Sink& sink, const FileProgress& progress) {
  std::atomic<std::uint64_t> next{1};
  std::atomic<std::uint64_t> done{0};
  const auto work = [&](const std::atomic<bool>& stop) -> absl::Status {
    WindowReader reader(group, opener, options.quick);
    while (!stop) {
      const std::uint64_t window = next.fetch_add(1);
      if (window >= opener.window_count()) break;
      WORLDB_ASSIGN_OR_RETURN(const ByteSpan plaintext, reader.Read(window));
      WORLDB_RETURN_IF_ERROR(
          sink.Write(opener.PlaintextAt(window) - preamble_bytes, plaintext, stop));
      done += plaintext.size();
    }
    return absl::OkStatus();
  };
  return RunTeam(work, [&] { progress(done, group.core().plaintext_bytes - preamble_bytes); });
}

}  // namespace

absl::StatusOr<JoinResult> JoinFile(const ShareGroup& group, const JoinOptions& options,
                                    const FileProgress& progress) {
  if (!group.IsReadable()) return absl::FailedPreconditionError(group.Shortage());
  WORLDB_ASSIGN_OR_RETURN(
      const FileOpener opener,
      FileOpener::Create(group.shares.front()->script(), group.core(), KeySharesOf(group)));

  // The first window says how long the name is, and with that where everything else goes.
  WindowReader reader(group, opener, options.quick);
  WORLDB_ASSIGN_OR_RETURN(const ByteSpan first, reader.Read(0));
  WORLDB_ASSIGN_OR_RETURN(const ByteSpan name, cryptoscatter::BaseNameOf(first));
  const std::uint64_t preamble_bytes = 2 + name.size();
  JoinResult result;
  result.base_name = ToString(name);
  result.file_bytes = group.core().plaintext_bytes - preamble_bytes;

  WORLDB_ASSIGN_OR_RETURN(const std::unique_ptr<Sink> sink, Sink::Create(options.output));
  const std::atomic<bool> never{false};
  WORLDB_RETURN_IF_ERROR(sink->Write(0, first.subspan(preamble_bytes), never));
  WORLDB_RETURN_IF_ERROR(JoinRest(group, opener, options, preamble_bytes, *sink, progress));
  WORLDB_RETURN_IF_ERROR(sink->Finish());
  return result;
}

}  // namespace worldb::tools
