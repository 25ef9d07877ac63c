// The scripts of a cell by name, and which keys each is for.
//
// A *namespace* is a key prefix with a script of its own; of several that fit a key the longest counts,
// and a key that none fits has the default, nested. The empty prefix fits every key. Names and prefixes
// are only ever added: what a name meant once, values were scattered under.
// Errors:  InvalidArgument for what can never be; FailedPrecondition for what contradicts what is there.
// Threads: immutable once made; const methods may be called from any thread.
// Source:  docs/cell-file-format.md; docs/scripts.md.
#ifndef WORLDB_ENGINE_CELL_CELL_SCRIPTS_H_
#define WORLDB_ENGINE_CELL_CELL_SCRIPTS_H_

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/script_book.h"

namespace worldb::engine {

class CellScripts {
 public:
  using ScriptPtr = std::shared_ptr<const cryptoscatter::Script>;
  static constexpr std::size_t kScriptsMax = 64;
  static constexpr std::size_t kNamespacesMax = 1024;
  static constexpr std::size_t kNameBytesMax = 64;

  // The shipped scripts `nested`, `flat` and `copy`; no namespace.
  CellScripts();

  // With one more script, or namespace; the same one again changes nothing. A name is a letter, then
  // letters, digits, '-', '_' or '.'; a namespace's script has to be there.
  absl::StatusOr<CellScripts> WithScript(const std::string& name, ScriptPtr script) const;
  absl::StatusOr<CellScripts> WithNamespace(const std::string& prefix,
                                            const std::string& script_name) const;

  const cryptoscatter::ScriptBook& book() const { return *book_; }
  const std::shared_ptr<const cryptoscatter::ScriptBook>& shared_book() const { return book_; }
  // All names with their scripts, the shipped ones too.
  const std::map<std::string, ScriptPtr>& by_name() const { return by_name_; }
  const std::map<std::string, std::string>& namespaces() const { return namespaces_; }
  // "copy, flat, nested"
  std::string NameList() const;
  // Null for a name that is not there.
  ScriptPtr Find(absl::string_view name) const;
  // Its first name, or its id in hexadecimal if it has none.
  std::string NameOf(const ScriptId& id) const;
  // For a key that is written without naming a script.
  const ScriptPtr& ForKey(ByteSpan key) const;

  void EncodeTo(ByteWriter& w) const;
  // Marks the reader as failed for what is not there exactly as EncodeTo() writes it.
  static CellScripts DecodeFrom(ByteReader& r);

  friend bool operator==(const CellScripts& a, const CellScripts& b);

 private:
  std::map<std::string, ScriptPtr> by_name_;
  std::map<std::string, std::string> namespaces_;  // key prefix to name
  std::shared_ptr<const cryptoscatter::ScriptBook> book_;
};

}  // namespace worldb::engine

#endif  // WORLDB_ENGINE_CELL_CELL_SCRIPTS_H_
