#include "engine/shares/share_desk.h"

#include <algorithm>
#include <cstdint>
#include <optional>
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

// One fetch on its way.
struct ShareDesk::Fetching {
  Fetching(RequestId request, const cryptoscatter::ExchangePublicKey& key, const VersionRef& of,
           bool of_newest)
      : id(request), reader(key), version(of), newest(of_newest) {}

  RequestId id;
  cryptoscatter::ExchangePublicKey reader;
  VersionRef version;
  bool newest;  // whichever that is
  Bytes bytes;  // of its row
  ShareRow row;
};

// Fetches of newest versions, scanned for one by one.
struct ShareDesk::Search {
  NodeIndex to;
  std::size_t left = 0;
  Fetchings found;
  FetchSharesReply message;
};

void ShareDesk::Expect(const PutShares& message) {
  for (const auto& delivery : message.deliveries) {
    if (delivery == nullptr) continue;
    const Share& share = delivery->share;
    newest_.Note({share.core.key_tag, share.slot_epoch, share.version});
  }
}

std::vector<std::string> ShareDesk::KeysOf(const Fetchings& fetchings) {
  std::vector<std::string> keys;
  for (const Fetching& fetching : fetchings) keys.push_back(ShareRow::Key(fetching.version));
  return keys;
}

void ShareDesk::Fetch(NodeIndex from, const FetchShares& message) {
  Fetchings known;
  Fetchings unknown;
  const std::size_t count = std::min(message.fetches.size(), FetchShares::kFetchesMax);
  for (std::size_t i = 0; i < count; ++i) {
    const FetchShare& fetch = message.fetches[i];
    const VersionRef version{fetch.key_tag, fetch.slot_epoch, fetch.version};
    newest_.Raise(version);
    known.emplace_back(fetch.id, fetch.reader_exchange_key, version, /*of_newest=*/false);
  }
  const std::size_t newest_count = std::min(message.newest.size(), FetchShares::kFetchesMax);
  for (std::size_t i = 0; i < newest_count; ++i) {
    const FetchNewest& fetch = message.newest[i];
    const std::optional<VersionRef> hint = newest_.Find(fetch.key_tag);
    (hint.has_value() ? known : unknown)
        .emplace_back(fetch.id, fetch.reader_exchange_key,
                      hint.value_or(VersionRef{fetch.key_tag, SlotEpoch(), Version()}),
                      /*of_newest=*/true);
  }
  FindNewest(from, std::move(unknown));
  if (known.empty()) return;
  std::vector<std::string> keys = KeysOf(known);
  store_.GetMany(RowFamily::kRows, std::move(keys),
                 [this, from, known = std::move(known)](Values values) mutable {
                   TakeRows(from, std::move(known), std::move(values));
                 });
}

void ShareDesk::TakeRows(NodeIndex to, Fetchings all, Values values) {
  FetchSharesReply message;
  Fetchings found;
  Fetchings unknown;
  for (std::size_t i = 0; i < all.size(); ++i) {
    Fetching& fetching = all[i];
    if (absl::IsDataLoss(values[i].status())) damaged_(fetching.version);
    if (values[i].ok()) {
      fetching.bytes = *std::move(values[i]);
      found.push_back(std::move(fetching));
    } else if (fetching.newest && absl::IsNotFound(values[i].status())) {
      unknown.push_back(std::move(fetching));
    } else {
      message.replies.push_back(Failed(fetching, values[i].status()));
    }
  }
  FindNewest(to, std::move(unknown));
  Complete(to, std::move(found), std::move(message));
}

void ShareDesk::FindNewest(NodeIndex to, Fetchings wanted) {
  const auto search = std::make_shared<Search>(Search{to, wanted.size(), {}, {}});
  for (Fetching& fetching : wanted) {
    const std::string begin = ShareRow::KeyPrefix(fetching.version.key_tag);
    const std::string end = PrefixEnd(begin);
    store_.Scan(RowFamily::kRows, begin, end, 1,
                [this, search, fetching = std::move(fetching)](
                    absl::StatusOr<std::vector<StoreRow>> rows) mutable {
                  TakeNewest(*search, std::move(fetching), std::move(rows));
                });
  }
}

void ShareDesk::TakeNewest(Search& search, Fetching wanted,
                           absl::StatusOr<std::vector<StoreRow>> rows) {
  const auto version = rows.ok() && !rows->empty() ? ShareRow::ParseKey(rows->front().key)
                                                   : std::optional<VersionRef>();
  if (version.has_value()) {
    newest_.Replace(wanted.version, *version);
    wanted.version = *version;
    wanted.bytes = std::move(rows->front().value);
    search.found.push_back(std::move(wanted));
  } else {
    search.message.replies.push_back(
        Failed(wanted, rows.ok() ? absl::NotFoundError("no share of this key") : rows.status()));
  }
  if (--search.left == 0) Complete(search.to, std::move(search.found), std::move(search.message));
}

