// A stretch of time in which this node plays a part, such as leading its home. What was set under way
// in one term is void in the next.
//
// Threads: its node's executor.
#ifndef WORLDB_ENGINE_CONTEXT_TERM_H_
#define WORLDB_ENGINE_CONTEXT_TERM_H_

#include <cstdint>
#include <utility>

namespace worldb::engine {

class Term {
 public:
  Term() = default;
  Term(const Term&) = delete;
  Term& operator=(const Term&) = delete;

  // A new term begins: callbacks guarded before do nothing any more.
  void Next() { ++number_; }
  // `callback` for this term alone. REQUIRES: this object outlives the calls.
  template <typename Callback>
  auto Guard(Callback callback) const {
    return [this, number = number_, callback = std::move(callback)](auto&&... arguments) mutable {
      if (number == number_) callback(std::forward<decltype(arguments)>(arguments)...);
    };
  }

 private:
  std::uint64_t number_ = 0;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_CONTEXT_TERM_H_
