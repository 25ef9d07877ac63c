// All shares that claim one version, told apart by the value they are of.
//
// A version has one value; but a node may lie, and two writes may have been stored under one name. Shares
// are gathered by commitment, and never combined across it.
// Threads: one owner; calls may block on the disk.
// Secrets: key shares, until it is gone.
#ifndef WORLDB_TOOLS_RECOVER_JUDGING_VERSION_READING_H_
#define WORLDB_TOOLS_RECOVER_JUDGING_VERSION_READING_H_

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cryptoscatter/opener.h"
#include "tools/recover/judging/share_source.h"

namespace worldb::tools {

// One of the values that stand under a version.
struct Candidate {
  Candidate(const ShareSource& source, cryptoscatter::BatchVerifier& verifier)
      : value(source.keys(), source.script_book(), verifier) {}

  engine::OfflineValue value;
  CellId cell;
  CoreId core;
  CommitmentId commitment;
  cryptoscatter::ValueKind kind = cryptoscatter::ValueKind::kValue;
  NodeSet indices;
  NodeSet bad;
  NodeSet locked;
  std::vector<std::string> places;  // of its shares that are good so far
  std::vector<std::string> bad_shares;

  bool IsAnyGood() const { return !value.fragments().empty() || !value.key_shares().empty(); }
  int Progress() const {
    return (value.IsReadable() ? 100 : 0) + value.fragments().Count() + value.key_shares().Count();
  }
};

class VersionReading {
 public:
  // Both must outlive it.
  VersionReading(const ShareSource& source, cryptoscatter::BatchVerifier& verifier)
      : source_(source), verifier_(verifier) {}

  void AddShare(const Spot& spot);
  // `only_known`: leaves out payloads whose value has no stored share here.
  void AddStaged(const Spot& spot, bool only_known);

  bool IsReadable() const;
  // The values worth a report, the best one first; they live as long as this. What shares of other
  // values say is at odds with a readable one, so it goes to that one's bad shares.
  std::vector<Candidate*> Sift();
  // What is wrong with shares of which nobody knows the value: after Sift(), empty unless there is no value.
  std::vector<std::string> TakeStray() { return std::exchange(stray_, {}); }

 private:
  Candidate& CandidateOf(const CommitmentId& commitment, const cryptoscatter::Core& core);

  const ShareSource& source_;
  cryptoscatter::BatchVerifier& verifier_;
  std::map<CommitmentId, std::unique_ptr<Candidate>> candidates_;
  std::vector<std::string> stray_;
};

}  // namespace worldb::tools

#endif  // WORLDB_TOOLS_RECOVER_JUDGING_VERSION_READING_H_
