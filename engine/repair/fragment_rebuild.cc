#include "engine/repair/fragment_rebuild.h"

#include "cryptoscatter/merkle.h"

namespace worldb::engine {

using cryptoscatter::Share;

std::size_t FragmentRebuild::bytes() const {
  std::size_t bytes = 0;
  for (const auto& share : shares) bytes += share == nullptr ? 0 : share->fragment.size();
  return bytes;
}

RebuiltFragment FragmentRebuild::Run(cryptoscatter::BatchVerifier& verifier) const {
  RebuiltFragment rebuilt;
  cryptoscatter::FragmentSpans fragments;
  const Share* any = nullptr;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const int node = static_cast<int>(i);
    if (!helpers.Has(node)) continue;
    any = shares[i].get();
    fragments[i] = any->fragment;
    const auto verdict = cryptoscatter::VerifyShare(*any, cell->id(), verifier, nullptr, {},
                                                    /*has_fragment=*/true, cell->scripts().book());
    if (!verdict.fragment_usable()) rebuilt.bad.Add(NodeAt(node));
  }
  if (!rebuilt.bad.empty()) return rebuilt;
  rebuilt.fragment = script->code().RebuildFragment(target, helpers, fragments);
  if (rebuilt.fragment.ok()) {
    rebuilt.root = cryptoscatter::FragmentRoot(any->core.suite, any->core.Id(), any->generation,
                                               target, *rebuilt.fragment);
  }
  return rebuilt;
}

}  // namespace worldb::engine
