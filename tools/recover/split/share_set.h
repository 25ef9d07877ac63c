// Share files as they come: opened, judged one by one, and told apart by what their writer signed.
//
// A share counts for the file it was signed for and for no other: shares are grouped by core, script,
// generation, leaves and signer, and groups are never mixed.
// Errors:  InvalidArgument when the shares are of several files and none was chosen, or the choice is no
//          hexadecimal; DataLoss when none of them is a good one, but NotFound when none is there, and
//          PermissionDenied when none may be read.
// Threads: one owner; the counts of bad blocks may be raised from any thread.
// Source:  docs/split-join.md.
#ifndef WORLDB_TOOLS_RECOVER_SPLIT_SHARE_SET_H_
#define WORLDB_TOOLS_RECOVER_SPLIT_SHARE_SET_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/mutex.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/script.h"
#include "cryptoscatter/share_file.h"

namespace worldb::tools {

// A share file on disk.
class FileSource final : public cryptoscatter::ByteSource {
 public:
  static absl::StatusOr<std::unique_ptr<FileSource>> Open(const std::string& path);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  std::uint64_t size() const override { return size_; }
  absl::Status Read(std::uint64_t at, MutableByteSpan out) const override;

 private:
  FileSource(std::string path, int descriptor, std::uint64_t size)
      : path_(std::move(path)), descriptor_(descriptor), size_(size) {}
  const std::string path_;
  const int descriptor_;
  const std::uint64_t size_;
};

// One share file and what is wrong with it.
class GivenShare {
 public:
  // Never fails: a file that cannot be read is a bad share.
  static std::unique_ptr<GivenShare> Open(const std::string& path,
                                          cryptoscatter::BatchVerifier& verifier);

  const std::string& path() const { return path_; }
  // Null when header or trailer is bad, or the signature; then the share counts for nothing.
  const cryptoscatter::ShareFileReader* reader() const { return reader_ ? &*reader_ : nullptr; }
  const cryptoscatter::Share& share() const { return reader_->file().share; }
  const std::shared_ptr<const cryptoscatter::Script>& script() const { return script_; }
  bool key_share_ok() const { return key_share_ok_; }
  bool fragment_ok() const {
    return fragment_ok_;
  }  // its size; its blocks are checked as they are read

  // That the file opened, or why it did not.
  const absl::Status& opened() const { return opened_; }

  // It is of no use, or not wholly, for this reason.
  void AddReason(std::string reason);
  void AddBadBlock(std::uint64_t block, absl::string_view why);
  bool is_bad() const;
  // What is wrong, in one line; empty when nothing was found.
  std::string Reason() const;

 private:
  explicit GivenShare(std::string path) : path_(std::move(path)) {}
  void Judge(cryptoscatter::BatchVerifier& verifier);

  const std::string path_;
  absl::Status opened_;
  std::unique_ptr<FileSource> source_;
  std::optional<cryptoscatter::ShareFileReader> reader_;
  std::shared_ptr<const cryptoscatter::Script> script_;
  bool key_share_ok_ = false;
  bool fragment_ok_ = false;

  mutable Mutex mu_;
  std::vector<std::string> reasons_ ABSL_GUARDED_BY(mu_);
  std::uint64_t bad_blocks_ ABSL_GUARDED_BY(mu_) = 0;
  std::uint64_t first_bad_block_ ABSL_GUARDED_BY(mu_) = 0;
  std::string first_why_ ABSL_GUARDED_BY(mu_);
};

// The shares of one splitting.
struct ShareGroup {
  CommitmentId commitment;
  std::vector<GivenShare*> shares;  // in the order given; two may have one index

  const cryptoscatter::Core& core() const { return shares.front()->share().core; }
  const cryptoscatter::Script& script() const { return *shares.front()->script(); }
  NodeSet fragments() const;
  NodeSet key_shares() const;
  bool IsReadable() const;
  // "2 of 4 data pieces, key shares from 1 of 2 data centers", with what is missing. That is called as
  // the names of the files suggest: "dc1-2", "0-tokyo-1"; or else "node[4]".
  std::string Shortage() const;
};

class ShareSet {
 public:
  // Opens all files, and those named *.wds of each directory.
  static absl::StatusOr<ShareSet> Open(const std::vector<std::string>& paths);

  const std::vector<std::unique_ptr<GivenShare>>& shares() const { return shares_; }
  // The group to join. `which` is the beginning of a core id or of a commitment, in hexadecimal, or
  // empty. Shares of the same core that some other writer signed are bad ones.
  absl::StatusOr<ShareGroup> Choose(absl::string_view which);
  // Of the file that `path` names, by whatever name: the share that it is, or null.
  const GivenShare* Find(const std::string& path) const;

 private:
  // By core, commitment and signer.
  using Groups =
      std::map<std::tuple<CoreId, CommitmentId, std::array<std::uint8_t, 32>>, ShareGroup>;

  // Of the good shares whose core id or commitment begins with `prefix`.
  Groups GroupsOf(absl::string_view prefix) const;
  absl::Status NoGoodShare() const;

  std::vector<std::unique_ptr<GivenShare>> shares_;
  std::unique_ptr<cryptoscatter::BatchVerifier> verifier_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_SPLIT_SHARE_SET_H_
