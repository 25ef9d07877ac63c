// A HomeBook in the words of these tests, with somebody who hears what follows from each entry.
//
// Threads: one owner.
#ifndef WORLDB_TESTS_ENGINE_DESKS_FED_HOME_H_
#define WORLDB_TESTS_ENGINE_DESKS_FED_HOME_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/home_book.h"
#include "tests/support/lone_node.h"

namespace worldb::testing {

class FedHome {
 public:
  using Effects = HomeBook::Effects;

  // `node` outlives this object.
  explicit FedHome(LoneNode& node) : book_(node.cell(), node.self().data_center()) {}

  const arbiter::HomeState& state() const { return book_.state(); }
  void Listen(std::function<void(const Effects&)> listener) { listener_ = std::move(listener); }
  KeyTag TagOf(const std::string& key) const { return book_.TagOf(key); }

  // Recorded, and its round open.
  OpId Write(const std::string& key, arbiter::OpKind kind = arbiter::OpKind::kSet) {
    return WriteAll({key}, kind)[0];
  }
  std::vector<OpId> WriteAll(const std::vector<std::string>& keys, arbiter::OpKind kind) {
    std::vector<OpId> ops;
    std::vector<arbiter::LogRecord> records;
    for (const std::string& key : keys) {
      arbiter::Candidate candidate = book_.CandidateFor(key);
      candidate.kind = kind;
      ops.push_back(candidate.op);
      records.emplace_back(std::move(candidate));
    }
    Hear(book_.Apply(std::move(records)));
    return ops;
  }
  // Ends every round there is.
  void Close() { Hear(book_.CloseAll()); }
  // A version that is DECIDED, not visible yet.
  arbiter::RoundId Decide(const std::string& key, arbiter::OpKind kind = arbiter::OpKind::kSet) {
    Write(key, kind);
    Close();
    return NewestOf(key);
  }
  void Announce(const arbiter::RoundId& id, arbiter::Level level = arbiter::Level::kSafe) {
    Hear(book_.Reach(id, level));
  }
  void Void(const arbiter::RoundId& id) { Hear(book_.Lose(id)); }
  // A version of each key that is SAFE, and so visible, all by one entry.
  void ShowAll(const std::vector<std::string>& keys, arbiter::OpKind kind = arbiter::OpKind::kSet) {
    WriteAll(keys, kind);
    Close();
    std::vector<arbiter::LogRecord> records;
    for (const std::string& key : keys) {
      records.emplace_back(
          arbiter::LevelReached{NewestOf(key), arbiter::Level::kSafe, NodeSet::FromBits(0xff)});
    }
    Hear(book_.Apply(std::move(records)));
  }
  arbiter::RoundId Show(const std::string& key, arbiter::OpKind kind = arbiter::OpKind::kSet) {
    ShowAll({key}, kind);
    return NewestOf(key);
  }
  arbiter::RoundId NewestOf(const std::string& key) const { return state().Newest(TagOf(key))->id; }

 private:
  void Hear(const Effects& effects) {
    if (listener_) listener_(effects);
  }

  HomeBook book_;
  std::function<void(const Effects&)> listener_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_ENGINE_DESKS_FED_HOME_H_