void ShareDesk::Complete(NodeIndex to, Fetchings found, FetchSharesReply message) {
  Fetchings decoded;
  std::vector<ShareRow> rows;
  for (Fetching& fetching : found) {
    absl::StatusOr<ShareRow> row =
        ShareRow::Decode(ShareRow::Key(fetching.version), fetching.bytes);
    if (!row.ok()) {
      message.replies.push_back(Damaged(fetching, row.status().message()));
    } else if (fetching.newest && (row->fragment_apart ||
                                   row->share.fragment.size() > FetchNewest::kFragmentBytesMax)) {
      message.replies.push_back(Failed(fetching, absl::FailedPreconditionError("it is large")));
    } else {
      rows.push_back(*std::move(row));
      decoded.push_back(std::move(fetching));
    }
  }
  if (decoded.empty()) return Send(to, std::move(message));
  reader_.Complete(
      std::move(rows), BatchRows::From::kMemory,
      [this, to, decoded = std::move(decoded),
       message = std::move(message)](absl::StatusOr<std::vector<CompletedRow>> completed) mutable {
        if (completed.ok()) {
          return TakeCompleted(to, std::move(decoded), *std::move(completed), std::move(message));
        }
        TakeNoneCompleted(to, std::move(decoded), completed.status(), std::move(message));
      });
}

// What the store says of one batch row is said of all that were asked with it: each once more, alone.
void ShareDesk::TakeNoneCompleted(NodeIndex to, Fetchings decoded, const absl::Status& status,
                                  FetchSharesReply message) {
  if (decoded.size() == 1) {
    message.replies.push_back(Failed(decoded.front(), status));
  } else {
    for (Fetching& fetching : decoded) {
      Fetchings one;
      one.push_back(std::move(fetching));
      Complete(to, std::move(one), {});
    }
  }
  Send(to, std::move(message));
}

void ShareDesk::TakeCompleted(NodeIndex to, Fetchings decoded, std::vector<CompletedRow> completed,
                              FetchSharesReply message) {
  Fetchings apart;
  for (std::size_t i = 0; i < decoded.size(); ++i) {
    Fetching& fetching = decoded[i];
    CompletedRow& one = completed[i];
    const std::string misplaced =
        Misplaced(self_.cell(), self_.index(), fetching.version, one.row.share);
    if (!misplaced.empty()) {
      message.replies.push_back(Damaged(fetching, misplaced));
    } else if (!one.share.ok()) {
      message.replies.push_back(Damaged(fetching, one.share.message()));
    } else if (!one.proof.ok()) {
      message.replies.push_back(Damaged(fetching, one.proof.message()));
    } else {
      fetching.row = std::move(one.row);
      if (fetching.row.fragment_apart) {
        apart.push_back(std::move(fetching));
      } else {
        message.replies.push_back(Given(fetching));
      }
    }
  }
  Send(to, std::move(message));
  FetchFragments(to, std::move(apart));
}

void ShareDesk::FetchFragments(NodeIndex to, Fetchings apart) {
  Fetchings together;
  std::uint64_t bytes = 0;
  for (Fetching& fetching : apart) {
    // A fragment of a script is no larger than its ciphertext.
    const std::uint64_t more = fetching.row.share.core.CiphertextBytes();
    if (!together.empty() && bytes + more > kTogetherBytesMax) {
      FetchTogether(to, std::exchange(together, {}));
      bytes = 0;
    }
    bytes += more;
    together.push_back(std::move(fetching));
  }
  if (!together.empty()) FetchTogether(to, std::move(together));
}

void ShareDesk::FetchTogether(NodeIndex to, Fetchings apart) {
  std::vector<std::string> keys = KeysOf(apart);
  store_.GetMany(RowFamily::kBlobs, std::move(keys),
                 [this, to, apart = std::move(apart)](Values fragments) mutable {
                   TakeFragments(to, std::move(apart), std::move(fragments));
                 });
}

void ShareDesk::TakeFragments(NodeIndex to, Fetchings apart, Values fragments) {
  FetchSharesReply message;
  for (std::size_t i = 0; i < apart.size(); ++i) {
    // Without its fragment the key share may still be what is missing.
    if (fragments[i].ok()) {
      apart[i].row.share.fragment = *std::move(fragments[i]);
    } else if (IsMissingOrDamaged(fragments[i].status())) {
      damaged_(apart[i].version);
    }
    message.replies.push_back(Given(apart[i]));
  }
  Send(to, std::move(message));
}

FetchShareReply ShareDesk::Given(Fetching& fetching) {
  FetchShareReply reply;
  reply.id = fetching.id;
  auto key_share = SealFor(fetching.reader, fetching.version, fetching.row);
  reply.status = key_share.status();
  if (key_share.ok()) reply.key_share = *std::move(key_share);
  // Even without its key share the fragment may be what is missing.
  reply.share = std::make_shared<const Share>(std::move(fetching.row.share));
  return reply;
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

FetchShareReply ShareDesk::Damaged(const Fetching& fetching, absl::string_view why) {
  damaged_(fetching.version);
  return Failed(fetching, absl::DataLossError(why));
}

FetchShareReply ShareDesk::Failed(const Fetching& fetching, const absl::Status& status) {
  FetchShareReply reply;
  reply.id = fetching.id;
  reply.status = status;
  return reply;
}

void ShareDesk::Send(NodeIndex to, FetchSharesReply message) {
  if (!message.replies.empty()) self_.Send(to, std::move(message));
}

}  // namespace worldb::engine
