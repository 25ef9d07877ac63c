#include "tests/support/linearizability.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace worldb::testing {
namespace {

std::string Show(const RegisterOp& op) {
  return absl::StrCat(op.write ? " write " : " read ", op.value, " [",
                      absl::FormatDuration(op.asked), ", ", absl::FormatDuration(op.answered), "]");
}

class Search {
 public:
  explicit Search(std::vector<RegisterOp> ops) : ops_(std::move(ops)), came_(ops_.size(), false) {}

  bool Run() { return GoOn(0); }

  std::string Longest() const {
    std::string text = "in order:";
    std::vector<bool> in_order(ops_.size(), false);
    for (const std::size_t i : longest_) {
      absl::StrAppend(&text, "\n", Show(ops_[i]));
      in_order[i] = true;
    }
    absl::StrAppend(&text, "\nleft:");
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      if (!in_order[i]) absl::StrAppend(&text, "\n", Show(ops_[i]));
    }
    return text;
  }

 private:
  bool GoOn(std::int64_t value) {
    const std::size_t before = order_.size();
    TakeFittingReads(value);
    if (order_.size() > longest_.size()) longest_ = order_;
    if (NothingMustCome()) return true;
    if (tried_.insert({came_, value}).second) {
      const absl::Duration first_answer = FirstAnswer();
      for (std::size_t i = 0; i < ops_.size(); ++i) {
        if (came_[i] || !ops_[i].write || ops_[i].asked > first_answer) continue;
        Come(i);
        if (GoOn(ops_[i].value)) return true;
        UndoTo(order_.size() - 1);
      }
    }
    UndoTo(before);
    return false;
  }

  // One may let another come, as it had answered before that was asked.
  void TakeFittingReads(std::int64_t value) {
    for (bool again = true; again;) {
      again = false;
      const absl::Duration first_answer = FirstAnswer();
      for (std::size_t i = 0; i < ops_.size(); ++i) {
        if (came_[i] || ops_[i].write || ops_[i].value != value || ops_[i].asked > first_answer) {
          continue;
        }
        Come(i);
        again = true;
      }
    }
  }

  bool NothingMustCome() const {
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      if (!came_[i] && ops_[i].answered != absl::InfiniteDuration()) return false;
    }
    return true;
  }
  absl::Duration FirstAnswer() const {
    absl::Duration first = absl::InfiniteDuration();
    for (std::size_t i = 0; i < ops_.size(); ++i) {
      if (!came_[i]) first = std::min(first, ops_[i].answered);
    }
    return first;
  }
  void Come(std::size_t i) {
    came_[i] = true;
    order_.push_back(i);
  }
  void UndoTo(std::size_t count) {
    for (; order_.size() > count; order_.pop_back()) came_[order_.back()] = false;
  }

  const std::vector<RegisterOp> ops_;
  std::vector<bool> came_;
  std::vector<std::size_t> order_;
  std::vector<std::size_t> longest_;
  std::set<std::pair<std::vector<bool>, std::int64_t>> tried_;
};

// A write whose end nobody heard and whose value nobody read can always come last.
std::vector<RegisterOp> WithoutUnseen(const std::vector<RegisterOp>& ops) {
  std::set<std::int64_t> read;
  for (const RegisterOp& op : ops) {
    if (!op.write) read.insert(op.value);
  }
  std::vector<RegisterOp> seen;
  for (const RegisterOp& op : ops) {
    const bool end_heard = op.answered != absl::InfiniteDuration();
    if (op.write ? end_heard || read.contains(op.value) : end_heard) seen.push_back(op);
  }
  return seen;
}

}  // namespace

std::string WhyNotLinearizable(const std::vector<RegisterOp>& ops) {
  Search search(WithoutUnseen(ops));
  return search.Run() ? "" : search.Longest();
}

}  // namespace worldb::testing
