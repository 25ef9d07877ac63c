// Goal:   the contest rules of docs/protocol.md 1, 3 and 5, told as stories one can read.
// Method: every file of tests/arbiter/transcripts/ is played on a HomeState and its output compared
//         exactly. A block is a few command lines, "----", and the output up to an empty line;
//         lines with "#" are comments. WORLDB_REWRITE=1 writes the present output into the files
//         instead: read the difference before you keep it.
//
//   rule window_max=2s op_memory=24h op_ahead_max=5s     first block only; these are the defaults
//   entry at=10ms bound=1ms clock=sync|holdover|none checkpoint=no|yes
//                                                        begins an accept log entry with this reading
//   set a key=k at=5ms bound=1ms node=0 base=absent|N seen=N attempt=N tag=t payload=p named=0s staged=013
//   delete a ...                                         a record of the entry; so are:
//   close                                                of the rounds due at the reading's earliest
//   level k/1 HELD|SAFE|FULL nodes=013
//   lost k/1 DECIDED|HELD|SAFE nodes=4                   and what it has without them
//   void k/1
//   restaged k/1 nodes=013
//   outage 2 out|back
//   window 100ms
//   due                                                  when the next round is due
//   op a; version k/1                                    what is on record
//   All times count from one moment; a stamp's number is its place in the file.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "arbiter/home_state.h"
#include "cryptoscatter/base/check.h"
#include "gtest/gtest.h"
#include "tests/support/effect_text.h"

namespace worldb::testing {
namespace {

using arbiter::Base;
using arbiter::Candidate;
using arbiter::ClockQuality;
using arbiter::Close;
using arbiter::HomeState;
using arbiter::Level;
using arbiter::LogEntry;

const absl::Time kZero = absl::FromUnixSeconds(1735689600);

std::string TranscriptFolder() {
  const char* root = std::getenv("WORLDB_SOURCE_DIR");
  return absl::StrCat(root != nullptr ? root : ".", "/tests/arbiter/transcripts");
}

template <typename Id>
Id NamedId(absl::string_view name) {
  WORLDB_CHECK(name.size() <= Id::kBytes);
  Id id;
  std::copy(name.begin(), name.end(), id.bytes.begin());
  return id;
}

// The words of one command line: plain ones in order, name=value ones by name.
struct Command {
  std::vector<std::string> words;
  std::map<std::string, std::string> values;

  explicit Command(absl::string_view line) {
    for (absl::string_view word : absl::StrSplit(line, ' ', absl::SkipEmpty())) {
      const std::pair<std::string, std::string> pair =
          absl::StrSplit(word, absl::MaxSplits('=', 1));
      if (pair.second.empty()) {
        words.emplace_back(word);
      } else {
        values.insert(pair);
      }
    }
    WORLDB_CHECK(!words.empty());
  }
  const std::string& name() const { return words[0]; }
  std::string Text(const std::string& value, const std::string& otherwise) const {
    const auto at = values.find(value);
    return at == values.end() ? otherwise : at->second;
  }
  absl::Duration Span(const std::string& value, const std::string& otherwise) const {
    absl::Duration d;
    WORLDB_CHECK(absl::ParseDuration(Text(value, otherwise), &d));
    return d;
  }
  NodeSet Nodes(const std::string& value) const {
    NodeSet nodes;
    for (const char node : Text(value, "")) nodes.Add(NodeAt(node - '0'));
    return nodes;
  }
  std::uint64_t Number(const std::string& value) const {
    std::uint64_t number = 0;
    WORLDB_CHECK(absl::SimpleAtoi(Text(value, "0"), &number));
    return number;
  }
};

class Player {
 public:
  Player() { names_.zero = kZero; }

  std::string Play(const std::vector<std::string>& lines) {
    std::string output;
    std::optional<LogEntry> entry;
    for (const std::string& line : lines) {
      const Command c(line);
      if (c.name() == "rule") {
        rule_.window_max = c.Span("window_max", "2s");
        rule_.op_memory = c.Span("op_memory", "24h");
        rule_.op_ahead_max = c.Span("op_ahead_max", "5s");
      } else if (c.name() == "entry") {
        output += Apply(entry);
        entry = MakeEntry(c);
      } else if (c.name() == "due" || c.name() == "op" || c.name() == "version") {
        output += Apply(entry);
        entry.reset();
        output += Ask(c);
      } else {
        WORLDB_CHECK(entry.has_value());
        output += AddRecord(c, *entry);
      }
    }
    return output + Apply(entry);
  }

 private:
  HomeState& state() {
    if (!state_.has_value()) state_.emplace(DataCenterIndex(0), rule_);
    return *state_;
  }

