// A cell as a reader sees it, with no node behind it: nine keepers of shares and a home, each of which answers
// as it is told to, in virtual time. What it holds is sealed and scattered for real.
//
// Contract: engine/edge/cell_access.h.
// Threads:  none; all calls from one thread.
#ifndef WORLDB_TESTS_SUPPORT_FAKE_CELL_ACCESS_H_
#define WORLDB_TESTS_SUPPORT_FAKE_CELL_ACCESS_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/exchange.h"
#include "cryptoscatter/sealed_value.h"
#include "cryptoscatter/share.h"
#include "engine/cell/cell.h"
#include "engine/cell/levels.h"
#include "engine/edge/cell_access.h"
#include "engine/ports/executor.h"
#include "tests/support/seeded_entropy.h"

namespace worldb::testing {

class FakeCellAccess final : public engine::CellAccess {
 public:
  struct Held {
    cryptoscatter::Share share;
    cryptoscatter::KeyShare key_share;
    CoreId core;
  };
  struct Keeper {
    bool reachable = true;
    bool possibly_reachable = false;                // though it is not reachable
    bool answers = true;                            // or hears and stays silent
    absl::Duration takes = absl::Milliseconds(10);  // to answer
    absl::Status cannot_list;                       // of its store
    std::map<engine::VersionRef, Held> shares;
    int fetches = 0;       // asked of it, by version
    int speculations = 0;  // asked of it, of the newest
    int doubts = 0;        // told it
  };

  // Everybody answers; the home is silent until it has something to say.
  explicit FakeCellAccess(engine::Executor& executor, std::uint64_t seed = 1)
      : executor_(executor),
        entropy_(seed),
        secrets_(MakeSecrets(entropy_)),
        cell_(engine::Cell::Create({"virginia", "frankfurt", "tokyo"}, secrets_, entropy_)),
        session_(*cryptoscatter::WriterSession::Create(cell_->SealTargets(), entropy_)) {}

  Keeper& keeper(int node) { return keepers_[static_cast<std::size_t>(node)]; }
  Entropy& entropy() { return entropy_; }
  // What the home answers to everybody; silent without.
  std::optional<engine::ReadReply> home;
  absl::Duration home_takes = absl::Milliseconds(10);
  // Larger ones are not given to who asks for the newest.
  std::size_t fragment_bytes_max = engine::FetchNewest::kFragmentBytesMax;
  // Added to each way.
  absl::Duration farther = absl::ZeroDuration();

  // Seals a value, gives `holders` their shares of it, and returns what a home would tell of it.
  engine::VersionFacts Write(absl::string_view key, ByteSpan value, Version version,
                             NodeSet holders = NodeSet::All(),
                             cryptoscatter::ValueKind kind = cryptoscatter::ValueKind::kValue) {
    const auto script = cryptoscatter::Script::Nested();
    OpId op;
    op.bytes = entropy_.Draw<16>();
    const KeyTag key_tag = cell_->KeyTagOf(AsBytes(key));
    auto sealed = *cryptoscatter::Seal(
        *script, {cell_->id(), key_tag, op, AsBytes(key), value, kind}, session_, entropy_);
    const CommitmentId commitment = sealed.Commitment();
    sealed.proof =
        cryptoscatter::SignBatch(secrets_[0].signing, cell_->id(), {&commitment, 1}).front();
    auto shares =
        cryptoscatter::MakeShares(sealed, *cryptoscatter::CheckSealedValue(*script, sealed),
                                  cell_->SlotOf(key_tag), cell_->slot_epoch(), version);
    for (int i = 0; i < kNodeCount; ++i) {
      if (!holders.Has(i)) continue;
      keeper(i).shares[{key_tag, cell_->slot_epoch(), version}] = {
          std::move(shares[static_cast<std::size_t>(i)]), KeyShareOf(sealed, i), sealed.core.Id()};
    }
    return {.id = {key_tag, version},
            .slot_epoch = cell_->slot_epoch(),
            .op = op,
            .commitment = commitment,
            .script = script->id(),
            .level = engine::LevelOf(*script, holders),
            .held = holders,
            .payload_bytes = sealed.ciphertext.size(),
            .void_versions = {}};
  }

  // Questions that somebody still waits for.
  std::size_t open_count() const { return questions_.size(); }
  // Asked for the newest in all.
  int speculation_count() const {
    int count = 0;
    for (const Keeper& keeper : keepers_) count += keeper.speculations;
    return count;
  }
  // Answers that came when nobody waited for them any more.
  int unheard_count() const { return unheard_count_; }
  // Who was asked for a share.
  NodeSet fetched() const {
    NodeSet set;
    for (int i = 0; i < kNodeCount; ++i) {
      if (keepers_[static_cast<std::size_t>(i)].fetches > 0) set.Add(NodeAt(i));
    }
    return set;
  }

