#include "engine/shares/share_desk.h"

#include <string>
#include <utility>
#include <vector>

#include "cryptoscatter/base/key_order.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/shares/held_share.h"
#include "engine/shares/stored_form.h"

namespace worldb::engine {

using cryptoscatter::Share;

void ShareDesk::List(NodeIndex from, const ListShares& request) {
  const std::string begin = ShareRow::KeyPrefix(request.key_tag);
  const std::string end = PrefixEnd(begin);
  store_.Scan(RowFamily::kRows, begin, end, kVersionsListedMax,
              [this, from, id = request.id](absl::StatusOr<std::vector<StoreRow>> rows) {
                ListSharesReply reply;
                reply.id = id;
                reply.status = rows.status();
                if (rows.ok()) reply.shares = ListedOf(*rows);
                self_.Send(from, std::move(reply));
              });
}

std::vector<ListedShare> ShareDesk::ListedOf(const std::vector<StoreRow>& rows) const {
  std::vector<ListedShare> listed;
  for (const StoreRow& row : rows) {
    // A row that does not decode is as good as lost; the others still help a reader.
    absl::StatusOr<ShareRow> held = ShareRow::Decode(row.key, row.value);
    if (!held.ok() || !reader_.CompleteWithoutProof(*held).ok()) continue;
    const Share& share = held->share;
    listed.push_back({share.slot_epoch, share.version, share.core.Id(), share.script,
                      share.core.CiphertextBytes()});
  }
  return listed;
}

void ShareDesk::Prove(NodeIndex from, const ProbeShare& request) {
  reader_.Inspect(
      request.version, /*with_fragment=*/true, [this, from, request](const HeldShare& held) {
        ProbeShareReply reply;
        reply.id = request.id;
        if (held.whole() && held.proved == request.commitment) {
          const cryptoscatter::ReceiptClaim claim = held.share.Claim();
          reply.receipt =
              cryptoscatter::SignReceipts(secrets_.signing, self_.cell().id(), {&claim, 1}).front();
        } else if (absl::IsNotFound(held.row) || (held.proved.has_value() && held.whole())) {
          reply.absent = true;  // none, or one of another value
        } else if (!held.unread()) {
          damaged_(request.version);
        }
        self_.Send(from, std::move(reply));
      });
}

struct ShareDesk::Fetching {
  const NodeIndex to;
  const FetchShare request;
  const VersionRef version;
  ShareRow row;
};

void ShareDesk::Fetch(NodeIndex from, const FetchShare& request) {
  const auto fetching = std::make_shared<Fetching>(
      Fetching{from, request, {request.key_tag, request.slot_epoch, request.version}, ShareRow()});
  store_.Get(RowFamily::kRows, ShareRow::Key(fetching->version),
             [this, fetching](const absl::StatusOr<Bytes>& bytes) { TakeRow(fetching, bytes); });
}

void ShareDesk::TakeRow(const FetchingPtr& fetching, const absl::StatusOr<Bytes>& bytes) {
  if (absl::IsDataLoss(bytes.status())) damaged_(fetching->version);
  if (!bytes.ok()) return End(fetching, bytes.status());
  absl::StatusOr<ShareRow> row = ShareRow::Decode(ShareRow::Key(fetching->version), *bytes);
  if (!row.ok()) return EndDamaged(fetching, row.status().message());
  reader_.Complete({*std::move(row)}, BatchRows::From::kMemory,
                   [this, fetching](absl::StatusOr<std::vector<CompletedRow>> completed) {
                     if (!completed.ok()) return End(fetching, completed.status());
                     TakeCompleted(fetching, std::move(completed->front()));
                   });
}

void ShareDesk::TakeCompleted(const FetchingPtr& fetching, CompletedRow completed) {
  const std::string misplaced =
      Misplaced(self_.cell(), self_.index(), fetching->version, completed.row.share);
  if (!misplaced.empty()) return EndDamaged(fetching, misplaced);
  if (!completed.share.ok()) return EndDamaged(fetching, completed.share.message());
  if (!completed.proof.ok()) return EndDamaged(fetching, completed.proof.message());
  fetching->row = std::move(completed.row);
  if (!fetching->row.fragment_apart) return Give(fetching);
  store_.Get(RowFamily::kBlobs, ShareRow::Key(fetching->version),
             [this, fetching](absl::StatusOr<Bytes> fragment) {
               TakeFragment(fetching, std::move(fragment));
             });
}

void ShareDesk::TakeFragment(const FetchingPtr& fetching, absl::StatusOr<Bytes> fragment) {
  // Without its fragment the key share may still be what is missing.
  if (fragment.ok()) {
    fetching->row.share.fragment = *std::move(fragment);
  } else if (IsMissingOrDamaged(fragment.status())) {
    damaged_(fetching->version);
  }
  Give(fetching);
}

void ShareDesk::Give(const FetchingPtr& fetching) {
  FetchShareReply reply;
  reply.id = fetching->request.id;
  auto key_share = SealFor(fetching->request.reader_exchange_key, fetching->version, fetching->row);
  reply.status = key_share.status();
  if (key_share.ok()) reply.key_share = *std::move(key_share);
  // Even without its key share the fragment may be what is missing.
  reply.share = std::make_shared<const Share>(std::move(fetching->row.share));
  self_.Send(fetching->to, std::move(reply));
}

absl::StatusOr<cryptoscatter::SealedKeyShare> ShareDesk::SealFor(
    const cryptoscatter::ExchangePublicKey& reader, const VersionRef& version,
    const ShareRow& row) {
  const Share& share = row.share;
  const CoreId core = share.core.Id();
  const auto key_share = cryptoscatter::UnwrapKeyShare(secrets_.storage_key,
                                                       PlaceOf(self_.cell(), share), row.key_share);
  WORLDB_ASSIGN_OR_RETURN(const PairwiseKeys::KeyPtr sealer, keys_.SealerKey(reader));
  if (!key_share.ok() ||
      cryptoscatter::KeyShareHash(core, share.index, *key_share) != share.key_share_hash) {
    damaged_(version);
    return absl::DataLossError(key_share.ok() ? "its key share is not what was signed"
                                              : key_share.status().message());
  }
  return cryptoscatter::SealKeyShare(*sealer, {core, share.index, share.key_share_hash},
                                     cryptoscatter::ReaderIdOf(reader), *key_share);
}

void ShareDesk::EndDamaged(const FetchingPtr& fetching, absl::string_view why) {
  damaged_(fetching->version);
  End(fetching, absl::DataLossError(why));
}

void ShareDesk::End(const FetchingPtr& fetching, absl::Status status) {
  FetchShareReply reply;
  reply.id = fetching->request.id;
  reply.status = std::move(status);
  self_.Send(fetching->to, std::move(reply));
}

}  // namespace worldb::engine
