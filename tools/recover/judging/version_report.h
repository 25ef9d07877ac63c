// What became of one value of one version.
#ifndef WORLDB_TOOLS_RECOVER_JUDGING_VERSION_REPORT_H_
#define WORLDB_TOOLS_RECOVER_JUDGING_VERSION_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/records.h"
#include "engine/messages/share_messages.h"
#include "engine/offline/offline_reader.h"

namespace worldb::tools {

struct VersionReport {
  enum class Status { kRecovered, kDegraded, kLost };

  engine::VersionRef name;  // version zero: a staged payload, of which nobody knows whether it won
  Status status = Status::kLost;
  std::optional<Bytes> key;  // nullopt when it could not be found out
  CellId cell;               // as core
  CoreId core;               // zero when no share gives it
  CommitmentId commitment;   // as core
  cryptoscatter::ValueKind kind = cryptoscatter::ValueKind::kValue;
  // Two different values stand under this name; each has a report of its own.
  bool conflict = false;
  std::size_t value_count = 1;  // that stand under this name
  std::uint64_t value_bytes = 0;
  NodeSet good;    // fragment and key share verified
  NodeSet bad;     // indices of shares with something wrong
  NodeSet locked;  // no key of their node is at hand
  std::vector<std::string> bad_shares;
  engine::OfflineValue::Shortfall shortfall;
  std::string why_lost;
  Hash256 digest;  // of what was there to read it from, and of the keys

  NodeSet missing() const { return NodeSet::All().Minus(good | bad | locked); }
};
const char* StatusName(VersionReport::Status status);

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_JUDGING_VERSION_REPORT_H_