  const engine::Cell& cell() const override { return *cell_; }
  engine::Outlook Look() const override {
    engine::Outlook outlook;
    for (int i = 0; i < kNodeCount; ++i) {
      const Keeper& keeper = keepers_[static_cast<std::size_t>(i)];
      if (keeper.reachable) outlook.reachable.Add(NodeAt(i));
      if (keeper.reachable || keeper.possibly_reachable) outlook.possibly_reachable.Add(NodeAt(i));
      outlook.round_trips[static_cast<std::size_t>(i)] =
          farther + absl::Microseconds(500 * (i + 1));
    }
    return outlook;
  }
  Question AskHome(const VersionQuestion&, FactsAnswer answer) override {
    return Ask(home.has_value(), home_takes, [this, answer = std::move(answer)] { answer(*home); });
  }
  Question List(NodeIndex node, const KeyTag& key_tag, ListAnswer answer) override {
    Keeper& asked = keepers_[node.value()];
    return Ask(asked.answers, asked.takes,
               [&asked, key_tag, answer = std::move(answer)] { answer(Listing(asked, key_tag)); });
  }
  Question Fetch(NodeIndex node, const engine::VersionRef& version,
                 const cryptoscatter::ExchangePublicKey& reader, ShareAnswer answer) override {
    Keeper& asked = keepers_[node.value()];
    ++asked.fetches;
    return Ask(asked.answers, asked.takes,
               [this, node, version, reader, answer = std::move(answer)] {
                 answer(ShareFor(node, version, reader));
               });
  }
  Question FetchNewest(NodeIndex node, const KeyTag& key_tag,
                       const cryptoscatter::ExchangePublicKey& reader,
                       ShareAnswer answer) override {
    Keeper& asked = keepers_[node.value()];
    ++asked.speculations;
    return Ask(asked.answers, asked.takes,
               [this, node, key_tag, reader, answer = std::move(answer)] {
                 answer(NewestFor(node, key_tag, reader));
               });
  }
  void Doubt(NodeIndex node, const engine::VersionRef&) override {
    ++keepers_[node.value()].doubts;
  }

 private:
  static std::array<engine::NodeSecrets, kNodeCount> MakeSecrets(Entropy& entropy) {
    const auto one = [&entropy] { return engine::NodeSecrets::Generate(entropy); };
    return {one(), one(), one(), one(), one(), one(), one(), one(), one()};
  }

  cryptoscatter::KeyShare KeyShareOf(const cryptoscatter::SealedValue& sealed, int i) const {
    const auto node = static_cast<std::size_t>(i);
    const auto key = secrets_[node].exchange.PairwiseKeyAsOpener(sealed.writer_exchange_key);
    auto share = cryptoscatter::OpenKeyShare(
        *key, {sealed.core.Id(), NodeAt(i), sealed.key_share_hashes[node]},
        cell_->node(NodeAt(i)).id, sealed.key_shares[node]);
    WORLDB_CHECK(share.ok());
    return *std::move(share);
  }

  Question Ask(bool answers, absl::Duration takes, std::function<void()> answer) {
    const QuestionId id = ++last_question_;
    questions_[id] = std::move(answer);
    if (answers) executor_.PostAfter(takes, [this, id] { Answer(id); });
    return Question(*this, id);
  }
  void Answer(QuestionId id) {
    auto question = questions_.extract(id);
    if (question.empty()) {
      ++unheard_count_;
    } else {
      question.mapped()();
    }
  }
  void Forget(QuestionId id) override { questions_.erase(id); }

  static engine::ListSharesReply Listing(const Keeper& keeper, const KeyTag& key_tag) {
    engine::ListSharesReply reply{.id = 0, .status = keeper.cannot_list, .shares = {}};
    for (const auto& [version, held] : keeper.shares) {
      if (!reply.status.ok() || version.key_tag != key_tag) continue;
      reply.shares.push_back({version.slot_epoch, version.version, held.core, held.share.script,
                              held.share.core.CiphertextBytes()});
    }
    return reply;
  }
  engine::FetchShareReply ShareFor(NodeIndex node, const engine::VersionRef& version,
                                   const cryptoscatter::ExchangePublicKey& reader) const {
    engine::FetchShareReply reply;
    const auto& shares = keepers_[node.value()].shares;
    const auto it = shares.find(version);
    if (it == shares.end()) {
      reply.status = absl::NotFoundError("no such share");
      return reply;
    }
    const Held& held = it->second;
    reply.share = std::make_shared<const cryptoscatter::Share>(held.share);
    reply.key_share =
        cryptoscatter::SealKeyShare(*secrets_[node.value()].exchange.PairwiseKeyAsSealer(reader),
                                    {held.core, held.share.index, held.share.key_share_hash},
                                    cryptoscatter::ReaderIdOf(reader), held.key_share);
    return reply;
  }

  engine::FetchShareReply NewestFor(NodeIndex node, const KeyTag& key_tag,
                                    const cryptoscatter::ExchangePublicKey& reader) const {
    std::optional<engine::VersionRef> newest;
    for (const auto& [version, held] : keepers_[node.value()].shares) {
      if (version.key_tag == key_tag) newest = version;
    }
    engine::FetchShareReply reply;
    reply.status = absl::NotFoundError("no share of this key");
    if (!newest.has_value()) return reply;
    reply = ShareFor(node, *newest, reader);
    if (reply.share->fragment.size() <= fragment_bytes_max) return reply;
    reply.share = nullptr;
    reply.status = absl::FailedPreconditionError("it is large");
    return reply;
  }

  engine::Executor& executor_;
  SeededEntropy entropy_;
  std::array<engine::NodeSecrets, kNodeCount> secrets_;
  std::shared_ptr<const engine::Cell> cell_;
  cryptoscatter::WriterSession session_;
  std::array<Keeper, kNodeCount> keepers_;
  QuestionId last_question_ = 0;
  std::map<QuestionId, std::function<void()>> questions_;
  int unheard_count_ = 0;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_FAKE_CELL_ACCESS_H_
