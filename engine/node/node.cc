#include "engine/node/node.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cryptoscatter/records.h"
#include "engine/cell/errors.h"
#include "engine/cell/pairwise_keys.h"
#include "engine/context/home_directory.h"
#include "engine/context/node_parts.h"
#include "engine/context/node_self.h"
#include "engine/context/peer_table.h"
#include "engine/edge/gatherer.h"
#include "engine/gateway/cell_view.h"
#include "engine/gateway/history_reader.h"
#include "engine/gateway/ingress.h"
#include "engine/gateway/list_reader.h"
#include "engine/gateway/ticket_reader.h"
#include "engine/gateway/watcher.h"
#include "engine/home/checkpointer.h"
#include "engine/home/home.h"
#include "engine/home/log_notes.h"
#include "engine/home/name_index.h"
#include "engine/home/staging.h"
#include "engine/node/start_up.h"
#include "engine/repair/refiller.h"
#include "engine/repair/repair_desk.h"
#include "engine/repair/repairer.h"
#include "engine/scatter/scatterer.h"
#include "engine/sequencer/leadership.h"
#include "engine/sequencer/outage_watch.h"
#include "engine/sequencer/sequencer.h"
#include "engine/shares/scrubber.h"
#include "engine/shares/share_desk.h"
#include "engine/shares/share_store.h"

namespace worldb::engine {
namespace {

arbiter::ContestRule RuleOf(const NodeOptions& options) {
  arbiter::ContestRule rule;
  rule.window_max = options.window.window_max;
  return rule;
}

absl::Status Stopping() {
  return MakeError(absl::StatusCode::kUnavailable, reason::kNodeStopping,
                   "the node is stopping; ask another node");
}

class RunningNode final : public Node {
 public:
  RunningNode(NodeParts parts, NodeOptions options)
      : parts_(std::move(parts)),
        self_(parts_.cell, parts_.index, *parts_.executor, *parts_.network, *parts_.entropy),
        peers_(self_, *parts_.clock),
        names_(self_, *parts_.store, *parts_.secrets, *parts_.entropy),
        staging_(self_, *parts_.store, names_, options.staging_bytes_max),
        keys_(parts_.secrets->exchange),
        shares_(self_, *parts_.store, *parts_.secrets, keys_, verifier_),
        repairer_(self_, *parts_.secrets, keys_, verifier_, shares_.reader(), shares_.mender(),
                  peers_),
        share_desk_(self_, *parts_.store, *parts_.secrets, keys_, shares_.reader(),
                    [this](const VersionRef& v) { repairer_.Repair(v); }),
        repair_desk_(self_, *parts_.secrets, keys_, *parts_.entropy, shares_.reader(),
                     [this](const VersionRef& v) { repairer_.Repair(v); }),
        scrubber_(self_, *parts_.store, shares_, options.scrub,
                  [this](const VersionRef& v) { repairer_.Repair(v); }),
        checkpointer_(self_, *parts_.store, RuleOf(options)),
        home_(self_, *parts_.log, staging_, checkpointer_, names_, RuleOf(options)),
        scatterer_(self_, notes_, staging_, peers_, verifier_),
        sequencer_(self_,
                   {.log = *parts_.log,
                    .clock = *parts_.clock,
                    .verifier = verifier_,
                    .home = home_,
                    .notes = notes_,
                    .staging = staging_,
                    .names = names_,
                    .peers = peers_,
                    .checkpointer = checkpointer_,
                    .scatterer = scatterer_},
                   options),
        outages_(self_, home_.state(), notes_, peers_),
        leadership_(self_, *parts_.log, home_, checkpointer_, names_, sequencer_, scatterer_),
        homes_(self_),
        refiller_(self_, *parts_.secrets, homes_, shares_.reader(), repairer_, options.scrub),
        ingress_(self_, homes_, *parts_.clock, options.clock_bound_max, *parts_.entropy,
                 parts_.secrets->signing),
        cell_view_(self_, peers_, homes_),
        gatherer_(cell_view_, self_.executor(), *parts_.entropy, verifier_),
        lists_(self_, homes_, peers_),
        histories_(self_, homes_, peers_),
        watcher_(self_, *parts_.entropy, homes_, peers_),
        tickets_(self_, homes_),
        epochs_(*parts_.store) {
    peers_.OnReturn([this](NodeIndex node) {
      repairer_.WakeAll();
      if (leadership_.leading()) scatterer_.OnNodeReturned(node);
    });
  }

