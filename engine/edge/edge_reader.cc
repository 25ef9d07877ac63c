#include "engine/edge/edge_reader.h"

#include <utility>

namespace worldb::engine {

std::optional<cryptoscatter::KeyShare> EdgeReader::OpenKeyShare(NodeIndex from,
                                                                const FetchShareReply& reply) {
  if (!reply.status.ok()) return std::nullopt;
  const auto key = pairwise_keys_.OpenerKey(cell().node(from).exchange_key);
  if (!key.ok()) return std::nullopt;
  const cryptoscatter::Share& share = *reply.share;
  auto opened =
      cryptoscatter::OpenKeyShare(**key, {share.core.Id(), share.index, share.key_share_hash},
                                  cryptoscatter::ReaderIdOf(public_key()), reply.key_share);
  if (!opened.ok()) return std::nullopt;
  return *std::move(opened);
}

}  // namespace worldb::engine
