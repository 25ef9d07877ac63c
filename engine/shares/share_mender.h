// Puts a share that was made whole again in the place of what is stored, in one synced commit.
//
// Errors:  AlreadyExists when a good share of another value is there: it stays. Unavailable when the
//          share is being written by somebody else. What the store says.
// Threads: its node's executor.
// Source:  ARCHITECTURE.md invariant 6; docs/share-format.md section 16.
#ifndef WORLDB_ENGINE_SHARES_SHARE_MENDER_H_
#define WORLDB_ENGINE_SHARES_SHARE_MENDER_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "cryptoscatter/share.h"
#include "engine/context/node_self.h"
#include "engine/ports/store.h"
#include "engine/shares/batch_rows.h"
#include "engine/shares/share_reader.h"
#include "engine/shares/share_writes.h"

namespace worldb::engine {

class ShareMender {
 public:
  ShareMender(NodeSelf& self, Store& store, const cryptoscatter::StorageKey& storage_key,
              BatchRows& batches, ShareReader& reader, ShareWrites& writes)
      : self_(self),
        store_(store),
        storage_key_(storage_key),
        batches_(batches),
        reader_(reader),
        writes_(writes) {}

  // REQUIRES: the share is this node's, and verified, fragment and key share too.
  void Mend(cryptoscatter::Share share, const cryptoscatter::KeyShare& key_share,
            std::function<void(absl::Status)> done);

 private:
  // The steps of Mend(), in this order.
  struct Mending;
  using MendingPtr = std::shared_ptr<Mending>;
  void TakeHeld(const MendingPtr& mending, const HeldShare& held);
  void Commit(const MendingPtr& mending);
  void End(const MendingPtr& mending, absl::Status status);

  NodeSelf& self_;
  Store& store_;
  const cryptoscatter::StorageKey& storage_key_;
  BatchRows& batches_;
  ShareReader& reader_;
  ShareWrites& writes_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_SHARE_MENDER_H_
