#include "tools/recover/outputs/output_directory.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/hash.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/records.h"
#include "tools/recover/files/output_lock.h"
#include "tools/recover/outputs/hex_id.h"

namespace worldb::tools {
namespace {

using engine::VersionRef;

constexpr HashLabel kContentLabel("wdb recovered 1");
constexpr std::size_t kQueuedMax = 512;

std::string HashOf(ByteSpan value) { return LabelledHash(kContentLabel, value).Hex(); }

Json ToJson(const VersionRef& name) {
  return {name.key_tag.Hex(), name.slot_epoch.value(), name.version.value()};
}

template <typename Id>
std::optional<Id> IdOf(const Json& json) {
  return json.is_string() ? ParseHexId<Id>(json.get<std::string>()) : std::nullopt;
}

std::optional<VersionRef> NameOf(const Json& json) {
  if (!json.is_array() || json.size() != 3 || !json[1].is_number_unsigned() ||
      !json[2].is_number_unsigned()) {
    return std::nullopt;
  }
  const auto tag = IdOf<KeyTag>(json[0]);
  if (!tag.has_value()) return std::nullopt;
  return VersionRef{*tag, SlotEpoch(json[1].get<std::uint32_t>()),
                    Version(json[2].get<std::uint64_t>())};
}

bool HasString(const Json& object, const char* field) {
  return object.contains(field) && object[field].is_string();
}
bool IsFileName(const Json& json) {
  return json.is_string() && json.get<std::string>().find('/') == std::string::npos;
}

// Discarded for a line that a crash cut off, or that is not ours.
Json ParseLine(const std::string& line) {
  Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  bool ours = json.is_object() && json.contains("of") && HasString(json, "cell") &&
              HasString(json, "file") && IsFileName(json["file"]) && HasString(json, "hash");
  if (ours && !json.contains("intent")) {
    ours = HasString(json, "mode") && HasString(json, "digest") && HasString(json, "commitment") &&
           json.contains("values") && json["values"].is_number_unsigned() &&
           json.contains("retired") && json["retired"].is_array() && json["retired"].size() == 2 &&
           IsFileName(json["retired"][0]) && IsFileName(json["retired"][1]) &&
           json.contains("event") && json["event"].is_object();
  }
  return ours ? json : Json(Json::value_t::discarded);
}

std::string ModeName(bool all_versions) { return all_versions ? "all versions" : "newest"; }

// In this order a key tries for a name.
std::vector<std::string> NamesFor(const std::string& wanted, const KeyTag& tag,
                                  const CellId& cell) {
  const std::string of_tag = absl::StrCat(wanted, "@tag.", tag.Hex());
  return {wanted, of_tag, absl::StrCat(of_tag, ".", cell.Hex())};
}

}  // namespace

OutputDirectory::OutputDirectory(std::string path, bool all_versions,
                                 std::unique_ptr<LockFile> lock, Written written)
    : path_(std::move(path)),
      all_versions_(all_versions),
      lock_(std::move(lock)),
      written_(std::move(written)),
      files_(path_, kTemporaryPrefix) {}

absl::StatusOr<std::unique_ptr<OutputDirectory>> OutputDirectory::Open(const std::string& path,
                                                                       bool all_versions,
                                                                       Written written) {
  WORLDB_ASSIGN_OR_RETURN(std::unique_ptr<LockFile> lock, LockOutput(path));
  std::unique_ptr<OutputDirectory> out(
      new OutputDirectory(path, all_versions, std::move(lock), std::move(written)));
  const std::string journal = out->PathOf(kJournalName);
  WORLDB_ASSIGN_OR_RETURN(out->journal_, LineFile::Open(journal));
  out->ReadJournal(journal);
  return out;
}

void OutputDirectory::Remember(const VersionRef& name, std::uint64_t offset) {
  lines_[name].push_back(offset);
  if (name.version.value() != 0) latest_[name.key_tag] = name;
}

void OutputDirectory::ReadJournal(const std::string& path) {
  reader_.open(path, std::ios::binary);
  std::string text;
  std::map<std::string, std::pair<std::string, Own>> intents;  // file to its hash, and whose it is
  for (std::uint64_t offset = 0; std::getline(reader_, text); offset += text.size() + 1) {
    const Json line = ParseLine(text);
    if (line.is_discarded()) continue;
    const auto name = NameOf(line["of"]);
    const auto cell = IdOf<CellId>(line["cell"]);
    if (!name.has_value() || !cell.has_value()) continue;
    const std::string file = line["file"];
    if (line.contains("intent")) {
      intents.insert_or_assign(file, std::pair(line["hash"], Own{*cell, *name}));
      continue;
    }
    if (line["mode"] == ModeName(all_versions_)) Remember(*name, offset);
    const std::string retired = line["retired"][0];
    if (const auto at = own_files_.find(retired); at != own_files_.end()) {
      own_files_.insert_or_assign(line["retired"][1], at->second);
      own_files_.erase(retired);
    }
    if (file.empty()) continue;
    own_files_.insert_or_assign(file, Own{*cell, *name});
    const auto intent = intents.find(file);
    if (intent != intents.end() && line["hash"] == intent->second.first) intents.erase(intent);
  }
  // Of a run that was killed after its files had come, and before their lines had.
  for (const auto& [file, meant] : intents) {
    if (Has(file, meant.first)) own_files_.insert_or_assign(file, meant.second);
  }
}

bool OutputDirectory::Has(const std::string& file, const std::string& hash) const {
  const auto bytes = ReadWholeFile(PathOf(file), cryptoscatter::kSealedPlaintextBytesMax);
  return bytes.ok() && HashOf(bytes->ExposeSecret()) == hash;
}

Json OutputDirectory::LineAt(std::uint64_t offset) {
  reader_.clear();
  reader_.seekg(static_cast<std::streamoff>(offset));
  std::string text;
  std::getline(reader_, text);
  return ParseLine(text);
}

Json OutputDirectory::NewerThan(const Output& output) {
  if (output.plain_file.empty()) return {};
  const auto as_json = [](const VersionRef& name, const std::string& file) {
    Json json = {{"slot_epoch", name.slot_epoch.value()}, {"version", name.version.value()}};
    json["file"] = file.empty() ? Json() : Json(file);
    return json;
  };
  if (const auto latest = latest_.find(output.name.key_tag);
      latest != latest_.end() && output.name < latest->second) {
    for (const std::uint64_t offset : lines_[latest->second]) {
      const Json line = LineAt(offset);
      if (line.is_discarded()) continue;
      const std::string file = line["file"];
      if (file.empty() || FileExists(PathOf(file))) return as_json(latest->second, file);
    }
  }
  // Of a run that was killed before its line came.
  for (const std::string& file : NamesFor(output.plain_file, output.name.key_tag, output.cell)) {
    const auto own = own_files_.find(file);
    if (own != own_files_.end() && own->second.IsOf(output) && output.name < own->second.name &&
        FileExists(PathOf(file))) {
      return as_json(own->second.name, file);
    }
  }
  return {};
}

std::vector<Json> OutputDirectory::Find(const VersionRef& name, const Hash256& digest) {
  const auto at = lines_.find(name);
  if (at == lines_.end()) return {};
  // What was done for another version since may have changed the files of this one.
  const bool staged = name.version.value() == 0;
  if (!staged && !all_versions_ && latest_.at(name.key_tag) != name) return {};
  // What was written later stands for what was written before of the same value.
  std::map<std::string, Json> newest;
  for (const std::uint64_t offset : at->second) {
    Json line = LineAt(offset);
    if (line.is_discarded() || line["digest"] != digest.Hex()) continue;
    newest.insert_or_assign(line["commitment"], std::move(line));
  }
  std::vector<Json> events;
  for (auto& [commitment, line] : newest) {
    const std::string file = line["file"];
    if (line["values"] != newest.size()) return {};
    if (!file.empty() && !Has(file, line["hash"])) return {};
    Json& event = line["event"];
    // A bad share may have been replaced meanwhile.
    if (!event.contains("bad_shares") || !event["bad_shares"].empty()) return {};
    events.push_back(std::move(event));
  }
  return events;
}

// A file that is there already must be this key's own, or the very same.
absl::StatusOr<std::string> OutputDirectory::PlaceOf(const Output& output, ByteSpan value) const {
  for (std::string& file : NamesFor(output.file, output.name.key_tag, output.cell)) {
    const auto own = own_files_.find(file);
    if (own != own_files_.end() && !own->second.IsOf(output)) continue;
    if (own != own_files_.end() || !FileExists(PathOf(file)) || Has(file, HashOf(value))) {
      return std::move(file);
    }
    return absl::AlreadyExistsError(
        absl::StrCat(PathOf(file), " is there already, and worldb-recover did not write it"));
  }
  return absl::AlreadyExistsError(
      absl::StrCat(PathOf(output.file), " and its other names are other keys'"));
}

std::pair<std::string, std::string> OutputDirectory::RetiredBy(const Output& output,
                                                               const std::string& file) const {
  if (output.plain_file.empty()) return {};
  for (const std::string& old : NamesFor(output.plain_file, output.name.key_tag, output.cell)) {
    const auto own = own_files_.find(old);
    if (own == own_files_.end() || !own->second.IsOf(output) || old == file) continue;
    return {old, absl::StrCat(old, "@", own->second.name.slot_epoch.value(), ".",
                              own->second.name.version.value())};
  }
  return {};
}

absl::Status OutputDirectory::Retire(const std::pair<std::string, std::string>& retired) const {
  const std::string from = PathOf(retired.first);
  const std::string to = PathOf(retired.second);
  if (!FileExists(from)) return absl::OkStatus();
  const auto there = ReadWholeFile(from, cryptoscatter::kSealedPlaintextBytesMax);
  if (there.ok() && Has(retired.second, HashOf(there->ExposeSecret()))) return RemoveFile(from);
  WORLDB_RETURN_IF_ERROR(RenameToNew(from, to));
  return SyncDirectoryOf(to);
}

absl::Status OutputDirectory::Put(const Output& output, ByteSpan value, Json event) {
  if (Json newer = NewerThan(output); !newer.is_null()) {
    event["older_than"] = std::move(newer);
    written_(event);
    return absl::OkStatus();
  }
  std::string file;
  Json line = {{"of", ToJson(output.name)}, {"cell", output.cell.Hex()}};
  Json intent;
  const std::string hash = output.file.empty() ? "" : HashOf(value);
  if (!output.file.empty()) {
    WORLDB_ASSIGN_OR_RETURN(file, PlaceOf(output, value));
    event["file"] = file;
    if (file != output.file) event["instead_of"] = output.file;
    intent = line;
    intent["file"] = file;
    intent["hash"] = hash;
    intent["intent"] = true;
  }
  std::pair<std::string, std::string> retired = RetiredBy(output, file);
  if (!retired.first.empty()) {
    event["retired"] = {{"from", retired.first}, {"to", retired.second}};
    own_files_.insert_or_assign(retired.second, own_files_.at(retired.first));
    own_files_.erase(retired.first);
  }
  if (!file.empty()) {
    WORLDB_RETURN_IF_ERROR(files_.Add(file, value));
    own_files_.insert_or_assign(file, Own{output.cell, output.name});
  }
  line["file"] = file;
  line["hash"] = hash;
  line["mode"] = ModeName(all_versions_);
  line["digest"] = output.digest.Hex();
  line["commitment"] = output.commitment.Hex();
  line["values"] = output.value_count;
  line["retired"] = {retired.first, retired.second};
  line["event"] = event;
  queue_.push_back({output.name, line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n",
                    std::move(event), std::move(intent), std::move(retired)});
  return files_.full() || queue_.size() >= kQueuedMax ? Flush() : absl::OkStatus();
}

absl::Status OutputDirectory::Flush() {
  if (queue_.empty()) return absl::OkStatus();
  std::string lines;
  for (const Pending& pending : queue_) {
    if (!pending.intent.is_null()) lines += pending.intent.dump() + "\n";
  }
  if (!lines.empty()) WORLDB_RETURN_IF_ERROR(journal_->Append(lines));
  WORLDB_RETURN_IF_ERROR(files_.Commit());
  lines.clear();
  for (const Pending& pending : queue_) {
    if (!pending.retired.first.empty()) WORLDB_RETURN_IF_ERROR(Retire(pending.retired));
    Remember(pending.name, journal_->size() + lines.size());
    lines += pending.line;
  }
  WORLDB_RETURN_IF_ERROR(journal_->Append(lines));
  for (const Pending& pending : std::exchange(queue_, {})) written_(pending.event);
  return absl::OkStatus();
}

}  // namespace worldb::tools
