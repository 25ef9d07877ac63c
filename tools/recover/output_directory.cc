#include "tools/recover/output_directory.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/records.h"

namespace worldb::tools {
namespace {

constexpr HashLabel kContentLabel("wdb recovered 1");
constexpr char kPrefix[] = ".worldb-recover.";
constexpr std::size_t kBatchCountMax = 512;
constexpr std::uint64_t kBatchBytesMax = std::uint64_t{32} << 20;

std::string HashOf(ByteSpan value) { return LabelledHash(kContentLabel, value).Hex(); }

Json ToJson(const VersionName& name) {
  return {name.key_tag.Hex(), name.slot_epoch.value(), name.version.value()};
}

std::optional<VersionName> NameOf(const Json& json) {
  if (!json.is_array() || json.size() != 3 || !json[0].is_string() ||
      !json[1].is_number_unsigned() || !json[2].is_number_unsigned()) {
    return std::nullopt;
  }
  const std::string tag = json[0];
  VersionName name;
  if (tag.size() != 2 * KeyTag::kBytes) return std::nullopt;
  const std::string bytes = absl::HexStringToBytes(tag);
  std::copy_n(AsBytes(bytes).begin(), KeyTag::kBytes, name.key_tag.bytes.begin());
  name.slot_epoch = SlotEpoch(json[1].get<std::uint32_t>());
  name.version = Version(json[2].get<std::uint64_t>());
  return name;
}

// Discarded for a line that a crash cut off, or that is not ours.
Json ParseLine(const std::string& line) {
  Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  const bool ours = json.is_object() && json.contains("of") && json.contains("spots") &&
                    json["spots"].is_number_unsigned() && json.contains("file") &&
                    json["file"].is_string() && json.contains("mode") && json.contains("hash") &&
                    json["hash"].is_string() && json.contains("event") && json["event"].is_object();
  return ours ? json : Json(Json::value_t::discarded);
}

}  // namespace

OutputDirectory::OutputDirectory(std::string path, std::string mode, std::unique_ptr<LockFile> lock,
                                 Written written)
    : path_(std::move(path)),
      mode_(std::move(mode)),
      lock_(std::move(lock)),
      written_(std::move(written)),
      files_(path_, absl::StrCat(kPrefix, "new-")) {}

absl::StatusOr<std::unique_ptr<OutputDirectory>> OutputDirectory::Open(const std::string& path,
                                                                       std::string mode,
                                                                       Written written) {
  WORLDB_RETURN_IF_ERROR(MakePrivateDirectories(path));
  WORLDB_ASSIGN_OR_RETURN(std::unique_ptr<LockFile> lock,
                          LockFile::Acquire(absl::StrCat(path, "/", kPrefix, "lock")));
  std::unique_ptr<OutputDirectory> out(
      new OutputDirectory(path, std::move(mode), std::move(lock), std::move(written)));
  const std::string journal = absl::StrCat(path, "/", kPrefix, "journal");
  WORLDB_ASSIGN_OR_RETURN(out->journal_, LineFile::Open(journal));
  out->ReadJournal(journal);
  return out;
}

void OutputDirectory::ReadJournal(const std::string& path) {
  reader_.open(path, std::ios::binary);
  std::string text;
  for (std::uint64_t offset = 0; std::getline(reader_, text); offset += text.size() + 1) {
    const Json line = ParseLine(text);
    if (line.is_discarded()) continue;
    const auto name = NameOf(line["of"]);
    if (!name.has_value()) continue;
    lines_[*name].push_back(offset);
    if (!line["file"].get<std::string>().empty()) own_files_.insert(line["file"]);
  }
}

bool OutputDirectory::IsIntact(const Json& line) const {
  const std::string file = line["file"];
  if (file.empty()) return true;
  const auto bytes =
      ReadWholeFile(absl::StrCat(path_, "/", file), cryptoscatter::kSealedPlaintextBytesMax);
  return bytes.ok() && HashOf(bytes->ExposeSecret()) == line["hash"];
}

std::vector<Json> OutputDirectory::Find(const VersionName& name, std::size_t spot_count) {
  const auto at = lines_.find(name);
  if (at == lines_.end()) return {};
  // What was written later stands for what was written before under the same name.
  std::map<std::string, Json> newest;
  for (const std::uint64_t offset : at->second) {
    reader_.clear();
    reader_.seekg(static_cast<std::streamoff>(offset));
    std::string text;
    std::getline(reader_, text);
    Json line = ParseLine(text);
    if (line.is_discarded() || line["mode"] != mode_ || line["spots"] != spot_count) continue;
    newest.insert_or_assign(line["file"], std::move(line));
  }
  std::vector<Json> events;
  for (auto& [file, line] : newest) {
    if (!IsIntact(line)) return {};
    events.push_back(std::move(line["event"]));
  }
  return events;
}

// A file that is there already must be ours, or the very same: a run that was killed before it wrote
// its journal leaves such files.
absl::Status OutputDirectory::CheckPlace(const std::string& file, ByteSpan value) const {
  const std::string path = absl::StrCat(path_, "/", file);
  if (own_files_.contains(file) || !FileExists(path)) return absl::OkStatus();
  const auto there = ReadWholeFile(path, value.size());
  if (there.ok() && AsText(there->ExposeSecret()) == AsText(value)) return absl::OkStatus();
  return absl::AlreadyExistsError(
      absl::StrCat(path, " is there already, and worldb-recover did not write it"));
}

absl::Status OutputDirectory::Put(const VersionName& name, std::size_t spot_count,
                                  const std::string& file, ByteSpan value, Json event) {
  Json line = {{"of", ToJson(name)},
               {"mode", mode_},
               {"spots", spot_count},
               {"file", file},
               {"hash", file.empty() ? "" : HashOf(value)},
               {"event", event}};
  if (!file.empty()) {
    WORLDB_RETURN_IF_ERROR(CheckPlace(file, value));
    WORLDB_RETURN_IF_ERROR(files_.Add(file, value));
    own_files_.insert(file);
  }
  queue_.push_back(
      {name, line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n", std::move(event)});
  if (queue_.size() < kBatchCountMax && files_.bytes() < kBatchBytesMax) return absl::OkStatus();
  return Flush();
}

absl::Status OutputDirectory::Flush() {
  if (queue_.empty()) return absl::OkStatus();
  WORLDB_RETURN_IF_ERROR(files_.Commit());
  std::string lines;
  for (const Pending& pending : queue_) {
    lines_[pending.name].push_back(journal_->size() + lines.size());
    lines += pending.line;
  }
  WORLDB_RETURN_IF_ERROR(journal_->Append(lines));
  for (const Pending& pending : std::exchange(queue_, {})) written_(pending.event);
  return absl::OkStatus();
}

}  // namespace worldb::tools
