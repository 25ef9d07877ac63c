// What was asked of other nodes and is not answered yet.
//
// A question lies here under the id it was sent with, with whom it was put to and what it is for. An
// answer counts if it comes from one of those: for anybody else, and under an id that is not on record,
// there is nothing here. Ids begin at random in each life of a node, so an answer to a question of an
// earlier life finds nothing either.
// Bounds:  `count_max` questions; one more drops the oldest, whose answer is then not known any more.
// Threads: one owner.
#ifndef WORLDB_ENGINE_MESSAGES_ASKED_H_
#define WORLDB_ENGINE_MESSAGES_ASKED_H_

#include <cstddef>
#include <map>
#include <optional>
#include <utility>

#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/node_set.h"
#include "engine/messages/payload.h"

namespace worldb::engine {

// Rises, and is never 0.
class RequestIds {
 public:
  explicit RequestIds(Entropy& entropy) {
    const auto drawn = entropy.Draw<sizeof(RequestId)>();
    last_ = ByteReader(drawn).U64() >> 1;  // far from the end, wherever it begins
  }
  RequestId Next() { return ++last_; }

 private:
  RequestId last_ = 0;
};

template <typename What>
class Asked {
 public:
  // `ids` outlives this object.
  Asked(RequestIds& ids, std::size_t count_max) : ids_(ids), count_max_(count_max) {
    WORLDB_CHECK(count_max > 0);
  }

  // The id to send the question with.
  RequestId Add(NodeSet whom, What what) {
    const RequestId id = ids_.Next();
    questions_.emplace_hint(questions_.end(), id, Question{whom, std::move(what)});
    if (questions_.size() > count_max_) questions_.erase(questions_.begin());
    return id;
  }
  RequestId Add(NodeIndex whom, What what) {
    NodeSet one;
    one.Add(whom);
    return Add(one, std::move(what));
  }

  // What `from` was asked for under this id, off the record from now on; nullopt if it was not.
  std::optional<What> Take(NodeIndex from, RequestId id) {
    if (Find(from, id) == nullptr) return std::nullopt;
    return std::move(questions_.extract(id).mapped().what);
  }
  // The same, left on record for others who may answer; null if `from` was not asked.
  What* Find(NodeIndex from, RequestId id) {
    const auto it = questions_.find(id);
    return it == questions_.end() || !it->second.whom.Has(from) ? nullptr : &it->second.what;
  }
  // Whoever was asked; null when it is not on record.
  What* Find(RequestId id) {
    const auto it = questions_.find(id);
    return it == questions_.end() ? nullptr : &it->second.what;
  }
  // Nobody waits for it any more; nullopt when it is not on record.
  std::optional<What> Drop(RequestId id) {
    auto question = questions_.extract(id);
    if (question.empty()) return std::nullopt;
    return std::move(question.mapped().what);
  }
  // The same for whichever has waited longest; nullopt when none is left.
  std::optional<What> DropOldest() {
    return empty() ? std::nullopt : Drop(questions_.begin()->first);
  }
  void Clear() { questions_.clear(); }

  std::size_t size() const { return questions_.size(); }
  bool empty() const { return questions_.empty(); }

 private:
  struct Question {
    NodeSet whom;
    What what;
  };
  RequestIds& ids_;
  const std::size_t count_max_;
  std::map<RequestId, Question> questions_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_MESSAGES_ASKED_H_
