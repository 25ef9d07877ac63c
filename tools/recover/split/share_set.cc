#include "tools/recover/split/share_set.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/gf256.h"
#include "cryptoscatter/script_book.h"
#include "tools/files.h"
#include "tools/print.h"
#include "tools/recover/files/share_files.h"

namespace worldb::tools {
namespace {

using cryptoscatter::Script;
using cryptoscatter::Share;
using cryptoscatter::ShareFileReader;

int Rank(const Script& script, NodeSet set) {
  std::vector<int> rows;
  for (int node = 0; node < kNodeCount; ++node) {
    if (set.Has(node)) rows.push_back(node);
  }
  return rows.empty() ? 0 : cryptoscatter::gf256::Rank(script.code().generator().Rows(rows));
}

// How many shares read, if the number is all that counts.
std::optional<int> PlainThreshold(const Script& script) {
  for (int count = 1; count <= kNodeCount; ++count) {
    bool all = true;
    for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount && all; ++bits) {
      const NodeSet set = NodeSet::FromBits(bits);
      all = script.CanRead(set) == (set.Count() >= count);
    }
    if (all) return count;
  }
  return std::nullopt;
}

bool IsNested(const Script& script) {
  for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
    const std::array<int, kDataCenterCount> counts = NodeSet::FromBits(bits).PerDataCenter();
    const auto full = std::count_if(counts.begin(), counts.end(), [](int n) { return n >= 2; });
    if (script.CanRead(NodeSet::FromBits(bits)) != (full >= 2)) return false;
  }
  return true;
}

std::string KeyShortage(const Script& script, NodeSet have) {
  if (IsNested(script)) {
    const std::array<int, kDataCenterCount> counts = have.PerDataCenter();
    const auto full = std::count_if(counts.begin(), counts.end(), [](int n) { return n >= 2; });
    return absl::StrCat("key shares from ", std::min<std::ptrdiff_t>(full, 2),
                        " of 2 data centers (two of each)");
  }
  if (const std::optional<int> threshold = PlainThreshold(script)) {
    return absl::StrCat(std::min(have.Count(), *threshold), " of ", *threshold, " key shares");
  }
  return absl::StrCat(have.Count(), " key shares, which ",
                      script.CanRead(have) ? "suffice" : "do not suffice");
}

// What `split` called the place of that share, by the file's name: "dc0", or "0-tokyo". Empty when it has
// another name by now.
std::string PlaceOf(const GivenShare& given) {
  const int node = given.share().index.value();
  const int place = node / kNodesPerDataCenter;
  const std::string name = std::filesystem::path(given.path()).filename().string();
  absl::string_view rest = name;
  if (!absl::ConsumeSuffix(&rest,
                           absl::StrCat("-", node % kNodesPerDataCenter + 1, kShareFileEnding))) {
    return "";
  }
  const std::string plain = absl::StrCat("dc", place);
  if (absl::EndsWith(rest, "." + plain)) return plain;
  const std::string before = absl::StrCat(".", place, "-");
  const std::size_t at = rest.rfind(before);
  return at == absl::string_view::npos ? "" : ToString(AsBytes(rest.substr(at + 1)));
}

// Of the nine, as the names of these shares suggest.
std::vector<std::string> NamesOf(const std::vector<GivenShare*>& shares, NodeSet nodes) {
  std::array<std::string, kDataCenterCount> places;
  bool plain = false;
  for (const GivenShare* given : shares) {
    const std::string place = PlaceOf(*given);
    if (place.empty()) continue;
    plain |= absl::StartsWith(place, "dc");
    places[static_cast<std::size_t>(given->share().index.value() / kNodesPerDataCenter)] = place;
  }
  std::vector<std::string> names;
  for (int node = 0; node < kNodeCount; ++node) {
    if (!nodes.Has(node)) continue;
    const int dc = node / kNodesPerDataCenter;
    std::string place = places[static_cast<std::size_t>(dc)];
    if (place.empty() && plain) place = absl::StrCat("dc", dc);
    names.push_back(place.empty() ? absl::StrCat("node[", node, "]")
                                  : absl::StrCat(place, "-", node % kNodesPerDataCenter + 1));
  }
  return names;
}

// The fewest shares that would do beside the ones that are there.
NodeSet Missing(const Script& script, NodeSet fragments, NodeSet key_shares) {
  NodeSet best = NodeSet::All();
  for (std::uint32_t bits = 0; bits < NodeSet::kSubsetCount; ++bits) {
    const NodeSet more = NodeSet::FromBits(bits);
    if (more.Count() < best.Count() && script.CanRebuild(fragments | more) &&
        script.CanRead(key_shares | more)) {
      best = more;
    }
  }
  return best;
}

