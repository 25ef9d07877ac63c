// A node's store as it lies on a disk: the rows that recovery reads of it.
//
// Threads: one owner for all that share an OfflineBatches; calls block on the disk.
#ifndef WORLDB_TOOLS_RECOVER_SOURCES_RAW_STORE_H_
#define WORLDB_TOOLS_RECOVER_SOURCES_RAW_STORE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cryptoscatter/script_book.h"
#include "engine/offline/offline_reader.h"
#include "engine/rocks/rocks_reader.h"

namespace worldb::tools {

class RawStore {
 public:
  using Damage = std::vector<std::string>;  // a message for each damaged stretch
  using Row = std::function<void(const engine::StoreRow& row)>;

  // As RocksReader::Open().
  static absl::StatusOr<std::unique_ptr<RawStore>> Open(
      const std::string& path, std::shared_ptr<engine::OfflineBatches> batches);

  const engine::RocksReader::LogFacts& log_facts() const { return reader_->log_facts(); }

  // Share rows name scripts: these come first.
  Damage ForEachScript(
      const std::function<void(absl::StatusOr<engine::CellScripts::ScriptPtr>)>& visit);
  Damage ForEachShare(const Row& visit) const;
  Damage ForEachStaged(const Row& visit) const;

  // `book` is looked in for a script whose row is not there.
  absl::StatusOr<engine::FoundRow> DecodeShare(const engine::StoreRow& row,
                                               const cryptoscatter::ScriptBook& book) const;
  absl::StatusOr<engine::FoundRow> ReadShare(const engine::VersionRef& version,
                                             const cryptoscatter::ScriptBook& book) const;
  // The same with the fragment that lies apart, if it is there.
  absl::StatusOr<engine::FoundShare> ReadWholeShare(const engine::VersionRef& version,
                                                    const cryptoscatter::ScriptBook& book) const;
  // One of the payloads that lie in a row of staged ones, by its place there.
  absl::StatusOr<cryptoscatter::SealedValue> ReadStaged(const std::string& row_key,
                                                        std::size_t place) const;
  // Nullopt when there is none that `keys` open.
  std::optional<Bytes> ReadName(const KeyTag& key_tag, const engine::OfflineKeys& keys) const;

 private:
  RawStore(std::unique_ptr<engine::RocksReader> reader,
           std::shared_ptr<engine::OfflineBatches> batches);
  Damage ForEach(engine::RowFamily family, const std::string& prefix, const Row& visit) const;

  const std::unique_ptr<engine::RocksReader> reader_;
  const std::unique_ptr<engine::OfflineRows> rows_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_SOURCES_RAW_STORE_H_
