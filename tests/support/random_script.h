// Random clauses over the nine nodes, and random scripts: those of them that compile.
#ifndef WORLDB_TESTS_SUPPORT_RANDOM_SCRIPT_H_
#define WORLDB_TESTS_SUPPORT_RANDOM_SCRIPT_H_

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "cryptoscatter/script.h"

namespace worldb::testing {

class RandomScripts {
 public:
  explicit RandomScripts(std::uint64_t seed) : random_(seed) {}

  // Well-formed; most do not compile.
  cryptoscatter::ScriptClauses Clauses() { return {Gate(Places(), 1), Code(), Losses()}; }

  // One that compiles.
  std::shared_ptr<const cryptoscatter::Script> Next() {
    for (;;) {
      auto script = cryptoscatter::Script::Create(Clauses());
      if (script.ok()) return *std::move(script);
    }
  }

 private:
  int Below(int bound) { return static_cast<int>(random_() % static_cast<std::uint64_t>(bound)); }

  // Each node once; or some of them not at all, and others in several places.
  std::vector<int> Places() {
    std::vector<int> nodes;
    const bool once = Below(5) == 0;
    for (int i = 0; i < kNodeCount; ++i) {
      const int places = once ? 1 : std::max(0, Below(6) - 2);
      nodes.insert(nodes.end(), static_cast<std::size_t>(places), i);
    }
    if (nodes.empty()) nodes.push_back(Below(kNodeCount));
    if (Below(3) > 0) std::shuffle(nodes.begin(), nodes.end(), random_);
    return nodes;
  }

  // A gate over all of `nodes`, cut into members at random places.
  cryptoscatter::KeyPolicy Gate(const std::vector<int>& nodes, int depth) {
    const int size = static_cast<int>(nodes.size());
    const bool leaves_only = depth == cryptoscatter::kGateDepthMax || Below(4) == 0;
    std::vector<cryptoscatter::KeyPolicy> members;
    for (int begin = 0; begin < size;) {
      const int length = leaves_only ? 1 : std::min(size - begin, 1 + Below(4));
      const std::vector<int> part(nodes.begin() + begin, nodes.begin() + begin + length);
      if (length == 1 && (leaves_only || Below(8) > 0)) {
        members.push_back(cryptoscatter::KeyPolicy::Leaf(NodeAt(part[0])));
      } else {
        members.push_back(Gate(part, depth + 1));
      }
      begin += length;
    }
    const int threshold = 1 + Below(static_cast<int>(members.size()));
    return cryptoscatter::KeyPolicy::Gate(threshold, std::move(members));
  }

  cryptoscatter::CodeClause Code() {
    switch (Below(4)) {
      case 0:
        return cryptoscatter::CodeClause::Local();
      case 1:
        return cryptoscatter::CodeClause::Copy();
      default:
        return cryptoscatter::CodeClause::Mds(1 + Below(kNodeCount));
    }
  }

  cryptoscatter::DeclaredLosses Losses() {
    if (Below(2) == 0) return {};
    return {Below(5), Below(3), Below(3)};
  }

  std::mt19937_64 random_;
};

}  // namespace worldb::testing

#endif  // WORLDB_TESTS_SUPPORT_RANDOM_SCRIPT_H_
