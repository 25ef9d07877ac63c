#include "engine/sequencer/frame_check.h"

#include "arbiter/op_id.h"
#include "cryptoscatter/sealed_value.h"

namespace worldb::engine {

absl::Status CheckPayload(const Cell& cell, const Payload& payload,
                          cryptoscatter::BatchVerifier& verifier) {
  const cryptoscatter::SealedValue& sealed = payload.sealed;
  if (sealed.core.cell != cell.id()) {
    return absl::InvalidArgumentError("the sealed value is of another cell");
  }
  const auto script = cell.FindScript(sealed.script);
  if (!script.ok()) return absl::InvalidArgumentError(script.status().message());
  if (!cell.IsWriter(sealed.proof.signer)) {
    return absl::InvalidArgumentError("the writer is not known to this cell");
  }
  if (cell.KeyTagOf(payload.key) != sealed.core.key_tag) {
    return absl::InvalidArgumentError("the key's name is not that of its tag");
  }
  const absl::Status status =
      verifier.VerifyCommit(sealed.proof, cell.id(), payload.commitment).status();
  if (!status.ok()) return absl::InvalidArgumentError(status.message());
  return cryptoscatter::VerifySealedValue(**script, sealed);
}

absl::Status CheckKind(const arbiter::Candidate& candidate, const Payload& payload) {
  if (payload.sealed.core.kind == ValueKindOf(candidate.kind)) return absl::OkStatus();
  return absl::InvalidArgumentError("the frame and what its writer signed differ in kind");
}

absl::Status CheckOwner(const arbiter::Candidate& candidate, const OpId& op, const KeyTag& key_tag,
                        const ScriptId& script) {
  if (op != candidate.op || key_tag != candidate.key_tag) {
    return absl::InvalidArgumentError("the payload that was staged belongs to another op");
  }
  if (script != candidate.script) {
    return absl::InvalidArgumentError("the payload was staged under another script");
  }
  return absl::OkStatus();
}

absl::Status CheckFrame(const Cell& cell, DataCenterIndex home, NodeIndex from,
                        StreamEpoch stream_epoch, const Frame& frame) {
  const arbiter::Candidate& c = *frame.candidate;
  if (c.stamp.node != from || c.stamp.stream_epoch != stream_epoch ||
      c.stamp.number != frame.number) {
    return absl::InvalidArgumentError("the stamp does not belong to its frame");
  }
  if (cell.SlotOf(c.key_tag) != c.slot || cell.HomeOf(c.slot) != home) {
    return absl::InvalidArgumentError("the key's home is another data center");
  }
  if (absl::Status status = arbiter::CheckOpId(c.op); !status.ok()) return status;
  if (absl::Status status = arbiter::CheckCandidate(c); !status.ok()) return status;
  if (frame.payload == nullptr) {
    if (c.kind != arbiter::OpKind::kDelete) return absl::OkStatus();
    return absl::InvalidArgumentError("a Delete without what its writer sealed");
  }
  const Payload& payload = *frame.payload;
  if (payload.commitment != c.commitment || payload.sealed.core.op_id != c.op ||
      payload.sealed.core.key_tag != c.key_tag || payload.sealed.script != c.script) {
    return absl::InvalidArgumentError("the payload belongs to another op");
  }
  return CheckKind(c, payload);
}

}  // namespace worldb::engine