std::string Describe(const ShareGroup& group) {
  std::vector<std::string> names;
  for (const GivenShare* share : group.shares) names.push_back(Printable(share->path()));
  constexpr std::size_t kShown = 3;
  const std::size_t more = names.size() > kShown ? names.size() - kShown : 0;
  names.resize(names.size() - more);
  return absl::StrCat("core ", group.core().Id().Hex().substr(0, 16), ", commitment ",
                      group.commitment.Hex().substr(0, 16), ", ",
                      FormatBytes(group.core().plaintext_bytes), ": ", absl::StrJoin(names, ", "),
                      more == 0 ? "" : absl::StrCat(" and ", more, " more"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileSource>> FileSource::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return SystemError("read", path, errno);
  struct stat facts {};
  if (::fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    ::close(fd);
    return absl::InvalidArgumentError("it is not a plain file");
  }
  return std::unique_ptr<FileSource>(
      new FileSource(path, fd, static_cast<std::uint64_t>(facts.st_size)));
}

FileSource::~FileSource() { ::close(descriptor_); }

absl::Status FileSource::Read(std::uint64_t at, MutableByteSpan out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count =
        ::pread(descriptor_, out.data() + done, out.size() - done, static_cast<off_t>(at + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("read", path_, errno);
    if (count == 0) return absl::DataLossError("it became shorter while it was read");
    done += static_cast<std::size_t>(count);
  }
  return absl::OkStatus();
}

std::unique_ptr<GivenShare> GivenShare::Open(const std::string& path,
                                             cryptoscatter::BatchVerifier& verifier) {
  std::unique_ptr<GivenShare> given(new GivenShare(path));
  absl::StatusOr<std::unique_ptr<FileSource>> source = FileSource::Open(path);
  given->opened_ = source.status();
  if (!source.ok()) {
    given->AddReason(std::string(source.status().message()));
    return given;
  }
  given->source_ = *std::move(source);
  absl::StatusOr<ShareFileReader> reader = ShareFileReader::Open(*given->source_);
  if (!reader.ok()) {
    given->AddReason(std::string(reader.status().message()));
    given->source_.reset();
    return given;
  }
  given->reader_ = *std::move(reader);
  given->Judge(verifier);
  if (!given->script_) {
    given->reader_.reset();
    given->source_.reset();
  }
  return given;
}

void GivenShare::Judge(cryptoscatter::BatchVerifier& verifier) {
  const cryptoscatter::ShareFile& file = reader_->file();
  if (file.share.core.kind != cryptoscatter::ValueKind::kFile) {
    return AddReason("it is a share of a value in a cell, not of a file");
  }
  absl::StatusOr<std::shared_ptr<const Script>> script =
      ScriptOf(file, *cryptoscatter::ScriptBook::Shipped());
  if (!script.ok()) return AddReason(std::string(script.status().message()));
  const cryptoscatter::KeyShare* key_share = file.open_key_share ? &*file.open_key_share : nullptr;
  const cryptoscatter::ShareVerdict verdict =
      cryptoscatter::VerifyShare(file.share, CellId(), verifier, key_share, {},
                                 /*has_fragment=*/false, cryptoscatter::ScriptBook({*script}));
  if (!verdict.reason.empty()) {
    AddReason(std::string(absl::StripPrefix(
        verdict.reason, absl::StrCat("share ", file.share.index.value(), " of version ",
                                     file.share.version.value(), ": "))));
  }
  if (!verdict.proof_ok) return;
  script_ = *std::move(script);
  key_share_ok_ = verdict.key_share_usable();
  if (key_share == nullptr) AddReason("it has no key share in the clear");
  const std::uint64_t bytes = script_->code().FragmentBytes(file.share.core.CiphertextBytes());
  fragment_ok_ = reader_->fragment_bytes() == bytes;
  if (!fragment_ok_) {
    AddReason(absl::StrCat("its fragment has ", reader_->fragment_bytes(), " bytes, not ", bytes));
  }
}

void GivenShare::AddReason(std::string reason) {
  MutexLock lock(mu_);
  reasons_.push_back(std::move(reason));
}

void GivenShare::AddBadBlock(std::uint64_t block, absl::string_view why) {
  MutexLock lock(mu_);
  if (bad_blocks_ == 0 || block < first_bad_block_) {
    first_bad_block_ = block;
    first_why_ = std::string(why);
  }
  ++bad_blocks_;
}

bool GivenShare::is_bad() const {
  MutexLock lock(mu_);
  return !reasons_.empty() || bad_blocks_ > 0;
}

std::string GivenShare::Reason() const {
  MutexLock lock(mu_);
  std::vector<std::string> all = reasons_;
  if (bad_blocks_ > 0) {
    all.push_back(absl::StrCat(bad_blocks_, bad_blocks_ == 1 ? " bad block" : " bad blocks",
                               bad_blocks_ == 1 ? ": " : ", the first: ", first_why_));
  }
  return absl::StrJoin(all, "; ");
}

NodeSet ShareGroup::fragments() const {
  NodeSet set;
  for (const GivenShare* share : shares) {
    if (share->fragment_ok()) set.Add(share->share().index);
  }
  return set;
}

NodeSet ShareGroup::key_shares() const {
  NodeSet set;
  for (const GivenShare* share : shares) {
    if (share->key_share_ok()) set.Add(share->share().index);
  }
  return set;
}

bool ShareGroup::IsReadable() const {
  return script().CanRead(key_shares()) && script().CanRebuild(fragments());
}

std::string ShareGroup::Shortage() const {
  const Script& compiled = script();
  const NodeSet missing = Missing(compiled, fragments(), key_shares());
  const std::vector<std::string> names = NamesOf(shares, missing);
  return absl::StrCat(Rank(compiled, fragments()), " of ", compiled.code().data_count(),
                      " data pieces, ", KeyShortage(compiled, key_shares()), " so far; ",
                      names.size(), " more ", names.size() == 1 ? "share" : "shares",
                      " would do, for example ", absl::StrJoin(names, ", "));
}

absl::StatusOr<ShareSet> ShareSet::Open(const std::vector<std::string>& paths) {
  WORLDB_ASSIGN_OR_RETURN(const std::vector<std::string> files,
                          ExpandDirectories(paths, kShareFileEnding));
  ShareSet set;
  set.verifier_ = std::make_unique<cryptoscatter::BatchVerifier>();
  for (const std::string& file : files) {
    set.shares_.push_back(GivenShare::Open(file, *set.verifier_));
  }
  return set;
}

const GivenShare* ShareSet::Find(const std::string& path) const {
  struct stat wanted {};
  if (::stat(path.c_str(), &wanted) != 0) return nullptr;
  for (const auto& given : shares_) {
    struct stat facts {};
    if (::stat(given->path().c_str(), &facts) == 0 && facts.st_dev == wanted.st_dev &&
        facts.st_ino == wanted.st_ino) {
      return given.get();
    }
  }
  return nullptr;
}

absl::Status ShareSet::NoGoodShare() const {
  const auto all = [this](absl::StatusCode code) {
    return std::all_of(shares_.begin(), shares_.end(),
                       [code](const auto& given) { return given->opened().code() == code; });
  };
  if (all(absl::StatusCode::kNotFound)) {
    return absl::NotFoundError("none of the files given is there");
  }
  if (all(absl::StatusCode::kPermissionDenied)) {
    return absl::PermissionDeniedError("none of the files given may be read");
  }
  return absl::DataLossError("none of the files given is a good share");
}

ShareSet::Groups ShareSet::GroupsOf(absl::string_view prefix) const {
  Groups groups;
  for (const auto& given : shares_) {
    if (given->reader() == nullptr) continue;
    const Share& share = given->share();
    const CommitmentId commitment = share.Commitment();
    const CoreId core = share.core.Id();
    if (!absl::StartsWith(core.Hex(), prefix) && !absl::StartsWith(commitment.Hex(), prefix)) {
      continue;
    }
    ShareGroup& group = groups[{core, commitment, share.proof.signer.bytes}];
    group.commitment = commitment;
    group.shares.push_back(given.get());
  }
  return groups;
}

absl::StatusOr<ShareGroup> ShareSet::Choose(absl::string_view which) {
  const std::string prefix = absl::AsciiStrToLower(which);
  if (!std::all_of(prefix.begin(), prefix.end(),
                   [](char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); })) {
    return absl::InvalidArgumentError(
        absl::StrCat("--which ", which, ": expected hexadecimal digits"));
  }
  Groups groups = GroupsOf(prefix);
  if (groups.empty()) {
    if (prefix.empty()) return NoGoodShare();
    return absl::NotFoundError(absl::StrCat("no good share is of ", Printable(prefix)));
  }
  if (groups.size() == 1) return std::move(groups.begin()->second);
  // Another signer's leaves under the same core: they count as bad unless they, too, could be joined.
  const bool one_core = std::get<0>(groups.begin()->first) == std::get<0>(groups.rbegin()->first);
  const auto readable = std::count_if(groups.begin(), groups.end(),
                                      [](const auto& entry) { return entry.second.IsReadable(); });
  if (!one_core || readable != 1) {
    std::vector<std::string> names;
    for (const auto& [key, group] : groups) names.push_back(Describe(group));
    return absl::InvalidArgumentError(absl::StrCat(
        "the shares are of ", groups.size(), " different files: ", absl::StrJoin(names, " | ")));
  }
  ShareGroup chosen;
  for (auto& [key, group] : groups) {
    if (group.IsReadable()) {
      chosen = std::move(group);
      continue;
    }
    for (GivenShare* share : group.shares) {
      share->AddReason("another writer signed it than the shares that were joined");
    }
  }
  return chosen;
}

}  // namespace worldb::tools
