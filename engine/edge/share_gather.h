// Gathers one version: asks the nodes its plan names, judges each share that comes, and opens the value as
// soon as the good ones suffice.
//
// A share that fails a check is left out, named, and its node told; the others make up for it.
//
// Threads: the executor.
// Secrets: key shares and the value; nothing is handed on before it all verified.
// Source:  docs/protocol.md 6; docs/share-format.md 12.
#ifndef WORLDB_ENGINE_EDGE_SHARE_GATHER_H_
#define WORLDB_ENGINE_EDGE_SHARE_GATHER_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/opener.h"
#include "engine/edge/cell_access.h"
#include "engine/edge/edge_reader.h"
#include "engine/edge/read_plan.h"
#include "engine/edge/speculative_gather.h"
#include "engine/edge/timer.h"

namespace worldb::engine {

// The end of it. Without a value, the version cannot be read from those who are up.
struct Gathered {
  std::optional<cryptoscatter::OpenedValue> value;
  std::optional<OpId> op;             // of the value that was about to be opened
  std::vector<std::string> rejected;  // bad shares, and then why the value did not open
  bool no_room = false;               // it is larger than was told, and there is no room for that
  Budget::Charge charge;              // of the value
};

class ShareGather : public std::enable_shared_from_this<ShareGather> {
 public:
  using Done = std::function<void(Gathered)>;

  // All outlive this object. `charge`: for the bytes that the target tells. `done` runs once, inside Start()
  // at the earliest, and not at all if the object is destroyed before; it may destroy it.
  static std::shared_ptr<ShareGather> Create(EdgeReader& reader, const Bytes& key,
                                             const KeyTag& key_tag, const ReadTarget& target,
                                             Budget::Charge charge, Done done);
  // With what was gathered before this version was known; null: nothing was. Called once.
  void Start(std::unique_ptr<SpeculativeGather> speculative);
  ShareGather(const ShareGather&) = delete;
  ShareGather& operator=(const ShareGather&) = delete;

  NodeSet asked() const { return plan_.asked(); }
  NodeSet answered() const { return plan_.answered(); }
  // Nodes whose key share or fragment was good.
  NodeSet used() const { return used_; }

 private:
  ShareGather(EdgeReader& reader, const Bytes& key, const KeyTag& key_tag, const ReadTarget& target,
              Budget::Charge charge, Done done);

  VersionRef version() const { return {key_tag_, target_.slot_epoch, target_.version}; }
  // The speculative shares of this version that have come or are on their way.
  NodeSet Hopeful() const;
  void TakeSpeculative(NodeIndex from);
  void Fetch(NodeSet nodes);
  void Watch();
  // Either fetches or ends; the latter destroys this object perhaps. False when it ended.
  bool Follow(const ReadPlan::Step& step);
  void TakeShare(NodeIndex from, const FetchShareReply& reply);
  void GoOn(NodeIndex from, const FetchShareReply& reply);
  // Whether the answer was all that can be wanted of one node.
  bool Judge(NodeIndex from, const FetchShareReply& reply);
  bool Add(NodeIndex from, const FetchShareReply& reply);
  // Finds room for what the writer signed, where less was told.
  void MakeRoomFor(const cryptoscatter::Core& core);
  void Reject(NodeIndex from, absl::string_view what);
  void End();
  void Open();
  void TakeOpened(absl::StatusOr<cryptoscatter::OpenedValue> opened);
  // The last thing that any of the above does.
  void Finish(std::optional<cryptoscatter::OpenedValue> value, absl::string_view failure = {});

  EdgeReader& reader_;
  const Bytes& key_;
  const KeyTag& key_tag_;
  const ReadTarget& target_;
  std::uint64_t room_bytes_;  // of ciphertext
  Budget::Charge charge_;     // for that
  bool no_room_ = false;
  Done done_;
  ReadPlan plan_;
  // Shared with the pool while the value is opened.
  const std::shared_ptr<cryptoscatter::GatherDecoder> decoder_;
  std::unique_ptr<SpeculativeGather> speculative_;
  std::array<CellAccess::Question, kNodeCount> questions_;
  Timer watch_;
  bool over_ = false;  // nobody is waited for any more
  NodeSet used_;
  std::optional<OpId> op_;
  std::vector<std::string> rejected_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_EDGE_SHARE_GATHER_H_
