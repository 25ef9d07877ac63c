// Where recovered values go: one file for each, and a journal of what has been done.
//
// Values become durable in batches, and after them their lines of the journal. So whenever the process
// is killed, every file under a value's name is whole, and what the journal names is there.
//
//   DIR/NAME                           a value (tools/recover/file_name.h)
//   DIR/.worldb-recover.journal        one JSON object a line
//   DIR/.worldb-recover.lock           held while a process uses the directory
//   DIR/.worldb-recover.new-N          a value that is being written
// Errors:  AlreadyExists for a file in a value's place that no run of this tool wrote;
//          FailedPrecondition while another process uses the directory; else as tools/files.h.
// Bounds:  some 150 bytes for each value in the journal, and one batch of values.
// Threads: one owner; calls block on the disk.
// Secrets: values pass through; files are for their owner alone.
#ifndef WORLDB_TOOLS_RECOVER_OUTPUT_DIRECTORY_H_
#define WORLDB_TOOLS_RECOVER_OUTPUT_DIRECTORY_H_

#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cryptoscatter/base/bytes.h"
#include "tools/files.h"
#include "tools/print.h"
#include "tools/recover/recovery.h"

namespace worldb::tools {

class OutputDirectory {
 public:
  // Runs when what was put is durable.
  using Written = std::function<void(const Json& event)>;

  // Runs of different `mode` name their files differently: none takes another's for its own work.
  static absl::StatusOr<std::unique_ptr<OutputDirectory>> Open(const std::string& path,
                                                               std::string mode, Written written);

  // The events an earlier run wrote for this version out of as many spots, when their files are still
  // there and have the bytes the journal says; else none.
  std::vector<Json> Find(const VersionName& name, std::size_t spot_count);
  // Queues a value for the file `file`, or with an empty `file` the event alone.
  absl::Status Put(const VersionName& name, std::size_t spot_count, const std::string& file,
                   ByteSpan value, Json event);
  // Makes durable what is queued and tells of it.
  absl::Status Flush();

 private:
  struct Pending {
    VersionName name;
    std::string line;
    Json event;
  };

  OutputDirectory(std::string path, std::string mode, std::unique_ptr<LockFile> lock,
                  Written written);
  void ReadJournal(const std::string& path);
  absl::Status CheckPlace(const std::string& file, ByteSpan value) const;
  bool IsIntact(const Json& line) const;

  const std::string path_;
  const std::string mode_;
  const std::unique_ptr<LockFile> lock_;
  const Written written_;
  std::unique_ptr<LineFile> journal_;
  std::ifstream reader_;
  std::map<VersionName, std::vector<std::uint64_t>> lines_;  // offsets in the journal
  std::set<std::string> own_files_;
  FileBatch files_;
  std::vector<Pending> queue_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_OUTPUT_DIRECTORY_H_
