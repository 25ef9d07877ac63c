// Get and tickets: what a caller gives and is told.
//
// Secrets: values travel in SecretBytes.
#ifndef WORLDB_ENGINE_API_READS_H_
#define WORLDB_ENGINE_API_READS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "arbiter/outcome.h"
#include "arbiter/stamp.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "cryptoscatter/base/secret.h"
#include "engine/api/budget.h"

namespace worldb::engine {

enum class ReadMode : std::uint8_t {
  kLatest,     // linearizable, through the key's home
  kSurviving,  // asks no home: the newest version the reachable nodes can read and rebuild
  kVersion,    // one version, through the key's home
};
struct GetRequest {
  Bytes key;
  ReadMode mode = ReadMode::kLatest;
  Version version;  // kVersion only
  absl::Duration timeout = absl::Seconds(10);
};
struct GetReply {
  Version version;
  OpId op;
  arbiter::Level level = arbiter::Level::kSafe;  // as the home knows it; kHeld when home_silent
  bool home_silent = false;                      // SURVIVING: may be older than LATEST
  SecretBytes value;
  std::vector<Version> void_versions;  // LATEST: newer versions, which won and can never be read
  NodeSet read_from;                   // nodes whose key share or fragment was used
  std::vector<std::string> rejected;   // bad shares, each named with its reason
  Budget::Charge charge;               // to be kept for as long as the answer takes up memory
};

struct TicketStatus {
  OpId op;
  DataCenterIndex home;
  Slot slot;
  arbiter::Stamp stamp;
  arbiter::Outcome outcome;
  arbiter::Level level = arbiter::Level::kAccepted;
  bool final = false;
  NodeSet held;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_API_READS_H_
