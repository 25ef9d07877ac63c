#include "tools/recover/judging/bad_shares.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/opener.h"
#include "cryptoscatter/script_book.h"

namespace worldb::tools {
namespace {

using cryptoscatter::EvidencePart;
using cryptoscatter::GatherDecoder;
using cryptoscatter::ShareFault;

// A share as it was found.
struct Offer {
  const Spot* spot;
  std::optional<engine::FoundShare> found;
  std::optional<cryptoscatter::KeyShare> key_share;
  std::optional<CommitmentId> signed_commitment;  // when its proof holds
  std::vector<std::string> not_shown;
};

class VersionJudge {
 public:
  VersionJudge(const ShareSource& source, const VersionClaims& claims,
               cryptoscatter::BatchVerifier& verifier)
      : source_(source), claims_(claims), verifier_(verifier) {}

  std::vector<BadShare> Judge(std::span<const Spot> version) {
    for (const Spot& spot : version) {
      spot.kind == Spot::Kind::kStaged ? ReadStaged(spot) : Read(spot);
    }
    const std::optional<CoreId> due = ValueDue();
    GatherDecoder decoder({.cell = CellOf(due), .core = due, .scripts = source_.script_book()},
                          verifier_);
    for (std::size_t i = 0; i < offers_.size(); ++i) Add(i, decoder);
    std::map<std::size_t, GatherDecoder::Blame> blames;
    for (GatherDecoder::Blame& blame : decoder.Blames()) {
      std::size_t number = 0;
      if (absl::SimpleAtoi(blame.source, &number)) blames.emplace(number, std::move(blame));
    }
    std::vector<BadShare> bad;
    for (std::size_t i = 0; i < offers_.size(); ++i) {
      const auto blame = blames.find(i);
      BadShare share = blame == blames.end() ? Unblamed(offers_[i], due)
                                             : Blamed(offers_[i], std::move(blame->second));
      if (!share.evidence.empty() || !share.not_shown.empty()) bad.push_back(std::move(share));
    }
    return bad;
  }

 private:
  // What is good of one value.
  struct Value {
    CoreId core;
    CellId cell;
    ScriptId script;
    NodeSet fragments;
    NodeSet key_shares;
  };

  void ReadStaged(const Spot& spot) {
    engine::OfflineValue value(source_.keys(), source_.script_book(), verifier_);
    const auto sealed = source_.FetchStaged(spot);
    if (sealed.ok() && value.AddStaged(*sealed, "").empty()) return;
    offers_.push_back({.spot = &spot, .not_shown = {kStagedPayload}});
  }

  void Read(const Spot& spot) {
    Offer& offer = offers_.emplace_back(Offer{.spot = &spot});
    auto found = spot.kind == Spot::Kind::kBadRow ? absl::InvalidArgumentError(source_.WhyBad(spot))
                                                  : source_.Fetch(spot);
    if (!found.ok()) {
      offer.not_shown.push_back(kBadRow);
      return;
    }
    const cryptoscatter::Share& share = found->share;
    if (found->key_share.has_value()) {
      offer.key_share = source_.keys().Unwrap(share, found->holder, *found->key_share);
    }
    if (!found->has_fragment) offer.not_shown.push_back(kFragmentMissing);
    if (!offer.key_share.has_value() && !found->locked) {
      offer.not_shown.push_back(found->key_share.has_value() ? kKeyShareSealing : kKeyShareMissing);
    }
    const auto verdict = cryptoscatter::VerifyShare(
        share, share.core.cell, verifier_, offer.key_share ? &*offer.key_share : nullptr, "",
        found->has_fragment, *source_.script_book());
    if (verdict.proof_ok) {
      offer.signed_commitment = verdict.commitment;
      Value& value = values_[verdict.commitment];
      value.core = share.core.Id();
      value.cell = share.core.cell;
      value.script = share.script;
      if (verdict.fragment_ok) value.fragments.Add(share.index);
      if (verdict.key_share_ok) value.key_shares.Add(share.index);
      cores_.Count(value.core, share.index);
      commitments_.Count(verdict.commitment, share.index);
    }
    offer.found = *std::move(found);
  }

  // The core that the version is of, if that is certain.
  std::optional<CoreId> ValueDue() const {
    std::vector<CoreId> readable;
    std::optional<CoreId> most;
    for (const auto& [commitment, value] : values_) {
      const auto script = source_.script_book()->Find(value.script);
      if (script.ok() && (*script)->CanRead(value.key_shares) &&
          (*script)->CanRebuild(value.fragments)) {
        readable.push_back(value.core);
      }
      if (!cores_.InsteadOf(value.core).has_value()) most = value.core;
    }
    return readable.size() == 1 ? readable.front() : most;
  }

  // Of the value that is due; without one, of any.
  CellId CellOf(const std::optional<CoreId>& due) const {
    for (const auto& [commitment, value] : values_) {
      if (!due.has_value() || value.core == *due) return value.cell;
    }
    return {};
  }

  // Its number goes in as its source, to tell from blames whose they are.
  void Add(std::size_t number, GatherDecoder& decoder) {
    Offer& offer = offers_[number];
    if (!offer.found.has_value()) return;
    decoder.Add(std::move(offer.found->share), std::move(offer.key_share), absl::StrCat(number),
                offer.found->has_fragment, source_.IndexOf(*offer.spot));
  }

  static BadShare Blamed(Offer& offer, GatherDecoder::Blame blame) {
    BadShare share{offer.spot, std::move(blame.evidence), std::move(offer.not_shown)};
    const auto note = [&share](ShareFault fault, EvidencePart part) {
      const bool shown = std::any_of(share.evidence.begin(), share.evidence.end(),
                                     [part](const auto& shows) { return shows.part == part; });
      if (fault != ShareFault::kNone && !shown) {
        share.not_shown.push_back(ToString(AsBytes(cryptoscatter::NameOf(fault))));
      }
    };
    note(blame.record, EvidencePart::kRecord);
    // A record that is not signed says nothing of its parts.
    if (!offer.signed_commitment.has_value()) return share;
    note(blame.fragment, EvidencePart::kFragment);
    note(blame.key_share, EvidencePart::kKeyShare);
    return share;
  }

  // Nothing in it is wrong, but perhaps it is not where it belongs.
  BadShare Unblamed(Offer& offer, const std::optional<CoreId>& due) const {
    BadShare share{offer.spot, {}, std::move(offer.not_shown)};
    const auto note = [&share](ShareFault fault) {
      share.not_shown.push_back(ToString(AsBytes(cryptoscatter::NameOf(fault))));
    };
    const Spot& spot = *offer.spot;
    if (!offer.signed_commitment.has_value()) return share;
    if (commitments_.InsteadOf(*offer.signed_commitment).has_value()) {
      note(due.has_value() && *due == spot.core ? ShareFault::kOtherTree : ShareFault::kOtherCore);
    } else if (claims_.InsteadOf(spot.core, spot.slot_epoch, spot.version).has_value()) {
      note(ShareFault::kOtherPlace);
    }
    return share;
  }

  const ShareSource& source_;
  const VersionClaims& claims_;
  cryptoscatter::BatchVerifier& verifier_;
  std::vector<Offer> offers_;
  std::map<CommitmentId, Value> values_;
  Tally<CoreId> cores_;
  Tally<CommitmentId> commitments_;
};

}  // namespace

std::vector<BadShare> FindBadShares(const ShareSource& source, const VersionClaims& claims,
                                    cryptoscatter::BatchVerifier& verifier,
                                    std::span<const Spot> version) {
  return VersionJudge(source, claims, verifier).Judge(version);
}

}  // namespace worldb::tools