  ~RunningNode() override { RunningNode::Stop(); }

  void Begin(std::function<void(absl::Status)> ready) {
    parts_.network->SetHandler(
        [this](NodeIndex from, PeerMessage message) { Receive(from, std::move(message)); });
    self_.executor().Post([this, ready = std::move(ready)]() mutable {
      StartUp::Run(epochs_,
                   {[this](StartUp::Done done) { names_.Load(std::move(done)); },
                    [this](StartUp::Done done) { staging_.Load(std::move(done)); }},
                   [this, ready = std::move(ready)](absl::StatusOr<StreamEpoch> epoch) {
                     if (epoch.ok()) GoLive(*epoch);
                     ready(epoch.status());
                   });
    });
  }

  std::vector<CallId> SetAll(std::vector<Write> writes) override {
    struct Taken {
      std::shared_ptr<SetObserver> observer;  // so that a refusal can still be told to it
      absl::StatusOr<AdmittedPtr> admitted;
    };
    const auto all = std::make_shared<std::vector<Taken>>();
    all->reserve(writes.size());
    std::vector<CallId> calls;
    calls.reserve(writes.size());
    CallId call = last_call_.fetch_add(writes.size(), std::memory_order_relaxed);
    for (Write& write : writes) {
      calls.push_back(++call);
      auto kept = std::make_shared<SetObserver>(std::move(write.observer));
      auto admitted = ingress_.Admit(call, std::move(write.request),
                                     [kept](const SetEvent& event) { (*kept)(event); });
      all->push_back({std::move(kept), std::move(admitted)});
    }
    PostOrStop(
        [all](const absl::Status& status) {
          for (const Taken& one : *all) (*one.observer)(SetFailed{status});
        },
        [this, all] {
          for (Taken& one : *all) {
            if (one.admitted.ok()) {
              ingress_.Begin(*std::move(one.admitted));
            } else {
              (*one.observer)(SetFailed{one.admitted.status()});
            }
          }
        });
    return calls;
  }

  void Forget(CallId call) override {
    self_.executor().Post([this, call] {
      ingress_.Forget(call);
      watcher_.Forget(call);
    });
  }

  void GetAll(std::vector<Read> reads) override {
    const auto all = std::make_shared<std::vector<Read>>(std::move(reads));
    PostOrStop(
        [all](const absl::Status& status) {
          for (const Read& one : *all) one.done(status);
        },
        [this, all] {
          for (Read& one : *all) gatherer_.Get(std::move(one.request), std::move(one.done));
        });
  }

  void TicketGet(std::string ticket, absl::Duration timeout, Done<TicketStatus> done) override {
    AskTicket(std::move(ticket), std::nullopt, timeout, std::move(done));
  }

  void TicketWait(std::string ticket, arbiter::Level until, absl::Duration timeout,
                  Done<TicketStatus> done) override {
    AskTicket(std::move(ticket), until, timeout, std::move(done));
  }

  void List(ListRequest request, Done<ListReply> done) override {
    PostOrStop(done, [this, request = std::move(request), done]() mutable {
      lists_.List(std::move(request), std::move(done));
    });
  }

  void History(HistoryRequest request, Done<HistoryReply> done) override {
    PostOrStop(done, [this, request = std::move(request), done]() mutable {
      histories_.History(std::move(request), std::move(done));
    });
  }

  CallId Watch(WatchRequest request, WatchObserver observer) override {
    const CallId call = last_call_.fetch_add(1, std::memory_order_relaxed) + 1;
    PostOrStop([observer](absl::Status status) { observer(WatchFailed{std::move(status)}); },
               [this, call, request = std::move(request), observer]() mutable {
                 watcher_.Start(call, std::move(request), std::move(observer));
               });
    return call;
  }

  void Status(Done<NodeStatus> done) override {
    PostOrStop(done, [this, done] {
      NodeStatus status;
      status.node = self_.index();
      status.name = self_.cell().node(self_.index()).name;
      status.data_center = self_.cell().data_center_name(self_.data_center());
      status.cell = self_.cell().id();
      status.clock_bound = parts_.clock->Now().bound;
      status.may_stamp = ingress_.may_stamp();
      status.reachable = peers_.Reachable();
      status.shares_stored = shares_.writes().stored_count();
      status.store_error = std::string(shares_.writes().store_status().message());
      status.pending_ops = ingress_.pending_count();
      status.staged_bytes = staging_.stored_bytes();
      status.repair = repairer_.Status();
      status.repair.core_conflicts += shares_.intake().core_conflict_count();
      status.repair.missing = refiller_.missing_count();
      status.repair.lacking = refiller_.lacking();
      status.home = home_.Status();
      status.home.sequencer = leadership_.leading();
      status.home.log_epoch = leadership_.known_epoch();
      status.home.serving = status.home.serving &&
                            2 * status.reachable.CountIn(self_.data_center()) > kNodesPerDataCenter;
      done(std::move(status));
    });
  }

