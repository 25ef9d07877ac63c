#include "tools/demo_story.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/check.h"
#include "cryptoscatter/base/entropy.h"
#include "cryptoscatter/base/mutex.h"
#include "cryptoscatter/base/status_macros.h"
#include "engine/cell/errors.h"
#include "engine/offline/offline_reader.h"
#include "tools/output.h"
#include "transport/client.h"

namespace worldb::tools {
namespace {

using arbiter::OutcomeKind;

constexpr absl::Duration kPatience = absl::Seconds(30);
// A LATEST read of a silent home waits this long before it fails.
constexpr absl::Duration kSilentHomePatience = absl::Seconds(2);
constexpr absl::Duration kHeadStart = absl::Milliseconds(30);
constexpr int kVirginia = 0;
constexpr int kFrankfurt = 1;
constexpr int kTokyo = 2;

NodeIndex FirstNodeOf(int data_center) { return NodeAt(data_center * kNodesPerDataCenter); }

#define STORY_CHECK(condition, ...)                                          \
  do {                                                                       \
    if (!(condition)) return absl::InternalError(absl::StrCat(__VA_ARGS__)); \
  } while (false)

// Threads wait here until all are there, then start together.
class Gate {
 public:
  explicit Gate(int count) : missing_(count) {}
  void Pass() {
    MutexLock lock(mu_);
    if (--missing_ == 0) open_.NotifyAll();
    while (missing_ > 0) open_.Wait(mu_);
  }

 private:
  Mutex mu_;
  CondVar open_;
  int missing_ ABSL_GUARDED_BY(mu_);
};

// Lets time pass: part of the story (a writer who comes later), not a way to wait for anything.
void LetPass(absl::Duration time) {
  Mutex mu;
  CondVar never;
  const absl::Time until = absl::Now() + time;
  MutexLock lock(mu);
  while (absl::Now() < until) never.WaitFor(mu, until - absl::Now());
}

struct Writer {
  NodeIndex gateway;
  std::string value;
  absl::Duration after;  // how much later than the first one it sets out

  absl::Time set_out;
  absl::Time heard_accepted;
  transport::SetResult result;
  absl::Status status;
};

class Story {
 public:
  Story(std::unique_ptr<DemoCell> demo, const DemoCell::Options& options)
      : demo_(std::move(demo)), options_(options) {}

  absl::Status Tell() {
    for (int i = 0; i < kNodeCount; ++i) {
      WORLDB_ASSIGN_OR_RETURN(clients_[i], transport::Client::Create({demo_->endpoint(NodeAt(i))}));
    }
    WORLDB_RETURN_IF_ERROR(RaceOnThreeContinents());
    WORLDB_RETURN_IF_ERROR(EarlierStampBeatsEarlierArrival());
    WORLDB_RETURN_IF_ERROR(ResumeTicketElsewhere());
    WORLDB_RETURN_IF_ERROR(ReadBack());
    WORLDB_RETURN_IF_ERROR(LoseTheHome());
    WORLDB_RETURN_IF_ERROR(BreakIn());
    return absl::OkStatus();
  }

 private:
  void Chapter(const std::string& title) { PrintLine(absl::StrCat("\n", ++chapter_, ". ", title)); }
  static void Say(const std::string& line) { PrintLine(absl::StrCat("   ", line)); }
  const std::string& Name(NodeIndex node) const { return demo_->cell().cell()->node(node).name; }
  const std::string& DataCenterName(int dc) const {
    return demo_->cell().cell()->data_center_name(DataCenterAt(dc));
  }

