// The shares one node holds: the parts of this room that read and write them, over one store.
//
//   reader   puts rows together again and judges them       intake   takes in what is handed over
//   desk     (share_desk.h) answers readers                 mender   writes what was made whole again
//
// Intake and mender write, and agree in two things: whose value is being written into a row (writes), and
// how far the rows of a batch have grown (batches).
// Threads: its node's executor.
// Source:  ARCHITECTURE.md invariants 15 and 16; docs/share-format.md section 16.
#ifndef WORLDB_ENGINE_SHARES_SHARE_STORE_H_
#define WORLDB_ENGINE_SHARES_SHARE_STORE_H_

#include "cryptoscatter/records.h"
#include "engine/cell/cell.h"
#include "engine/cell/pairwise_keys.h"
#include "engine/context/node_self.h"
#include "engine/ports/store.h"
#include "engine/shares/batch_rows.h"
#include "engine/shares/share_intake.h"
#include "engine/shares/share_mender.h"
#include "engine/shares/share_reader.h"
#include "engine/shares/share_writes.h"

namespace worldb::engine {

class ShareStore {
 public:
  // All of it outlives this object; secrets also what is on the pool.
  ShareStore(NodeSelf& self, Store& store, const NodeSecrets& secrets, PairwiseKeys& keys,
             cryptoscatter::BatchVerifier& verifier)
      : batches_(self.cell(), store, verifier),
        writes_(self.cell()),
        reader_(self, store, secrets.storage_key, verifier, batches_),
        intake_(self, store, secrets, keys, verifier, batches_, reader_, writes_),
        mender_(self, store, secrets.storage_key, batches_, reader_, writes_) {}

  ShareReader& reader() { return reader_; }
  ShareIntake& intake() { return intake_; }
  ShareMender& mender() { return mender_; }
  const ShareWrites& writes() const { return writes_; }

 private:
  BatchRows batches_;
  ShareWrites writes_;
  ShareReader reader_;
  ShareIntake intake_;
  ShareMender mender_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_SHARES_SHARE_STORE_H_
