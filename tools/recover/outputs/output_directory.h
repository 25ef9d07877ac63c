// Where recovered values go: one file for each, and a journal of what has been done.
//
// Values become durable in batches: first a line of the journal says which files are meant to come, then
// come the files, and after them their own lines. So whenever the process is killed, every file under
// a value's name is whole, what the journal names is there, and what is there is known to be ours.
// A name belongs to the key that had it first; another key of the same name gets NAME@tag.TAG.
// Where only newest versions are kept, an older one never takes the place of a newer one of an earlier run.
//
//   DIR/NAME                           a value (tools/recover/outputs/file_name.h)
//   DIR/.worldb-recover.journal        one JSON object a line
//   DIR/.worldb-recover.lock           held while a process uses the directory
//   DIR/.worldb-recover.new-N          a value that is being written
// Errors:  AlreadyExists for a file in a value's place that no run of this tool wrote;
//          Unavailable while another process uses the directory; else as tools/files.h.
// Bounds:  some 350 bytes for each value in the journal, and one batch of values.
// Threads: one owner; calls block on the disk.
// Secrets: values pass through; files are for their owner alone.
#ifndef WORLDB_TOOLS_RECOVER_OUTPUTS_OUTPUT_DIRECTORY_H_
#define WORLDB_TOOLS_RECOVER_OUTPUTS_OUTPUT_DIRECTORY_H_

#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/hash.h"
#include "engine/messages/share_messages.h"
#include "tools/files.h"
#include "tools/print.h"

namespace worldb::tools {

// What is to be written of a version.
struct Output {
  engine::VersionRef name;  // version zero: a staged payload
  CellId cell;
  CommitmentId commitment;
  Hash256 digest;
  std::size_t value_count = 1;  // that stand under the version, this one included
  std::string file;             // wanted; empty for an event alone
  // When only newest versions are kept: the name under which an older one of this key may lie.
  std::string plain_file;
};

class OutputDirectory {
 public:
  // Runs when what was put is durable.
  using Written = std::function<void(const Json& event)>;

  // Runs for newest and for all versions name their files differently: none takes the other's for its
  // own work.
  static absl::StatusOr<std::unique_ptr<OutputDirectory>> Open(const std::string& path,
                                                               bool all_versions, Written written);

  // The events an earlier run wrote for this version out of the same, one for each of its values, when
  // nothing about them was bad and their files are still there and have the bytes the journal says;
  // else none.
  std::vector<Json> Find(const engine::VersionRef& name, const Hash256& digest);
  // Queues a value. Of the event, `file` becomes the name it has, `instead_of` the one it could not have,
  // `retired` where an older value was moved, {from, to}; each stays null where that is nothing. When a
  // newer version of the key is there, nothing is queued, and of the event, which is told at once,
  // `older_than` becomes {slot_epoch, version, file}, its file null if that version is a deletion.
  absl::Status Put(const Output& output, ByteSpan value, Json event);
  // Makes durable what is queued and tells of it.
  absl::Status Flush();

 private:
  // Whose a file is.
  struct Own {
    CellId cell;
    engine::VersionRef name;
    bool IsOf(const Output& output) const {
      return cell == output.cell && name.key_tag == output.name.key_tag;
    }
  };
  struct Pending {
    engine::VersionRef name;
    std::string line;
    Json event;
    Json intent;  // null without a file
    std::pair<std::string, std::string> retired;
  };

  OutputDirectory(std::string path, bool all_versions, std::unique_ptr<LockFile> lock,
                  Written written);
  void ReadJournal(const std::string& path);
  // The file's name: what is wanted, or else another.
  absl::StatusOr<std::string> PlaceOf(const Output& output, ByteSpan value) const;
  // The file of an older version of this key, and where it goes; empty when there is none.
  std::pair<std::string, std::string> RetiredBy(const Output& output,
                                                const std::string& file) const;
  absl::Status Retire(const std::pair<std::string, std::string>& retired) const;
  // What stands for `older_than`; null without a newer version.
  Json NewerThan(const Output& output);
  void Remember(const engine::VersionRef& name, std::uint64_t offset);
  // One of the journal's; discarded when it is not ours.
  Json LineAt(std::uint64_t offset);
  std::string PathOf(const std::string& file) const { return path_ + "/" + file; }
  bool Has(const std::string& file, const std::string& hash) const;

  const std::string path_;
  const bool all_versions_;
  const std::unique_ptr<LockFile> lock_;
  const Written written_;
  std::unique_ptr<LineFile> journal_;
  std::ifstream reader_;
  std::map<engine::VersionRef, std::vector<std::uint64_t>> lines_;  // offsets in the journal
  std::map<KeyTag, engine::VersionRef> latest_;  // as the journal has them, staged apart
  std::map<std::string, Own> own_files_;
  FileBatch files_;
  std::vector<Pending> queue_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_OUTPUTS_OUTPUT_DIRECTORY_H_