  void DeclareOut(DataCenterIndex data_center) override {
    self_.executor().Post([this, data_center] { outages_.DeclareOut(data_center); });
  }

  void Stop() override {
    if (stopped_.exchange(true)) return;
    // From here on no task of this node runs or will run: its state is this thread's.
    self_.executor().Shutdown();
    ingress_.StopAll();
    gatherer_.StopAll(Stopping());
    lists_.StopAll(Stopping());
    histories_.StopAll(Stopping());
    watcher_.StopAll(Stopping());
    tickets_.StopAll(Stopping());
  }

 private:
  void AskTicket(std::string ticket, std::optional<arbiter::Level> until, absl::Duration timeout,
                 Done<TicketStatus> done) {
    PostOrStop(done, [this, ticket = std::move(ticket), until, timeout, done]() mutable {
      tickets_.Get(ticket, until, timeout, std::move(done));
    });
  }

  // Runs `task` on the executor, or tells `stopped` why it never will: a task the executor drops is
  // destroyed, and says so then.
  void PostOrStop(std::function<void(absl::Status)> stopped, Task task) {
    struct Once {
      ~Once() {
        if (stopped) stopped(Stopping());
      }
      std::function<void(absl::Status)> stopped;
    };
    auto once = std::make_shared<Once>();
    once->stopped = std::move(stopped);
    self_.executor().Post([once = std::move(once), task = std::move(task)] {
      once->stopped = nullptr;
      task();
    });
  }

  void GoLive(StreamEpoch epoch) {
    ingress_.Start(epoch, [this](StreamEpoch above, std::function<void(StreamEpoch)> done) {
      epochs_.RaiseAbove(above, std::move(done));
    });
    home_.Start();
    leadership_.Start();
    peers_.Start();
    scrubber_.Start();
    refiller_.Start();
    outages_.Start();
    live_ = true;
  }

  void Receive(NodeIndex from, PeerMessage message) {
    if (!live_) return;
    peers_.OnHeard(from);
    std::visit([this, from](auto& m) { Handle(from, m); }, message);
  }

