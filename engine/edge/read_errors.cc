#include "engine/edge/read_errors.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace worldb::engine {
namespace {

absl::Status TooFewShares(const Cell& cell, const ReadTarget& target, NodeSet used,
                          absl::string_view words) {
  const std::string version = absl::StrCat(target.version.value());
  ErrorDetails details = SharesDetails(cell, *target.script, used);
  details.emplace_back("version", version);
  return MakeError(absl::StatusCode::kUnavailable, reason::kSharesInsufficient,
                   absl::StrCat("version ", version, words), details);
}

}  // namespace

ErrorDetails SharesDetails(const Cell& cell, const cryptoscatter::Script& script, NodeSet have) {
  int need = kNodeCount;
  for (const NodeSet set : cryptoscatter::SetsBySize()) {
    if (!script.IsReadable(set)) continue;
    need = set.Count();
    break;
  }
  std::vector<std::string> missing;
  for (int i = 0; i < kNodeCount; ++i) {
    if (!have.Has(i)) missing.push_back(cell.node(NodeAt(i)).name);
  }
  return {{"have", absl::StrCat(have.Count())},
          {"need", absl::StrCat(need)},
          {"missing", absl::StrJoin(missing, ",")}};
}

absl::Status TooManyReads(std::size_t reads_max) {
  return MakeError(absl::StatusCode::kResourceExhausted, reason::kShed,
                   absl::StrCat(reads_max, " reads are under way here; try again later"));
}

absl::Status NoRoomForValue() {
  return MakeError(absl::StatusCode::kResourceExhausted, reason::kShed,
                   "the node has no room for the value beside those being read and the answers not "
                   "taken yet; take what was asked for, and try again later");
}

absl::Status HomeSilent(const Cell& cell, DataCenterIndex home, std::optional<Version> surviving) {
  const std::string& name = cell.data_center_name(home);
  ErrorDetails details = {{"home", name}};
  std::string words = absl::StrCat("the key's home data center ", name, " does not answer");
  if (surviving.has_value()) {
    const std::string version = absl::StrCat(surviving->value());
    details.emplace_back("surviving_version", version);
    absl::StrAppend(&words, "; --surviving would return version ", version,
                    ", which may not be the latest");
  } else {
    absl::StrAppend(&words, "; try again when it is back");
  }
  return MakeError(absl::StatusCode::kUnavailable, reason::kTriadUnavailable, words, details);
}

absl::Status NothingReadable(const Cell& cell, NodeSet listed, const Holdings& holdings) {
  if (!holdings.empty()) {
    const auto& [newest, holders] = *holdings.rbegin();
    const auto script = cell.FindScript(newest.script);
    return MakeError(
        absl::StatusCode::kUnavailable, reason::kSharesInsufficient,
        absl::StrCat("the ", listed.Count(),
                     " nodes that answered hold too few shares of any version; start more nodes "
                     "and try again"),
        SharesDetails(cell, script.ok() ? **script : *cryptoscatter::Script::Nested(), holders));
  }
  // Where the silent ones could read by themselves, absence proves nothing.
  for (const auto& [name, script] : cell.scripts().by_name()) {
    if (!script->IsReadable(NodeSet::All().Minus(listed))) continue;
    return MakeError(
        absl::StatusCode::kUnavailable, reason::kSharesInsufficient,
        absl::StrCat("only ", listed.Count(), " nodes answered; start more nodes and try again"),
        SharesDetails(cell, *script, listed));
  }
  return MakeError(absl::StatusCode::kNotFound, reason::kNoSuchKey,
                   "no node that answered holds a share of this key");
}

absl::Status NotReadable(const Cell& cell, const ReadTarget& target, NodeSet used, NodeSet answered,
                         const std::vector<std::string>& rejected) {
  return TooFewShares(
      cell, target, used,
      absl::StrCat(" cannot be read from the ", answered.Count(), " nodes that answered: ",
                   rejected.empty() ? "they hold too few shares" : absl::StrJoin(rejected, "; ")));
}

absl::Status NotReadableInTime(const Cell& cell, const ReadTarget& target, NodeSet used,
                               NodeSet answered, NodeSet asked) {
  return TooFewShares(cell, target, used,
                      absl::StrCat(" was not readable in time: ", answered.Count(), " of ",
                                   asked.Count(), " nodes answered"));
}

absl::Status Deleted(Version version) {
  const std::string text = absl::StrCat(version.value());
  return MakeError(absl::StatusCode::kNotFound, reason::kNoSuchKey,
                   absl::StrCat("the key was deleted by version ", text,
                                ", the newest that the nodes which answered can read"),
                   {{"deleted_version", text}});
}

}  // namespace worldb::engine