  // A key of that home which nobody has set yet, in an earlier run on the same data neither.
  absl::StatusOr<std::string> FreshKey(const std::string& stem, int home) const {
    const engine::Cell& cell = *demo_->cell().cell();
    transport::Client& client = *clients_[FirstNodeOf(home).value()];
    for (int i = 1;; ++i) {
      std::string key = absl::StrCat(stem, "-", i);
      if (cell.HomeOf(cell.SlotOf(cell.KeyTagOf(AsBytes(key)))).value() != home) continue;
      const auto read = client.Get(AsBytes(key), engine::ReadMode::kLatest, Version(), kPatience);
      if (absl::IsNotFound(read.status())) return key;
      WORLDB_RETURN_IF_ERROR(read.status());
    }
  }

  absl::Status Race(const std::string& key, std::vector<Writer>& writers) {
    Gate gate(static_cast<int>(writers.size()));
    std::vector<std::thread> threads;
    for (Writer& writer : writers) {
      threads.emplace_back([this, &key, &writer, &gate] {
        transport::SetOptions options;
        options.timeout = kPatience;
        gate.Pass();
        if (writer.after > absl::ZeroDuration()) LetPass(writer.after);
        writer.set_out = absl::Now();
        options.op = arbiter::MakeOpId(writer.set_out, SystemEntropy());
        auto result = clients_[writer.gateway.value()]->Set(
            AsBytes(key), AsBytes(writer.value), options, [&](const transport::SetEvent& event) {
              if (std::holds_alternative<transport::Accepted>(event)) {
                writer.heard_accepted = absl::Now();
              }
            });
        writer.status = result.status();
        if (result.ok()) writer.result = *std::move(result);
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const Writer& writer : writers) {
      WORLDB_RETURN_IF_ERROR(writer.status);
      STORY_CHECK(writer.result.accepted.has_value() && writer.result.decision.has_value(),
                  Name(writer.gateway), ": no ticket or no outcome");
    }
    return CheckRace(writers);
  }

  // One winner, with the earliest stamp; every other one LOST to somebody better, by a true margin.
  absl::Status CheckRace(std::vector<Writer>& writers) const {
    std::sort(writers.begin(), writers.end(), [](const Writer& a, const Writer& b) {
      return a.result.accepted->stamp.midpoint < b.result.accepted->stamp.midpoint;
    });
    const Version version = writers.front().result.decision->version;
    for (std::size_t i = 0; i < writers.size(); ++i) {
      const Writer& writer = writers[i];
      const transport::Decision& decision = *writer.result.decision;
      const OutcomeKind expected = i == 0 ? OutcomeKind::kWon : OutcomeKind::kLost;
      STORY_CHECK(decision.outcome == expected && decision.version == version, Name(writer.gateway),
                  ": expected ", arbiter::OutcomeName(expected), " of version ", version.value(),
                  ", found ", DescribeDecision(decision));
      if (i == 0) continue;
      STORY_CHECK(decision.rival.has_value(), Name(writer.gateway),
                  ": not told by whom it was beaten");
      const absl::Time own = writer.result.accepted->stamp.midpoint;
      const absl::Time rival = decision.rival->stamp.midpoint;
      STORY_CHECK(rival <= own && own - rival == decision.margin, Name(writer.gateway),
                  ": was told a margin of ", FormatSpan(decision.margin), ", the stamps say ",
                  FormatSpan(own - rival));
    }
    STORY_CHECK(writers.front().result.level.has_value() &&
                    writers.front().result.level->level >= arbiter::Level::kSafe,
                "the winner is not SAFE");
    return absl::OkStatus();
  }

  void SayOutcomes(const std::vector<Writer>& writers) const {
    for (const Writer& writer : writers) {
      const transport::Decision& decision = *writer.result.decision;
      if (decision.outcome == OutcomeKind::kWon) {
        Say(absl::StrFormat(
            "%-11s WON version %d%s; SAFE, shares: %s", Name(writer.gateway),
            decision.version.value(),
            decision.ambiguous ? " (too close to be sure: the clock bounds overlap)" : "",
            FormatShares(writer.result.level->shares)));
      } else {
        Say(absl::StrFormat(
            "%-11s LOST to %s by %s%s", Name(writer.gateway), decision.rival->stamp.node,
            FormatSpan(decision.margin),
            decision.margin < decision.rival->stamp.bound + writer.result.accepted->stamp.bound
                ? " (within the clock bounds)"
                : ""));
      }
    }
  }

  absl::Status RaceOnThreeContinents() {
    Chapter("Writers on three continents race for one key, each through its own gateway.");
    WORLDB_ASSIGN_OR_RETURN(const std::string key, FreshKey("flagship", kFrankfurt));
    std::vector<Writer> writers;
    for (const int dc : {kVirginia, kFrankfurt, kTokyo}) {
      Writer writer;
      writer.gateway = FirstNodeOf(dc);
      writer.value = absl::StrCat("written in ", DataCenterName(dc));
      writers.push_back(std::move(writer));
    }
    WORLDB_RETURN_IF_ERROR(Race(key, writers));
    const absl::Time first = writers.front().result.accepted->stamp.midpoint;
    for (const Writer& writer : writers) {
      const transport::StampInfo& stamp = writer.result.accepted->stamp;
      Say(absl::StrFormat("%-11s stamped it at +%s (+-%s)", Name(writer.gateway),
                          FormatSpan(stamp.midpoint - first), FormatSpan(stamp.bound)));
    }
    SayOutcomes(writers);
    return absl::OkStatus();
  }

  absl::Status EarlierStampBeatsEarlierArrival() {
    Chapter(
        "The first to arrive is not the first to write: an earlier stamp that arrives later wins.");
    constexpr int kTriesMax = 5;
    for (int i = 1;; ++i) {
      WORLDB_ASSIGN_OR_RETURN(const std::string key, FreshKey("ledger", kVirginia));
      const absl::Status status = TryEarlierStamp(key);
      // On a slow machine the near writer may not arrive first; then there is nothing to show yet.
      if (!absl::IsAborted(status) || i == kTriesMax) return status;
    }
  }

  absl::Status TryEarlierStamp(const std::string& key) {
    const absl::Duration one_way =
        options_.cell.delays.OneWay(FirstNodeOf(kTokyo), FirstNodeOf(kVirginia));
    std::vector<Writer> writers(2);
    writers[0].gateway = FirstNodeOf(kTokyo);
    writers[0].value = "from Tokyo";
    writers[1].gateway = NodeAt(FirstNodeOf(kVirginia).value() + 1);
    writers[1].value = "from Virginia";
    writers[1].after = kHeadStart;
    WORLDB_RETURN_IF_ERROR(Race(key, writers));
    const Writer& winner = writers[0];
    const Writer& loser = writers[1];
    if (winner.gateway != FirstNodeOf(kTokyo)) return absl::AbortedError("Tokyo set out too late");
    // Recorded second, the later stamp would never have led: leading proves it was there first.
    if (!loser.result.accepted->leading) return absl::AbortedError("Virginia arrived too late");
    Say(absl::StrFormat(
        "The home of \"%s\" is virginia. A frame from tokyo is %s on its way there.", key,
        FormatSpan(one_way)));
    Say(absl::StrFormat("+%-10s %-11s writes; its gateway stamps at once",
                        FormatSpan(absl::ZeroDuration()), Name(winner.gateway)));
    Say(absl::StrFormat("+%-10s %-11s writes, %s later", FormatSpan(loser.set_out - winner.set_out),
                        Name(loser.gateway),
                        FormatSpan(loser.result.accepted->stamp.midpoint -
                                   winner.result.accepted->stamp.midpoint)));
    Say(absl::StrFormat("+%-10s %-11s hears ACCEPTED, leading: first on record at the home",
                        FormatSpan(loser.heard_accepted - winner.set_out), Name(loser.gateway)));
    Say(absl::StrFormat(
        "+%-10s %-11s hears ACCEPTED, leading: stamped earlier, so it goes in front",
        FormatSpan(winner.heard_accepted - winner.set_out), Name(winner.gateway)));
    STORY_CHECK(winner.result.accepted->leading, "the earlier stamp did not lead");
    STORY_CHECK(loser.result.decision->rival->op == winner.result.op,
                "the loser was told another winner");
    SayOutcomes(writers);
    key_ = key;
    winner_ = winner;
    return absl::OkStatus();
  }

  absl::Status ResumeTicketElsewhere() {
    const NodeIndex other = NodeAt(FirstNodeOf(kFrankfurt).value() + 1);
    Chapter(
        absl::StrCat("The winner's ticket is resumed through another node, ", Name(other), "."));
    const std::string& text = winner_.result.accepted->ticket;
    WORLDB_ASSIGN_OR_RETURN(const transport::TicketResult ticket,
                            clients_[other.value()]->TicketGet(text, kPatience));
    STORY_CHECK(ticket.op == winner_.result.op && ticket.final &&
                    ticket.decision.outcome == OutcomeKind::kWon &&
                    ticket.decision.version == winner_.result.decision->version &&
                    ticket.level >= arbiter::Level::kSafe,
                "the ticket tells another story: ", DescribeDecision(ticket.decision));
    Say(text);
    Say(absl::StrCat(DescribeDecision(ticket.decision), "; ", arbiter::LevelName(ticket.level),
                     ", final"));
    return absl::OkStatus();
  }

  absl::Status ReadBack() {
    Chapter("The value is read back on every continent.");
    for (const int dc : {kVirginia, kFrankfurt, kTokyo}) {
      const NodeIndex gateway = NodeAt(FirstNodeOf(dc).value() + 2);
      const absl::Time begin = absl::Now();
      WORLDB_ASSIGN_OR_RETURN(const transport::GetResult read,
                              clients_[gateway.value()]->Get(
                                  AsBytes(key_), engine::ReadMode::kLatest, Version(), kPatience));
      WORLDB_RETURN_IF_ERROR(CheckValue(gateway, read));
      Say(absl::StrFormat("%-11s \"%s\", version %d, in %s", Name(gateway),
                          AsText(read.value.ExposeSecret()), read.version.value(),
                          FormatSpan(absl::Now() - begin)));
    }
    return absl::OkStatus();
  }

  absl::Status CheckValue(NodeIndex gateway, const transport::GetResult& read) const {
    STORY_CHECK(AsText(read.value.ExposeSecret()) == winner_.value &&
                    read.version == winner_.result.decision->version &&
                    read.op == winner_.result.op,
                Name(gateway), " read something else: version ", read.version.value(), ", ",
                read.value.size(), " bytes");
    return absl::OkStatus();
  }

  absl::Status LoseTheHome() {
    Chapter("The key's home data center, virginia, is switched off.");
    for (int i = 0; i < kNodesPerDataCenter; ++i) {
      const NodeIndex node = NodeAt(FirstNodeOf(kVirginia).value() + i);
      WORLDB_RETURN_IF_ERROR(demo_->StopNodeNow(node).status());
      const auto answer = clients_[node.value()]->Status(0, absl::Seconds(5));
      STORY_CHECK(absl::IsUnavailable(answer.status()), Name(node), " still answers");
    }
    Say("virginia-1, virginia-2 and virginia-3 refuse connections.");
    const NodeIndex gateway = FirstNodeOf(kTokyo);
    WORLDB_ASSIGN_OR_RETURN(const transport::GetResult read,
                            clients_[gateway.value()]->Get(
                                AsBytes(key_), engine::ReadMode::kSurviving, Version(), kPatience));
    WORLDB_RETURN_IF_ERROR(CheckValue(gateway, read));
    STORY_CHECK(read.home_silent, "the answer does not say that the home was silent");
    Say(absl::StrFormat("%-11s get --surviving: \"%s\", marked \"home silent\"", Name(gateway),
                        AsText(read.value.ExposeSecret())));
    const auto latest = clients_[gateway.value()]->Get(AsBytes(key_), engine::ReadMode::kLatest,
                                                       Version(), kSilentHomePatience);
    STORY_CHECK(
        !latest.ok() && engine::ReasonOf(latest.status()) == engine::reason::kTriadUnavailable,
        "a LATEST read should have failed with TRIAD_UNAVAILABLE, found ",
        latest.status().ToString());
    const engine::ErrorDetails details = engine::DetailsOf(latest.status());
    STORY_CHECK(std::find(details.begin(), details.end(),
                          engine::ErrorDetails::value_type("home", "virginia")) != details.end(),
                "TRIAD_UNAVAILABLE does not name the home");
    Say(absl::StrFormat("%-11s get: %s, as it must: only the home knows what is newest",
                        Name(gateway), engine::ReasonOf(latest.status())));
    Say(absl::StrCat("            (", latest.status().message(), ")"));
    return absl::OkStatus();
  }

  absl::Status BreakIn() {
    Chapter(
        "All nodes are switched off. Somebody takes the disks of one data center: stores and "
        "keys.");
    for (auto& client : clients_) client.reset();
    demo_.reset();
    WORLDB_ASSIGN_OR_RETURN(const std::unique_ptr<LocalCell> cell, LocalCell::Open(options_.cell));
    for (const int dc : {kVirginia, kFrankfurt, kTokyo}) {
      const std::string& name = cell->cell()->data_center_name(DataCenterAt(dc));
      engine::OfflineReader reader(cell->cell(), ToBytes(AsBytes(key_)));
      WORLDB_RETURN_IF_ERROR(Plunder(*cell, NodeSet::Of(DataCenterAt(dc)), reader));
      STORY_CHECK(reader.key_shares() == NodeSet::Of(DataCenterAt(dc)), name,
                  ": expected to open its own three key shares, opened ",
                  reader.key_shares().Count());
      const auto value = reader.Read();
      STORY_CHECK(absl::IsFailedPrecondition(value.status()), name,
                  " alone was not refused: ", value.status().ToString());
      Say(absl::StrFormat("%-9s alone: unreadable; %s", name, value.status().message()));
    }
    const NodeSet two = NodeSet::Of(DataCenterAt(kFrankfurt)) | NodeSet::Of(DataCenterAt(kTokyo));
    engine::OfflineReader reader(cell->cell(), ToBytes(AsBytes(key_)));
    WORLDB_RETURN_IF_ERROR(Plunder(*cell, two, reader));
    WORLDB_ASSIGN_OR_RETURN(const cryptoscatter::OpenedValue opened, reader.Read());
    STORY_CHECK(AsText(opened.value.ExposeSecret()) == winner_.value,
                "two data centers together read something else");
    Say(absl::StrFormat("frankfurt and tokyo together, by the same code: \"%s\"", winner_.value));
    return absl::OkStatus();
  }

  static absl::Status Plunder(LocalCell& cell, NodeSet nodes, engine::OfflineReader& reader) {
    for (int i = 0; i < kNodeCount; ++i) {
      if (!nodes.Has(i)) continue;
      WORLDB_ASSIGN_OR_RETURN(const LocalCell::StoredRows stored, cell.ReadRows(NodeAt(i)));
      reader.AddNode(NodeAt(i), cell.secrets(NodeAt(i)), stored.rows, stored.blobs);
    }
    return absl::OkStatus();
  }

  std::unique_ptr<DemoCell> demo_;
  const DemoCell::Options options_;
  std::array<std::unique_ptr<transport::Client>, kNodeCount> clients_;
  int chapter_ = 0;
  std::string key_;
  Writer winner_;
};

}  // namespace

absl::Status TellStory(std::unique_ptr<DemoCell> demo, const DemoCell::Options& options) {
  return Story(std::move(demo), options).Tell();
}

}  // namespace worldb::tools
