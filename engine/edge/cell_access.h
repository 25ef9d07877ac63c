// The one door through which an edge that reads touches its cell: which version counts, who holds shares of a
// key, the shares themselves. A gateway stands on engine/gateway/cell_view.h; a client that opens by
// itself brings an implementation of its own, and both run the same reader.
//
// Answers. A callback runs at most once, on the executor of the reader, never inside the call that
// asked. It hears only who was asked: for the answer of anybody else, for a second one, and for one that
// comes when nobody waits any more, there is no callback. The reply is the callee's while it runs.
//
// Silence. No answer is ever promised: a message may be lost, a node down, a table full. Then the
// callback is destroyed without having run, now or whenever the question is dropped, and nothing says
// so: who asks has a timer. An implementation that learns of a failure keeps it to itself, and to
// Look(): each answer is the word of a node, not of the way there.
//
// Lifetimes. A Question stands for an answer still wanted; it is kept by whoever the callback touches, and
// dropped with it. So a call that has ended hears nothing, however late an answer comes. Callbacks may
// ask, drop any question, their own too, and destroy their owner. The port outlives all questions.
//
// Bounds:  an implementation bounds its questions; one more than it can hold silences the oldest.
// Threads: the reader's executor.
// Secrets: none pass here; key shares come sealed to the reading key.
// Source:  docs/protocol.md 6.
#ifndef WORLDB_ENGINE_EDGE_CELL_ACCESS_H_
#define WORLDB_ENGINE_EDGE_CELL_ACCESS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "absl/time/time.h"
#include "cryptoscatter/base/ids.h"
#include "cryptoscatter/exchange.h"
#include "engine/cell/cell.h"
#include "engine/edge/outlook.h"
#include "engine/messages/home_questions.h"
#include "engine/messages/share_messages.h"

namespace worldb::engine {

class CellAccess {
 public:
  class Question;
  using QuestionId = std::uint64_t;
  using FactsAnswer = std::function<void(const ReadReply&)>;
  using ListAnswer = std::function<void(const ListSharesReply&)>;
  using ShareAnswer = std::function<void(const FetchShareReply&)>;

  // Which version of a key counts?
  struct VersionQuestion {
    DataCenterIndex home;  // of the key
    KeyTag key_tag;
    std::optional<Version> version;  // the newest without one
    absl::Duration deadline;         // elapsed time from which on the answer is of no use
  };

  virtual ~CellAccess() = default;

  // The same as long as this object lives.
  virtual const Cell& cell() const = 0;
  virtual Outlook Look() const = 0;

  // Asks whoever leads the home, as one and the same read again and again while there is no answer: a
  // message may be lost, and another node may come to lead. The answer has facts or an error, and comes
  // soon enough before the deadline where the home can help it.
  [[nodiscard]] virtual Question AskHome(const VersionQuestion& question, FactsAnswer answer) = 0;
  // Asks `node` once of which versions of the key it holds shares.
  [[nodiscard]] virtual Question List(NodeIndex node, const KeyTag& key_tag, ListAnswer answer) = 0;
  // Asks `node` once for its share, with its key share sealed to `reader`.
  [[nodiscard]] virtual Question Fetch(NodeIndex node, const VersionRef& version,
                                       const cryptoscatter::ExchangePublicKey& reader,
                                       ShareAnswer answer) = 0;
  // The same of the newest version that it holds, if that is small (FetchNewest).
  [[nodiscard]] virtual Question FetchNewest(NodeIndex node, const KeyTag& key_tag,
                                             const cryptoscatter::ExchangePublicKey& reader,
                                             ShareAnswer answer) = 0;
  // Tells `node` that its share was of no use, so that it looks and repairs it. It may not arrive.
  virtual void Doubt(NodeIndex node, const VersionRef& version) = 0;

 private:
  // Nobody waits for the answer any more. Of one that was answered or silenced there is nothing to
  // forget.
  virtual void Forget(QuestionId id) = 0;
};

class CellAccess::Question {
 public:
  Question() = default;  // none
  Question(CellAccess& access, QuestionId id) : access_(&access), id_(id) {}
  Question(Question&& other) noexcept
      : access_(std::exchange(other.access_, nullptr)), id_(other.id_) {}
  Question& operator=(Question&& other) noexcept {
    Question taken(std::move(other));
    std::swap(access_, taken.access_);
    std::swap(id_, taken.id_);
    return *this;
  }
  ~Question() {
    if (access_ != nullptr) access_->Forget(id_);
  }

 private:
  CellAccess* access_ = nullptr;
  QuestionId id_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_EDGE_CELL_ACCESS_H_
