// Walks through directories and archives, in any depth and order, to the stores, share files and cell
// directories that lie there.
//
// Archives are unpacked to private temporary directories. Links are followed where they are named, and not
// where they are found; a directory with recovered values is passed over.
// Bounds:  64 directories deep, three archives in one another, and the limits on what is unpacked.
// Errors:  what cannot be read goes into the report, and the rest goes on. Once an archive is unpacked, stop
//          signals are noted (tools/stop_signals.h), and walking ends early at one.
// Threads: one owner; calls block on the disk.
#ifndef WORLDB_TOOLS_RECOVER_SOURCES_SOURCE_WALK_H_
#define WORLDB_TOOLS_RECOVER_SOURCES_SOURCE_WALK_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/files.h"
#include "tools/recover/files/archive.h"
#include "tools/recover/sources/source_report.h"

namespace worldb::tools {

class SourceWalk {
 public:
  // `path` is where it lies now, `where` what to call it: an archive's content is called after the archive.
  using Find = std::function<void(const std::string& path, const std::string& where)>;
  struct Finds {
    Find store;
    Find share_file;
    Find cell_file;
  };
  using Unpacked = std::vector<std::unique_ptr<TemporaryDirectory>>;

  // `report` must outlive it.
  SourceWalk(const UnpackLimits& limits, Finds finds, SourceReport& report)
      : left_(limits), finds_(std::move(finds)), report_(report) {}

  void Walk(const std::string& source) { AddPath(source, source, 0); }
  // What was found in archives lies in these.
  Unpacked TakeUnpacked() { return std::move(unpacked_); }

 private:
  void AddPath(const std::string& path, const std::string& where, int depth);
  void AddDirectory(const std::string& path, const std::string& where, int depth);
  void AddFile(const std::string& path, const std::string& where, int depth);
  void AddArchive(const std::string& path, const std::string& where, int depth);
  // False when it was refused, and nothing of it is to be used.
  bool Unpack(const std::string& path, const std::string& directory, const std::string& where);

  UnpackLimits left_;  // of all archives together
  const Finds finds_;
  SourceReport& report_;
  int archives_around_ = 0;
  Unpacked unpacked_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_SOURCES_SOURCE_WALK_H_
