#include "engine/cell/cell_scripts.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cryptoscatter/base/status_macros.h"
#include "cryptoscatter/records.h"

namespace worldb::engine {
namespace {

using cryptoscatter::Script;

constexpr char kDefaultName[] = "nested";

bool IsShipped(const std::string& name) {
  return name == kDefaultName || name == "flat" || name == "copy";
}

absl::Status CheckName(const std::string& name) {
  const auto allowed = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  };
  if (!name.empty() && name.size() <= CellScripts::kNameBytesMax &&
      absl::ascii_isalpha(static_cast<unsigned char>(name[0])) &&
      std::all_of(name.begin(), name.end(), allowed)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "script name \"", absl::CHexEscape(name.substr(0, CellScripts::kNameBytesMax)),
      "\": it must begin with a letter and hold letters, digits, '-', '_' and '.' only, at most ",
      CellScripts::kNameBytesMax));
}

}  // namespace

CellScripts::CellScripts()
    : by_name_{{kDefaultName, Script::Nested()},
               {"flat", Script::Flat()},
               {"copy", Script::Copy()}},
      book_(cryptoscatter::ScriptBook::Shipped()) {}

absl::StatusOr<CellScripts> CellScripts::WithScript(const std::string& name,
                                                    ScriptPtr script) const {
  WORLDB_RETURN_IF_ERROR(CheckName(name));
  if (const auto it = by_name_.find(name); it != by_name_.end()) {
    if (it->second->id() == script->id()) return *this;
    return absl::FailedPreconditionError(
        absl::StrCat("the script ", name, " is there already and says\n", it->second->text(),
                     "not\n", script->text(), "take another name: stored values depend on it"));
  }
  const auto alike = book_->Find(cryptoscatter::ScriptBook::PrefixOf(script->id()));
  if (alike.ok() && (*alike)->id() != script->id()) {
    return absl::FailedPreconditionError(absl::StrCat("the script ", NameOf((*alike)->id()),
                                                      " has an id that begins alike; the rows of "
                                                      "shares could not tell them apart"));
  }
  if (by_name_.size() >= kScriptsMax) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kScriptsMax, " scripts"));
  }
  CellScripts out = *this;
  out.by_name_.emplace(name, std::move(script));
  std::vector<ScriptPtr> all;
  for (const auto& [known, known_script] : out.by_name_) all.push_back(known_script);
  out.book_ = std::make_shared<const cryptoscatter::ScriptBook>(all);
  return out;
}

absl::StatusOr<CellScripts> CellScripts::WithNamespace(const std::string& prefix,
                                                       const std::string& script_name) const {
  const std::string shown = absl::CHexEscape(prefix.substr(0, kNameBytesMax));
  if (prefix.size() > cryptoscatter::kKeyNameBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("the namespace ", shown, "... has more than ",
                                                   cryptoscatter::kKeyNameBytesMax, " bytes"));
  }
  if (Find(script_name) == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("namespace \"", shown, "\": no script is named \"",
                     absl::CHexEscape(script_name), "\"; there are: ", NameList()));
  }
  if (const auto it = namespaces_.find(prefix); it != namespaces_.end()) {
    if (it->second == script_name) return *this;
    return absl::FailedPreconditionError(absl::StrCat("the namespace \"", shown,
                                                      "\" is there already, with the script ",
                                                      it->second, ", not ", script_name));
  }
  if (namespaces_.size() >= kNamespacesMax) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kNamespacesMax, " namespaces"));
  }
  CellScripts out = *this;
  out.namespaces_.emplace(prefix, script_name);
  return out;
}

std::string CellScripts::NameList() const {
  std::string out;
  for (const auto& [name, script] : by_name_) absl::StrAppend(&out, out.empty() ? "" : ", ", name);
  return out;
}

CellScripts::ScriptPtr CellScripts::Find(absl::string_view name) const {
  const auto it = by_name_.find(std::string(name));
  return it == by_name_.end() ? nullptr : it->second;
}

std::string CellScripts::NameOf(const ScriptId& id) const {
  for (const auto& [name, script] : by_name_) {
    if (script->id() == id) return name;
  }
  return id.Hex();
}

const CellScripts::ScriptPtr& CellScripts::ForKey(ByteSpan key) const {
  const std::string* found = nullptr;
  std::size_t longest = 0;
  for (const auto& [prefix, name] : namespaces_) {
    if (!absl::StartsWith(AsText(key), prefix) || (found != nullptr && prefix.size() < longest)) {
      continue;
    }
    found = &name;
    longest = prefix.size();
  }
  return by_name_.at(found == nullptr ? kDefaultName : *found);
}

void CellScripts::EncodeTo(ByteWriter& w) const {
  const auto own = std::count_if(by_name_.begin(), by_name_.end(),
                                 [](const auto& entry) { return !IsShipped(entry.first); });
  w.U16(static_cast<std::uint16_t>(own));
  for (const auto& [name, script] : by_name_) {
    if (!IsShipped(name)) w.Sized(AsBytes(name)).Sized(AsBytes(script->text()));
  }
  w.U16(static_cast<std::uint16_t>(namespaces_.size()));
  for (const auto& [prefix, name] : namespaces_) w.Sized(AsBytes(prefix)).Sized(AsBytes(name));
}

CellScripts CellScripts::DecodeFrom(ByteReader& r) {
  CellScripts out;
  const std::size_t script_count = r.U16();
  if (script_count > kScriptsMax) r.Fail("more scripts than a cell can have");
  std::string last;
  for (std::size_t i = 0; r.ok() && i < script_count; ++i) {
    const std::string name = ToString(r.Sized(kNameBytesMax));
    const std::string text = ToString(r.Sized(cryptoscatter::kScriptTextBytesMax));
    if (!r.ok()) break;
    auto script = Script::Compile(text);
    if (!script.ok() || (*script)->text() != text) {
      r.Fail("a script that does not compile, or is not in its canonical form");
      break;
    }
    auto with = out.WithScript(name, *std::move(script));
    if (name <= last || IsShipped(name) || !with.ok()) {
      r.Fail("script names out of order, or not allowed");
      break;
    }
    last = name;
    out = *std::move(with);
  }
  const std::size_t namespace_count = r.U16();
  if (namespace_count > kNamespacesMax) r.Fail("more namespaces than a cell can have");
  for (std::size_t i = 0; r.ok() && i < namespace_count; ++i) {
    const std::string prefix = ToString(r.Sized(cryptoscatter::kKeyNameBytesMax));
    const std::string name = ToString(r.Sized(kNameBytesMax));
    if (!r.ok()) break;
    auto with = out.WithNamespace(prefix, name);
    if ((i > 0 && prefix <= last) || !with.ok()) {
      r.Fail("namespaces out of order, or of no script");
      break;
    }
    last = prefix;
    out = *std::move(with);
  }
  return out;
}

bool operator==(const CellScripts& a, const CellScripts& b) {
  const auto same = [](const auto& x, const auto& y) {
    return x.first == y.first && x.second->id() == y.second->id();
  };
  return a.namespaces_ == b.namespaces_ && std::equal(a.by_name_.begin(), a.by_name_.end(),
                                                      b.by_name_.begin(), b.by_name_.end(), same);
}

}  // namespace worldb::engine