  void Handle(NodeIndex from, Heartbeat& m) {
    peers_.On(from, m);
    sequencer_.HearClock(from, m.reading);
  }
  void Handle(NodeIndex from, HeartbeatReply& m) { peers_.On(from, m); }
  void Handle(NodeIndex from, FrameBatch& m) { sequencer_.TakeFrames(from, std::move(m)); }
  void Handle(NodeIndex from, StageValue& m) { sequencer_.TakeValue(from, std::move(m)); }
  void Handle(NodeIndex from, StageValueReply& m) { ingress_.TakeStageReply(from, m); }
  void Handle(NodeIndex from, SequencerBeat& m) {
    leadership_.OnBeat(from, m);
    if (homes_.On(from, m)) ingress_.TakeBeat(m);
  }
  void Handle(NodeIndex from, OpNotices& m) { ingress_.TakeNotices(from, m); }
  void Handle(NodeIndex from, TicketQuery& m) { sequencer_.AskTicket(from, m); }
  void Handle(NodeIndex from, TicketReply& m) {
    ingress_.TakeTicket(from, m);
    tickets_.TakeReply(from, m);
  }
  void Handle(NodeIndex from, ReadQueries& m) { sequencer_.AskVersions(from, m); }
  void Handle(NodeIndex from, ReadReplies& m) { cell_view_.TakeFacts(from, m); }
  void Handle(NodeIndex from, ListQuery& m) { sequencer_.Ask(from, std::move(m)); }
  void Handle(NodeIndex from, ListQueryReply& m) { lists_.TakeReply(from, std::move(m)); }
  void Handle(NodeIndex from, HistoryQuery& m) { sequencer_.Ask(from, std::move(m)); }
  void Handle(NodeIndex from, HistoryQueryReply& m) { histories_.TakeReply(from, std::move(m)); }
  void Handle(NodeIndex from, WatchOpen& m) { sequencer_.Ask(from, std::move(m)); }
  void Handle(NodeIndex from, WatchBatch& m) { watcher_.TakeBatch(from, m); }
  void Handle(NodeIndex from, WatchAck& m) { sequencer_.OnWatchAck(from, m); }
  void Handle(NodeIndex from, NamesGet& m) { names_.Serve(from, m); }
  void Handle(NodeIndex from, NamesGetReply& m) { names_.TakeNames(from, m); }
  void Handle(NodeIndex from, StagePut& m) { staging_.TakePut(from, m); }
  void Handle(NodeIndex from, StagePutReply& m) {
    sequencer_.OnStaged(from, m);
    scatterer_.TakeStaged(from, m);
  }
  void Handle(NodeIndex from, CheckpointSynced& m) { sequencer_.OnCheckpointSynced(from, m); }
  void Handle(NodeIndex from, CheckpointGet& m) { checkpointer_.Serve(from, m); }
  void Handle(NodeIndex from, CheckpointGetReply& m) { checkpointer_.TakePage(from, m); }
  void Handle(NodeIndex from, StageGet& m) { staging_.Serve(from, m); }
  void Handle(NodeIndex from, StageGetReply& m) { scatterer_.TakePayload(from, m); }
  void Handle(NodeIndex from, PutShares& m) {
    share_desk_.Expect(m);
    shares_.intake().Take(from, std::move(m));
  }
  void Handle(NodeIndex from, PutSharesReply& m) { scatterer_.TakeReceipts(from, m); }
  void Handle(NodeIndex from, ProbeShare& m) { share_desk_.Prove(from, m); }
  void Handle(NodeIndex from, ProbeShareReply& m) { scatterer_.TakeProbe(from, m); }
  void Handle(NodeIndex from, ListShares& m) { share_desk_.List(from, m); }
  void Handle(NodeIndex from, ListSharesReply& m) { cell_view_.TakeListing(from, m); }
  void Handle(NodeIndex from, FetchShares& m) { share_desk_.Fetch(from, m); }
  void Handle(NodeIndex from, FetchSharesReply& m) { cell_view_.TakeShares(from, m); }
  void Handle(NodeIndex from, FetchFragment& m) { repair_desk_.GiveFragment(from, m); }
  void Handle(NodeIndex from, FetchFragmentReply& m) { repairer_.TakeFragment(from, m); }
  void Handle(NodeIndex from, RepairKeyShare& m) { repair_desk_.GiveContribution(from, m); }
  void Handle(NodeIndex from, RepairKeyShareReply& m) { repairer_.TakeContribution(from, m); }
  void Handle(NodeIndex, ShareDoubt& m) { repairer_.Repair(m.version); }
  void Handle(NodeIndex from, OwedShare& m) { repairer_.TakeOwed(from, m); }
  void Handle(NodeIndex from, InventoryQuery& m) { sequencer_.AskInventory(from, m); }
  void Handle(NodeIndex from, InventoryReply& m) { refiller_.TakePage(from, m); }
  void Handle(NodeIndex from, InventoryReport& m) { sequencer_.TakeInventory(from, m); }

  const NodeParts parts_;
  NodeSelf self_;
  cryptoscatter::BatchVerifier verifier_;
  PeerTable peers_;
  NameIndex names_;
  Staging staging_;
  PairwiseKeys keys_;
  ShareStore shares_;
  Repairer repairer_;
  ShareDesk share_desk_;
  RepairDesk repair_desk_;
  Scrubber scrubber_;
  Checkpointer checkpointer_;
  Home home_;
  LogNotes notes_;
  Scatterer scatterer_;
  Sequencer sequencer_;
  OutageWatch outages_;
  Leadership leadership_;
  HomeDirectory homes_;
  Refiller refiller_;
  Ingress ingress_;
  CellView cell_view_;
  Gatherer gatherer_;
  ListReader lists_;
  HistoryReader histories_;
  Watcher watcher_;
  TicketReader tickets_;
  StreamEpochs epochs_;
  bool live_ = false;
  std::atomic<bool> stopped_ = false;
  std::atomic<CallId> last_call_ = 0;
};

}  // namespace

std::unique_ptr<Node> Node::Start(NodeParts parts, NodeOptions options,
                                  std::function<void(absl::Status)> ready) {
  auto node = std::make_unique<RunningNode>(std::move(parts), options);
  node->Begin(std::move(ready));
  return node;
}

}  // namespace worldb::engine
