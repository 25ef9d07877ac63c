// Fields that several messages of worldb.v1 share, from and to our own.
//
// Errors:  where our own are made of a request: InvalidArgument naming the field. Nullopt or false for
//          what this build does not know in an answer.
// Threads: pure functions.
#ifndef WORLDB_TRANSPORT_MESSAGE_FIELDS_H_
#define WORLDB_TRANSPORT_MESSAGE_FIELDS_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "arbiter/outcome.h"
#include "arbiter/stamp.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/base/node_set.h"
#include "engine/api/node_api.h"
#include "engine/cell/cell.h"
#include "transport/client_types.h"
#include "worldb/v1/types.pb.h"

namespace worldb::transport {

// Overwrites the bytes of a value that passed through a protobuf field, best effort: copies that
// protobuf and gRPC made on the way are out of reach.
void WipeString(std::string& text);

// BAD_REQUEST: a field cannot be what it is.
absl::Status BadField(absl::string_view field, absl::string_view why);

template <typename Id>
std::string IdToWire(const Id& id) {
  return std::string(AsText(id.span()));
}

// False unless `bytes` has the right size.
template <typename Id>
bool IdFromWire(const std::string& bytes, Id& id) {
  if (bytes.size() != Id::kBytes) return false;
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  return true;
}

v1::Outcome OutcomeToWire(arbiter::OutcomeKind kind);
std::optional<arbiter::OutcomeKind> OutcomeFromWire(v1::Outcome outcome);

v1::Certificate CertificateToWire(arbiter::Fairness fairness);
std::optional<arbiter::Fairness> CertificateFromWire(v1::Certificate certificate);

v1::Level LevelToWire(arbiter::Level level);
std::optional<arbiter::Level> LevelFromWire(v1::Level level);
// The level that ends a call.
absl::StatusOr<arbiter::Level> UntilFromWire(v1::Level until);

// Nodes and data centers by name.
void StampToWire(const arbiter::Stamp& stamp, const engine::Cell& cell, v1::Stamp& out);
StampInfo StampFromWire(const v1::Stamp& stamp);
void DecisionToWire(const arbiter::Outcome& outcome, const engine::Cell& cell, v1::Decision& out);
bool DecisionFromWire(const v1::Decision& decision, Decision& out);

using WireShares = google::protobuf::RepeatedPtrField<v1::DataCenterShares>;
void SharesToWire(NodeSet held, const engine::Cell& cell, WireShares& out);
std::vector<DataCenterCount> SharesFromWire(const WireShares& shares);

// BAD_SCRIPT names the known ones; nullopt for the empty name.
absl::StatusOr<std::optional<ScriptId>> ScriptFromWire(const std::string& name,
                                                       const engine::Cell& cell);

absl::StatusOr<std::size_t> PageSizeFromWire(int page_size);

}  // namespace worldb::transport

#endif  // WORLDB_TRANSPORT_MESSAGE_FIELDS_H_
