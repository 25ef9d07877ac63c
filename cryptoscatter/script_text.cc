#include "cryptoscatter/script_text.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cryptoscatter/base/bytes.h"
#include "cryptoscatter/base/status_macros.h"

namespace worldb::cryptoscatter {
namespace {

constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kShownBytesMax = 32;  // of what was found, in an error
constexpr int kNodesBesideDataCenter = kNodeCount - kNodesPerDataCenter;

bool IsWordByte(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
}

// A part of a character beyond ASCII, of which the language has none: such bytes stay with the word around
// them, so that an error shows whole characters.
bool IsForeignByte(char c) { return (static_cast<unsigned char>(c) & 0x80) != 0; }

bool IsWordOfTheLanguage(absl::string_view word) {
  constexpr absl::string_view kWords[] = {
      "key", "code", "survives", "of",   "all", "dc",  "node", "nodes", "lrc",  "local",
      "mds", "k",    "global",   "copy", "any", "and", "in",   "each",  "other"};
  return std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

struct Token {
  enum class Kind { kWord, kSymbol, kEnd };
  Kind kind = Kind::kEnd;
  absl::string_view text;
  int line = 1;
  int column = 1;

  bool IsWord(absl::string_view word) const { return kind == Kind::kWord && text == word; }
  bool IsSymbol(char symbol) const { return kind == Kind::kSymbol && text[0] == symbol; }
};

std::string Found(const Token& token) {
  if (token.kind == Token::Kind::kEnd) return "the end of the text";
  const auto first = static_cast<unsigned char>(token.text[0]);
  const bool begins_character = first >= 0xc2 && first <= 0xf4;
  if (!absl::ascii_isprint(first) && !begins_character) {
    return absl::StrCat("the byte 0x", HexEncode(AsBytes(token.text.substr(0, 1))));
  }
  std::size_t shown = std::min(token.text.size(), kShownBytesMax);
  // Not in the midst of a character.
  while (shown < token.text.size() && (token.text[shown] & 0xc0) == 0x80 && shown > 0) --shown;
  return absl::StrCat("\"", token.text.substr(0, shown), shown < token.text.size() ? "..." : "",
                      "\"");
}

absl::Status At(const Token& token, absl::string_view message) {
  return absl::InvalidArgumentError(
      absl::StrCat("line ", token.line, ", column ", token.column, ": ", message));
}

absl::Status NotAllowed(const Token& token, absl::string_view allowed) {
  return At(token, absl::StrCat("found ", Found(token), "; allowed here: ", allowed));
}

// Words, single symbols, and the end; spaces and comments between them are skipped.
class Lexer {
 public:
  explicit Lexer(absl::string_view text) : text_(text) { Advance(); }

  const Token& next() const { return next_; }
  Token Take() {
    const Token taken = next_;
    Advance();
    return taken;
  }

 private:
  void Step() {
    if (text_[at_] == '\n') {
      ++line_;
      column_ = 1;
    } else {
      ++column_;
    }
    ++at_;
  }

  void Advance() {
    bool in_comment = false;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') in_comment = true;
      if (c == '\n') in_comment = false;
      if (!in_comment && !absl::ascii_isspace(static_cast<unsigned char>(c))) break;
      Step();
    }
    next_ = {};
    next_.line = line_;
    next_.column = column_;
    if (at_ == text_.size()) return;
    const std::size_t begin = at_;
    bool foreign = IsForeignByte(text_[at_]);
    const bool run = foreign || IsWordByte(text_[at_]);
    Step();
    for (; run && at_ < text_.size(); Step()) {
      if (!IsWordByte(text_[at_]) && !IsForeignByte(text_[at_])) break;
      foreign |= IsForeignByte(text_[at_]);
    }
    next_.kind = run && !foreign ? Token::Kind::kWord : Token::Kind::kSymbol;
    next_.text = text_.substr(begin, at_ - begin);
  }

  absl::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  int column_ = 1;
  Token next_;
};

std::optional<int> NumberOf(const Token& token) {
  if (token.kind != Token::Kind::kWord || token.text.size() > 3) return std::nullopt;
  int value = 0;
  const bool digits = std::all_of(token.text.begin(), token.text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
  if (!digits || !absl::SimpleAtoi(token.text, &value)) return std::nullopt;
  return value;
}

class Parser {
 public:
  Parser(absl::string_view text, const ScriptNames& names) : lexer_(text), names_(names) {}

  absl::StatusOr<ScriptClauses> Parse() {
    ScriptClauses clauses;
    WORLDB_RETURN_IF_ERROR(Clause("key"));
    WORLDB_ASSIGN_OR_RETURN(clauses.key, ParseGate(1));
    WORLDB_RETURN_IF_ERROR(Clause("code"));
    WORLDB_ASSIGN_OR_RETURN(clauses.code, ParseCode());
    if (lexer_.next().kind != Token::Kind::kEnd) {
      if (!lexer_.next().IsWord("survives")) {
        return NotAllowed(lexer_.next(), "\"survives:\" or the end of the text");
      }
      WORLDB_RETURN_IF_ERROR(Clause("survives"));
      WORLDB_ASSIGN_OR_RETURN(clauses.survives, ParseLosses());
    }
    if (lexer_.next().kind != Token::Kind::kEnd) {
      return NotAllowed(lexer_.next(), "\",\" and another loss, or the end of the text");
    }
    return clauses;
  }

 private:
  absl::Status Word(absl::string_view word) {
    if (!lexer_.next().IsWord(word)) {
      return NotAllowed(lexer_.next(), absl::StrCat("\"", word, "\""));
    }
    lexer_.Take();
    return absl::OkStatus();
  }

  absl::Status Symbol(char symbol) {
    if (!lexer_.next().IsSymbol(symbol)) {
      return NotAllowed(lexer_.next(), absl::StrCat("\"", std::string(1, symbol), "\""));
    }
    lexer_.Take();
    return absl::OkStatus();
  }

  absl::Status Clause(absl::string_view name) {
    if (!lexer_.next().IsWord(name)) {
      return NotAllowed(lexer_.next(), absl::StrCat("\"", name, ":\""));
    }
    lexer_.Take();
    return Symbol(':');
  }

  absl::StatusOr<int> Number(int min, int max) {
    const std::optional<int> value = NumberOf(lexer_.next());
    if (!value.has_value() || *value < min || *value > max) {
      return NotAllowed(lexer_.next(), absl::StrCat("a number from ", min, " to ", max));
    }
    lexer_.Take();
    return *value;
  }

  absl::StatusOr<int> Index(int count) {
    WORLDB_RETURN_IF_ERROR(Symbol('['));
    WORLDB_ASSIGN_OR_RETURN(const int index, Number(0, count - 1));
    WORLDB_RETURN_IF_ERROR(Symbol(']'));
    return index;
  }

  // The data center that the next token names or begins to name; nothing is taken otherwise.
  absl::StatusOr<std::optional<DataCenterIndex>> DataCenter() {
    const Token token = lexer_.next();
    if (token.IsWord("dc")) {
      lexer_.Take();
      WORLDB_ASSIGN_OR_RETURN(const int index, Index(kDataCenterCount));
      return DataCenterAt(index);
    }
    for (int i = 0; i < kDataCenterCount; ++i) {
      if (token.IsWord(names_.data_center(DataCenterAt(i)))) {
        lexer_.Take();
        return DataCenterAt(i);
      }
    }
    return std::nullopt;
  }

  absl::StatusOr<std::optional<NodeIndex>> Node() {
    const Token token = lexer_.next();
    if (token.IsWord("node")) {
      lexer_.Take();
      WORLDB_ASSIGN_OR_RETURN(const int index, Index(kNodeCount));
      return NodeAt(index);
    }
    for (int i = 0; i < kNodeCount; ++i) {
      if (token.IsWord(names_.node(NodeAt(i)))) {
        lexer_.Take();
        return NodeAt(i);
      }
    }
    return std::nullopt;
  }

  std::string DataCenterList() const {
    std::string out;
    for (int i = 0; i < kDataCenterCount; ++i) {
      absl::StrAppend(&out, i == 0 ? "" : ", ", names_.data_center(DataCenterAt(i)));
    }
    return out;
  }

  absl::Status Use(const Token& at, NodeIndex node) {
    if (++places_[node.value()] > kKeyRowsMax) {
      return At(at,
                absl::StrCat(names_.node(node), " stands in the key clause more than ", kKeyRowsMax,
                             " times; its key share would get too many rows, one for each"));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<KeyPolicy> ParseGate(int depth) {
    const Token at = lexer_.next();
    WORLDB_ASSIGN_OR_RETURN(const int threshold, Number(1, kKeyPlacesMax));
    if (depth > kGateDepthMax) {
      return At(at, absl::StrCat("gates nest deeper than ", kGateDepthMax));
    }
    WORLDB_RETURN_IF_ERROR(Word("of"));
    std::vector<KeyPolicy> members;
    const Token members_at = lexer_.next();
    if (members_at.IsSymbol('(')) {
      WORLDB_ASSIGN_OR_RETURN(members, ParseMembers(depth));
    } else {
      WORLDB_ASSIGN_OR_RETURN(members, ParseGroup());
      for (const KeyPolicy& leaf : members) WORLDB_RETURN_IF_ERROR(Use(members_at, leaf.leaf));
    }
    if (threshold > static_cast<int>(members.size())) {
      return At(at, absl::StrCat("the gate wants ", threshold, " of ", members.size(),
                                 " members; allowed here: a number from 1 to ", members.size()));
    }
    return KeyPolicy::Gate(threshold, std::move(members));
  }

  // "all" or a data center: its nodes.
  absl::StatusOr<std::vector<KeyPolicy>> ParseGroup() {
    if (lexer_.next().IsWord("all")) {
      lexer_.Take();
      return KeyPolicy::OfAll(1).children;
    }
    const Token at = lexer_.next();
    WORLDB_ASSIGN_OR_RETURN(const std::optional<DataCenterIndex> dc, DataCenter());
    if (!dc.has_value()) {
      return NotAllowed(at, absl::StrCat("\"all\", a data center (", DataCenterList(),
                                         "), or \"(\" and members"));
    }
    return KeyPolicy::OfDataCenter(1, *dc).children;
  }

  absl::StatusOr<std::vector<KeyPolicy>> ParseMembers(int depth) {
    WORLDB_RETURN_IF_ERROR(Symbol('('));
    std::vector<KeyPolicy> members;
    for (;;) {
      // A member holds at least one place, so there are at most kKeyPlacesMax.
      WORLDB_ASSIGN_OR_RETURN(KeyPolicy member, ParseMember(depth));
      members.push_back(std::move(member));
      if (lexer_.next().IsSymbol(')')) break;
      if (!lexer_.next().IsSymbol(',')) return NotAllowed(lexer_.next(), "\",\" or \")\"");
      lexer_.Take();
    }
    lexer_.Take();
    return members;
  }

  absl::StatusOr<KeyPolicy> ParseMember(int depth) {
    const Token at = lexer_.next();
    if (NumberOf(at).has_value()) return ParseGate(depth + 1);
    WORLDB_ASSIGN_OR_RETURN(const std::optional<NodeIndex> node, Node());
    if (node.has_value()) {
      WORLDB_RETURN_IF_ERROR(Use(at, *node));
      return KeyPolicy::Leaf(*node);
    }
    WORLDB_ASSIGN_OR_RETURN(const std::optional<DataCenterIndex> dc, DataCenter());
    if (dc.has_value()) {
      const std::string& name = names_.data_center(*dc);
      return At(at, absl::StrCat("the data center ", name, " is three nodes, not one member; say ",
                                 "how many of them, such as \"2 of ", name, "\""));
    }
    return NotAllowed(
        at, absl::StrCat("a node (", names_.node(NodeAt(0)), " to ",
                         names_.node(NodeAt(kNodeCount - 1)), "), or a number and \"of\""));
  }

  absl::StatusOr<CodeClause> ParseCode() {
    const Token at = lexer_.next();
    if (at.IsWord("copy")) {
      lexer_.Take();
      return CodeClause::Copy();
    }
    if (at.IsWord("mds")) {
      lexer_.Take();
      WORLDB_RETURN_IF_ERROR(Word("k"));
      WORLDB_RETURN_IF_ERROR(Symbol('='));
      WORLDB_ASSIGN_OR_RETURN(const int data_count, Number(1, kNodeCount));
      return CodeClause::Mds(data_count);
    }
    if (!at.IsWord("lrc")) {
      return NotAllowed(at, "\"lrc local 2+1 global 2\", \"mds k=N\" or \"copy\"");
    }
    lexer_.Take();
    WORLDB_RETURN_IF_ERROR(Word("local"));
    WORLDB_RETURN_IF_ERROR(Word("2"));
    WORLDB_RETURN_IF_ERROR(Symbol('+'));
    WORLDB_RETURN_IF_ERROR(Word("1"));
    WORLDB_RETURN_IF_ERROR(Word("global"));
    WORLDB_RETURN_IF_ERROR(Word("2"));
    return CodeClause::Local();
  }

  absl::StatusOr<DeclaredLosses> ParseLosses() {
    DeclaredLosses losses;
    for (;;) {
      WORLDB_RETURN_IF_ERROR(ParseLoss(losses));
      if (!lexer_.next().IsSymbol(',')) return losses;
      lexer_.Take();
    }
  }

  absl::Status ParseLoss(DeclaredLosses& losses) {
    WORLDB_RETURN_IF_ERROR(Word("any"));
    if (!lexer_.next().IsWord("dc")) {
      if (!NumberOf(lexer_.next()).has_value()) {
        return NotAllowed(lexer_.next(), "\"dc\", or a number and \"nodes\"");
      }
      return ParseNodes(kNodeCount - 1, losses.nodes);
    }
    lexer_.Take();
    if (!lexer_.next().IsWord("and")) return absl::OkStatus();  // always demanded
    lexer_.Take();
    if (lexer_.next().IsWord("any")) {
      lexer_.Take();
      return ParseNodes(kNodesBesideDataCenter - 1, losses.nodes_beside_dc);
    }
    if (!NumberOf(lexer_.next()).has_value()) {
      return NotAllowed(lexer_.next(), "\"any N nodes\" or \"N nodes in each other dc\"");
    }
    WORLDB_RETURN_IF_ERROR(ParseNodes(kNodesPerDataCenter - 1, losses.nodes_in_each_beside));
    for (const char* word : {"in", "each", "other", "dc"}) WORLDB_RETURN_IF_ERROR(Word(word));
    return absl::OkStatus();
  }

  // "3 nodes"; the larger of several stays.
  absl::Status ParseNodes(int max, int& count) {
    WORLDB_ASSIGN_OR_RETURN(const int value, Number(1, max));
    if (!lexer_.next().IsWord("node") && !lexer_.next().IsWord("nodes")) {
      return NotAllowed(lexer_.next(), "\"node\" or \"nodes\"");
    }
    lexer_.Take();
    count = std::max(count, value);
    return absl::OkStatus();
  }

  Lexer lexer_;
  const ScriptNames& names_;
  std::array<int, kNodeCount> places_{};
};

// Leaves `first` .. `first + count - 1` in order.
bool AreLeaves(const std::vector<KeyPolicy>& children, int first, int count) {
  if (static_cast<int>(children.size()) != count) return false;
  for (int i = 0; i < count; ++i) {
    const KeyPolicy& child = children[static_cast<std::size_t>(i)];
    if (!child.IsLeaf() || child.leaf.value() != first + i) return false;
  }
  return true;
}

std::string TextOf(const KeyPolicy& policy) {
  if (policy.IsLeaf()) return absl::StrCat("node[", policy.leaf.value(), "]");
  const std::string head = absl::StrCat(policy.threshold, " of ");
  if (AreLeaves(policy.children, 0, kNodeCount)) return head + "all";
  for (int dc = 0; dc < kDataCenterCount; ++dc) {
    if (AreLeaves(policy.children, dc * kNodesPerDataCenter, kNodesPerDataCenter)) {
      return absl::StrCat(head, "dc[", dc, "]");
    }
  }
  return absl::StrCat(
      head, "(",
      absl::StrJoin(policy.children, ", ",
                    [](std::string* out, const KeyPolicy& child) { out->append(TextOf(child)); }),
      ")");
}

std::string TextOf(const CodeClause& code) {
  switch (code.kind) {
    case CodeClause::Kind::kLocal:
      return "lrc local 2+1 global 2";
    case CodeClause::Kind::kMds:
      return absl::StrCat("mds k=", code.data_count);
    case CodeClause::Kind::kCopy:
      break;
  }
  return "copy";
}

std::string CountOfNodes(int count) { return absl::StrCat(count, count == 1 ? " node" : " nodes"); }

}  // namespace

KeyPolicy KeyPolicy::Leaf(NodeIndex node) {
  KeyPolicy policy;
  policy.leaf = node;
  return policy;
}

KeyPolicy KeyPolicy::Gate(int threshold, std::vector<KeyPolicy> children) {
  KeyPolicy policy;
  policy.threshold = threshold;
  policy.children = std::move(children);
  return policy;
}

KeyPolicy KeyPolicy::OfDataCenter(int threshold, DataCenterIndex dc) {
  std::vector<KeyPolicy> leaves;
  for (int i = 0; i < kNodesPerDataCenter; ++i) {
    leaves.push_back(Leaf(NodeAt(dc.value() * kNodesPerDataCenter + i)));
  }
  return Gate(threshold, std::move(leaves));
}

KeyPolicy KeyPolicy::OfAll(int threshold) {
  std::vector<KeyPolicy> leaves;
  for (int i = 0; i < kNodeCount; ++i) leaves.push_back(Leaf(NodeAt(i)));
  return Gate(threshold, std::move(leaves));
}

bool KeyPolicy::Admits(NodeSet set) const {
  if (IsLeaf()) return set.Has(leaf);
  const auto admitted = std::count_if(children.begin(), children.end(),
                                      [&](const KeyPolicy& child) { return child.Admits(set); });
  return admitted >= threshold;
}

const ScriptNames& ScriptNames::Indices() {
  static const ScriptNames names = [] {
    ScriptNames indices;
    for (int i = 0; i < kDataCenterCount; ++i) {
      indices.data_centers_[static_cast<std::size_t>(i)] = absl::StrCat("dc[", i, "]");
    }
    for (int i = 0; i < kNodeCount; ++i) {
      indices.nodes_[static_cast<std::size_t>(i)] = absl::StrCat("node[", i, "]");
    }
    return indices;
  }();
  return names;
}

absl::StatusOr<ScriptNames> ScriptNames::Create(const DataCenters& data_centers) {
  ScriptNames names;
  names.data_centers_ = data_centers;
  std::vector<std::string> all(data_centers.begin(), data_centers.end());
  for (const std::string& name : all) {
    const bool word = !name.empty() && name.size() <= kNameBytesMax &&
                      absl::ascii_isalpha(static_cast<unsigned char>(name[0])) &&
                      std::all_of(name.begin(), name.end(), IsWordByte) &&
                      !IsWordOfTheLanguage(name);
    if (!word) {
      return absl::InvalidArgumentError(absl::StrCat(
          "data center name \"", name.substr(0, kShownBytesMax),
          "\": it must begin with a letter, hold letters, digits, '-', '_' and '.' only, at most ",
          kNameBytesMax, " of them, and be no word of the script language"));
    }
  }
  for (int i = 0; i < kNodeCount; ++i) {
    std::string& name = names.nodes_[static_cast<std::size_t>(i)];
    name =
        absl::StrCat(names.data_center(DataCenterOf(NodeAt(i))), "-", i % kNodesPerDataCenter + 1);
    all.push_back(name);
  }
  std::sort(all.begin(), all.end());
  const auto twice = std::adjacent_find(all.begin(), all.end());
  if (twice != all.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", *twice, "\" would name two nodes or data centers"));
  }
  return names;
}

std::string ScriptNames::Describe(NodeSet set) const {
  std::vector<absl::string_view> found;
  for (int i = 0; i < kNodeCount; ++i) {
    if (set.Has(i)) found.push_back(node(NodeAt(i)));
  }
  if (found.empty()) return "no node";
  return absl::StrCat(found.size() == 1 ? "node " : "nodes ", absl::StrJoin(found, ", "));
}

absl::StatusOr<ScriptClauses> ParseScript(absl::string_view text, const ScriptNames& names) {
  if (text.size() > kScriptTextBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the script has ", text.size(), " bytes; at most ", kScriptTextBytesMax, " are allowed"));
  }
  return Parser(text, names).Parse();
}

std::vector<std::string> TextsOf(const DeclaredLosses& losses) {
  std::vector<std::string> out;
  if (losses.nodes > 0) out.push_back(absl::StrCat("any ", CountOfNodes(losses.nodes)));
  if (losses.nodes_beside_dc > 0) {
    out.push_back(absl::StrCat("any dc and any ", CountOfNodes(losses.nodes_beside_dc)));
  }
  if (losses.nodes_in_each_beside > 0) {
    out.push_back(absl::StrCat("any dc and ", CountOfNodes(losses.nodes_in_each_beside),
                               " in each other dc"));
  }
  return out;
}

std::string CanonicalText(const ScriptClauses& clauses) {
  std::string out =
      absl::StrCat("key: ", TextOf(clauses.key), "\ncode: ", TextOf(clauses.code), "\n");
  if (!clauses.survives.empty()) {
    absl::StrAppend(&out, "survives: ", absl::StrJoin(TextsOf(clauses.survives), ", "), "\n");
  }
  return out;
}

}  // namespace worldb::cryptoscatter
