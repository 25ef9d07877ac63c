#include "tools/recover/judging/version_reading.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tools/recover/judging/claims.h"

namespace worldb::tools {
namespace {

// The best value is right, so all of another one is wrong.
void BlameFor(Candidate& other, Candidate& best) {
  best.bad = best.bad | other.bad | other.indices;
  for (std::string& reason : other.bad_shares) best.bad_shares.push_back(std::move(reason));
  for (const std::string& place : other.places) {
    best.bad_shares.push_back(absl::StrCat(place, ": it is of another value than the others, core ",
                                           other.core.Hex(), "; not combined"));
  }
}

// Of several values, none readable: the one most nodes hold is not to blame.
void BlameMinority(const std::vector<Candidate*>& kept) {
  Tally<CommitmentId> values;
  for (const Candidate* candidate : kept) {
    for (int i = 0; i < kNodeCount; ++i) {
      if (candidate->indices.Has(i)) values.Count(candidate->commitment, NodeAt(i));
    }
  }
  for (Candidate* candidate : kept) {
    if (!values.InsteadOf(candidate->commitment).has_value()) continue;
    for (const std::string& place : candidate->places) {
      candidate->bad_shares.push_back(
          absl::StrCat(place, ": it is of another value than other shares of this version"));
    }
  }
}

}  // namespace

Candidate& VersionReading::CandidateOf(const CommitmentId& commitment,
                                       const cryptoscatter::Core& core) {
  const auto [at, added] = candidates_.try_emplace(commitment);
  if (added) {
    at->second = std::make_unique<Candidate>(source_, verifier_);
    at->second->cell = core.cell;
    at->second->core = core.Id();
    at->second->commitment = commitment;
    at->second->kind = core.kind;
  }
  return *at->second;
}

void VersionReading::AddShare(const Spot& spot) {
  if (spot.kind == Spot::Kind::kBadRow) {
    stray_.push_back(source_.WhyBad(spot));
    return;
  }
  auto found = source_.Fetch(spot);
  if (!found.ok()) {
    stray_.push_back(absl::StrCat(source_.Describe(spot), ": ", found.status().message()));
    return;
  }
  const cryptoscatter::Share& share = found->share;
  const NodeIndex index = share.index;
  const bool locked = found->locked;
  Candidate& candidate = CandidateOf(share.Commitment(), share.core);
  std::string wrong = candidate.value.Add(*std::move(found));
  if (!wrong.empty()) {
    candidate.bad.Add(index);
    candidate.bad_shares.push_back(std::move(wrong));
    return;
  }
  candidate.indices.Add(index);
  if (locked) candidate.locked.Add(index);
  candidate.places.push_back(source_.Describe(spot));
}

void VersionReading::AddStaged(const Spot& spot, bool only_known) {
  const auto sealed = source_.FetchStaged(spot);
  if (!sealed.ok()) {
    stray_.push_back(
        absl::StrCat("staged payload in ", source_.WhereOf(spot), ": ", sealed.status().message()));
    return;
  }
  const CommitmentId commitment = sealed->Commitment();
  if (only_known && !candidates_.contains(commitment)) return;
  Candidate& candidate = CandidateOf(commitment, sealed->core);
  std::string wrong = candidate.value.AddStaged(*sealed, source_.WhereOf(spot));
  if (!wrong.empty()) candidate.bad_shares.push_back(std::move(wrong));
}

bool VersionReading::IsReadable() const {
  return std::any_of(candidates_.begin(), candidates_.end(),
                     [](const auto& entry) { return entry.second->value.IsReadable(); });
}

std::vector<Candidate*> VersionReading::Sift() {
  std::vector<Candidate*> kept;
  for (auto& [commitment, candidate] : candidates_) kept.push_back(candidate.get());
  std::stable_sort(kept.begin(), kept.end(), [](const Candidate* a, const Candidate* b) {
    return a->Progress() > b->Progress();
  });
  const bool readable = IsReadable();
  std::size_t count = 0;
  for (Candidate* candidate : kept) {
    const bool own = readable ? candidate->value.IsReadable() : candidate->IsAnyGood();
    if (own || count == 0) {
      kept[count++] = candidate;
    } else {
      BlameFor(*candidate, *kept.front());
    }
  }
  kept.resize(count);
  if (kept.empty()) return kept;
  if (!readable) BlameMinority(kept);
  for (std::string& reason : TakeStray()) kept.front()->bad_shares.push_back(std::move(reason));
  return kept;
}

}  // namespace worldb::tools