  LogEntry MakeEntry(const Command& c) {
    LogEntry entry;
    entry.author_number = ++entries_;
    const std::string clock = c.Text("clock", "sync");
    WORLDB_CHECK(clock == "sync" || clock == "holdover" || clock == "none");
    entry.checkpoint = c.Text("checkpoint", "no") == "yes";
    entry.reading = {kZero + c.Span("at", "0"), c.Span("bound", "0"),
                     clock == "sync"       ? ClockQuality::kSynchronised
                     : clock == "holdover" ? ClockQuality::kHoldover
                                           : ClockQuality::kNone};
    return entry;
  }

  std::string AddRecord(const Command& c, LogEntry& entry) {
    if (c.name() == "set" || c.name() == "delete") {
      entry.records.push_back(MakeCandidate(c));
    } else if (c.name() == "window") {
      absl::Duration window;
      WORLDB_CHECK(absl::ParseDuration(c.words.at(1), &window));
      entry.records.push_back(arbiter::WindowChange{window});
    } else if (c.name() == "level") {
      arbiter::LevelReached reached;
      reached.version = ParseRound(c.words.at(1));
      for (const Level level : {Level::kHeld, Level::kSafe, Level::kFull}) {
        if (c.words.at(2) == LevelName(level)) reached.level = level;
      }
      reached.held = c.Nodes("nodes");
      entry.records.push_back(reached);
    } else if (c.name() == "lost") {
      arbiter::ShareLost lost;
      lost.version = ParseRound(c.words.at(1));
      for (const Level level : {Level::kDecided, Level::kHeld, Level::kSafe}) {
        if (c.words.at(2) == LevelName(level)) lost.level = level;
      }
      lost.lost = c.Nodes("nodes");
      entry.records.push_back(lost);
    } else if (c.name() == "void") {
      entry.records.push_back(arbiter::VersionVoid{ParseRound(c.words.at(1)), {}});
    } else if (c.name() == "restaged") {
      entry.records.push_back(arbiter::Restaged{ParseRound(c.words.at(1)), c.Nodes("nodes")});
    } else if (c.name() == "outage") {
      const DataCenterIndex dc = DataCenterAt(c.words.at(1).at(0) - '0');
      entry.records.push_back(arbiter::OutageChange{dc, c.words.at(2) == "out"});
    } else {
      WORLDB_CHECK(c.name() == "close");
      HomeState trial = state();  // as it will be after the records before
      WORLDB_CHECK(trial.Apply(trial.applied().Next(), entry).ok());
      const std::optional<Close> close = trial.CloseDue(entry.reading.Earliest());
      if (!close.has_value()) return "nothing is due\n";
      entry.records.push_back(*close);
    }
    return "";
  }

  Candidate MakeCandidate(const Command& c) {
    Candidate candidate;
    const std::string& name = c.words.at(1);
    candidate.op = OpOf(name, kZero + c.Span("named", "0"));
    const std::string key = c.Text("key", "k");
    candidate.key_tag = NamedId<KeyTag>(key);
    names_.keys[candidate.key_tag] = key;
    candidate.kind = c.name() == "delete" ? arbiter::OpKind::kDelete : arbiter::OpKind::kSet;
    const std::string base = c.Text("base", "");
    if (base == "absent") {
      candidate.base.kind = Base::Kind::kAbsent;
    } else if (!base.empty()) {
      candidate.base = {Base::Kind::kVersion, Version(c.Number("base"))};
    }
    candidate.seen = Version(c.Number("seen"));
    candidate.stamp = {kZero + c.Span("at", "0"), c.Span("bound", "0"),
                       NodeAt(static_cast<int>(c.Number("node"))), StreamEpoch(1),
                       FrameNumber(++stamps_)};
    candidate.attempt = static_cast<std::uint32_t>(c.Number("attempt"));
    candidate.staged = c.Nodes("staged");
    const std::string payload = c.Text("payload", name);
    candidate.commitment = NamedId<CommitmentId>(payload);
    names_.payloads[candidate.commitment] = payload;
    if (const std::string tag = c.Text("tag", ""); !tag.empty()) {
      candidate.content_tag = NamedId<ContentTag>(tag);
    }
    return candidate;
  }

  // Ids are ordered as the names are first mentioned.
  OpId OpOf(const std::string& name, absl::Time named) {
    for (const auto& [id, known] : names_.ops) {
      if (known == name) return id;
    }
    OpId op;
    const auto millis = static_cast<std::uint64_t>(absl::ToUnixMillis(named));
    for (int i = 0; i < 6; ++i) op.bytes[i] = static_cast<std::uint8_t>(millis >> (8 * (5 - i)));
    op.bytes[6] = 0x70;
    op.bytes[8] = 0x80;
    op.bytes[15] = static_cast<std::uint8_t>(names_.ops.size() + 1);
    names_.ops[op] = name;
    return op;
  }

  std::string Apply(const std::optional<LogEntry>& entry) {
    if (!entry.has_value()) return "";
    const auto effects = state().Apply(state().applied().Next(), *entry);
    WORLDB_CHECK(effects.ok());
    std::string output;
    for (const arbiter::Effect& effect : *effects) {
      absl::StrAppend(&output, FormatEffect(effect, names_), "\n");
    }
    return output;
  }

  arbiter::RoundId ParseRound(const std::string& text) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(text, '/');
    std::uint64_t version = 0;
    WORLDB_CHECK(absl::SimpleAtoi(pair.second, &version));
    return {NamedId<KeyTag>(pair.first), Version(version)};
  }

  std::string Ask(const Command& c) {
    if (c.name() == "due") {
      if (state().open_round_count() == 0) return "due never\n";
      return absl::StrCat("due ", absl::FormatDuration(state().NextDue() - kZero), "\n");
    }
    if (c.name() == "version") {
      const arbiter::ClosedVersion* v = state().FindVersion(ParseRound(c.words.at(1)));
      if (v == nullptr) return "no such version\n";
      return absl::StrCat(
          "version ", c.words[1], " won by ", names_.ops[v->op],
          v->kind == arbiter::OpKind::kDelete ? ", a tombstone" : "", ", closed after ",
          absl::FormatDuration(v->closed_earliest - kZero), ", ", LevelName(v->announced),
          v->reached != v->announced ? absl::StrCat(" (", LevelName(v->reached), " reached)") : "",
          v->fairness == arbiter::Fairness::kRefuted ? ", refuted" : "",
          v->outcome == arbiter::OutcomeKind::kVoid ? ", VOID" : "",
          v->visible_at != LogIndex()
              ? absl::StrCat(", visible from entry ", v->visible_at.value(), " on")
              : "",
          v->staged.empty() ? "" : absl::StrCat(", staged on ", v->staged.Count()), "\n");
    }
    for (const auto& [id, name] : names_.ops) {
      const arbiter::OpRecord* op = name == c.words.at(1) ? state().FindOp(id) : nullptr;
      if (op == nullptr) continue;
      return absl::StrCat("op ", name, " ", OutcomeName(op->outcome.kind), " with ",
                          absl::FormatDuration(op->stamp.midpoint - kZero), " n",
                          op->stamp.node.value(), ", payload ", names_.payloads[op->commitment],
                          ", ", LevelName(state().LevelOf(*op)), "\n");
    }
    return absl::StrCat("op ", c.words.at(1), " is not on record\n");
  }

  arbiter::ContestRule rule_;
  std::optional<HomeState> state_;
  EffectNames names_;
  std::uint64_t entries_ = 0;
  std::uint64_t stamps_ = 0;
};

// The whole text with the output of each block made anew.
std::string PlayFile(const std::string& text) {
  Player player;
  std::string result;
  std::vector<std::string> commands;
  bool in_output = false;
  for (absl::string_view line : absl::StrSplit(absl::StripSuffix(text, "\n"), '\n')) {
    if (in_output) {
      if (!line.empty()) continue;
      in_output = false;
    }
    absl::StrAppend(&result, line, "\n");
    if (line == "----") {
      result += player.Play(commands);
      commands.clear();
      in_output = true;
    } else if (!line.empty() && line[0] != '#') {
      commands.emplace_back(line);
    }
  }
  WORLDB_CHECK(commands.empty());
  return result;
}

class Transcript : public ::testing::TestWithParam<std::string> {};

TEST_P(Transcript, PlaysAsWritten) {
  const std::string path = absl::StrCat(TranscriptFolder(), "/", GetParam(), ".txt");
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  ASSERT_FALSE(text.str().empty()) << path;
  const std::string played = PlayFile(text.str());
  if (std::getenv("WORLDB_REWRITE") != nullptr) {
    std::ofstream(path) << played;
    return;
  }
  EXPECT_EQ(played, text.str()) << path;
}

// Listed at the start of the program, so a file that is added is a test that runs.
std::vector<std::string> TranscriptNames() {
  std::vector<std::string> names;
  std::error_code ignored;  // a missing folder gives no names, and the test below says so
  for (const auto& file : std::filesystem::directory_iterator(TranscriptFolder(), ignored)) {
    if (file.path().extension() == ".txt") names.push_back(file.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, Transcript, ::testing::ValuesIn(TranscriptNames()),
                         [](const auto& info) { return info.param; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Transcript);

TEST(Transcripts, AreThere) { EXPECT_GE(TranscriptNames().size(), 12u); }

}  // namespace
}  // namespace worldb::testing
