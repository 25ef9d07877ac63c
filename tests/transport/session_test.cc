// Goal:   ops that share a stream share nothing else: each is answered, refused, timed and forgotten for
//         itself, in order; callers that flood, do not read, or die cost the node what it states.
// Method: one whole cell in this process, no WAN delay; bare streams for what our client would not send.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/entropy.h"
#include "engine/cell/errors.h"
#include "tests/support/temp_directory.h"
#include "tests/transport/near_cell.h"
#include "tools/demo_cell.h"
#include "transport/async_client.h"
#include "transport/client.h"
#include "transport/client_session.h"
#include "transport/message_fields.h"
#include "transport/reasons.h"
#include "transport/session_call.h"
#include "transport/status_translation.h"
#include "worldb/v1/key_value.grpc.pb.h"

namespace worldb::transport {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

v1::SessionOp SetOp(std::uint64_t id, const std::string& key, const std::string& value) {
  v1::SessionOp op;
  op.set_id(id);
  op.mutable_set()->set_key(key);
  op.mutable_set()->set_value(value);
  op.mutable_set()->set_op_id(IdToWire(arbiter::MakeOpId(absl::Now(), SystemEntropy())));
  return op;
}
v1::SessionOp GetOp(std::uint64_t id, const std::string& key) {
  v1::SessionOp op;
  op.set_id(id);
  op.mutable_get()->set_key(key);
  return op;
}
std::string ReasonOf(const v1::SessionEvent& event) {
  return engine::ReasonOf(FromRpcStatus(event.error()));
}

// A session by hand.
class Session {
 public:
  explicit Session(const std::string& endpoint) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    stub_ = v1::KeyValue::NewStub(
        grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments));
    context_.set_deadline(absl::ToChronoTime(absl::Now() + 2 * kPatience));
    stream_ = stub_->Session(&context_);
  }
  ~Session() {
    context_.TryCancel();
    v1::SessionResponse rest;
    while (stream_->Read(&rest)) {
    }
  }

  bool Send(const v1::SessionRequest& request) { return stream_->Write(request); }
  bool Send(const std::vector<v1::SessionOp>& ops) {
    v1::SessionRequest request;
    for (const v1::SessionOp& op : ops) *request.add_ops() = op;
    return Send(request);
  }
  // Reads until `ended` more ops have ended, or the stream has; events by op.
  std::map<std::uint64_t, std::vector<v1::SessionEvent>> ReadUntilEnded(std::size_t ended) {
    std::map<std::uint64_t, std::vector<v1::SessionEvent>> events;
    v1::SessionResponse response;
    while (ended > 0 && stream_->Read(&response)) {
      if (response.has_credit()) credit_ = response.credit();
      for (v1::SessionEvent& event : *response.mutable_events()) {
        ended -= event.last() && ended > 0 ? 1 : 0;
        events[event.id()].push_back(std::move(event));
      }
    }
    return events;
  }
  // Closes this side and answers how the session ended.
  absl::Status Finish() {
    stream_->WritesDone();
    v1::SessionResponse response;
    while (stream_->Read(&response)) {
    }
    return FromGrpcStatus(stream_->Finish());
  }
  void Cancel() { context_.TryCancel(); }
  const v1::SessionCredit& credit() const { return credit_; }

 private:
  std::unique_ptr<v1::KeyValue::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::SessionRequest, v1::SessionResponse>> stream_;
  v1::SessionCredit credit_;
};

class SessionTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new testing::TempDirectory();
    auto demo = tools::DemoCell::Start(NearCell(directory_->path()));
    ASSERT_TRUE(demo.ok()) << demo.status();
    demo_ = demo->release();
  }
  static void TearDownTestSuite() {
    delete demo_;
    delete directory_;
  }
  static std::string Endpoint(int node) { return demo_->endpoint(NodeAt(node)); }
  static std::unique_ptr<Client> ClientOf(int node) { return *Client::Create({Endpoint(node)}); }
  // Polls until the node has no write of any caller under way.
  static bool IsIdle(int node) {
    for (const absl::Time end = absl::Now() + kPatience; absl::Now() < end;) {
      const auto status = ClientOf(node)->Status(0, kPatience);
      if (status.ok() && status->pending_ops == 0) return true;
      std::this_thread::yield();
    }
    return false;
  }

  static testing::TempDirectory* directory_;
  static tools::DemoCell* demo_;
};
testing::TempDirectory* SessionTest::directory_ = nullptr;
tools::DemoCell* SessionTest::demo_ = nullptr;

TEST_F(SessionTest, OpsOfEveryKindEndEachForItself) {
  Session session(Endpoint(0));
  std::vector<v1::SessionOp> sets;
  for (std::uint64_t i = 1; i <= 200; ++i) {
    sets.push_back(SetOp(i, absl::StrCat("kinds/", i), absl::StrCat("value ", i)));
  }
  sets.push_back(SetOp(201, "kinds/large", std::string(1 << 20, 'x')));
  ASSERT_TRUE(session.Send(sets));
  const auto written = session.ReadUntilEnded(sets.size());
  EXPECT_EQ(session.credit().ops(), SessionCall::kOpsMax);
  ASSERT_EQ(written.size(), sets.size());
  std::string ticket;
  for (const auto& [id, events] : written) {
    ASSERT_GE(events.size(), 3u) << id;
    ASSERT_TRUE(events[0].write().has_accepted()) << id;
    ASSERT_TRUE(events[1].write().has_decided()) << id;
    EXPECT_EQ(events[1].write().decided().outcome(), v1::OUTCOME_WON);
    EXPECT_GE(events.back().write().level().level(), v1::LEVEL_SAFE);
    for (const v1::SessionEvent& event : events) EXPECT_EQ(event.last(), &event == &events.back());
    if (id == 7) ticket = events[0].write().accepted().ticket();
  }

  std::vector<v1::SessionOp> ops = {GetOp(301, "kinds/7"), GetOp(302, "kinds/large"),
                                    GetOp(303, "kinds/none")};
  ops.emplace_back().set_id(304);
  ops.back().mutable_ticket_get()->set_ticket(ticket);
  ops.emplace_back().set_id(305);
  ops.back().mutable_ticket_wait()->set_ticket(ticket);
  ops.back().mutable_ticket_wait()->set_until(v1::LEVEL_FULL);
  ops.emplace_back().set_id(306);
  ops.back().mutable_delete_()->set_key("kinds/8");
  ops.back().mutable_delete_()->set_op_id(
      IdToWire(arbiter::MakeOpId(absl::Now(), SystemEntropy())));
  ASSERT_TRUE(session.Send(ops));
  auto answers = session.ReadUntilEnded(ops.size());
  EXPECT_EQ(answers[301].back().value().value(), "value 7");
  EXPECT_EQ(answers[302].back().value().value(), std::string(1 << 20, 'x'));
  EXPECT_EQ(ReasonOf(answers[303].back()), engine::reason::kNoSuchKey);
  EXPECT_TRUE(answers[304].back().ticket().final());
  EXPECT_EQ(answers[305].back().ticket().level(), v1::LEVEL_FULL);
  EXPECT_GE(answers[306].back().write().level().level(), v1::LEVEL_SAFE);
  EXPECT_EQ(session.Finish(), absl::OkStatus());
}

TEST_F(SessionTest, ABadOpRefusesItselfAlone) {
  Session session(Endpoint(4));
  std::vector<v1::SessionOp> ops = {SetOp(1, "bad/good", "v"), SetOp(2, "", "v"),
                                    SetOp(3, "bad/op", "v"), SetOp(4, "bad/script", "v"),
                                    SetOp(5, "bad/good too", "v")};
  ops[2].mutable_set()->set_op_id("short");
  ops[3].mutable_set()->set_script("no such script");
  ops.emplace_back().set_id(6);  // no op at all
  ops.push_back(SetOp(7, "bad/in no time", "v"));
  ops.back().set_timeout_nanoseconds(1);
  ops.emplace_back().set_id(8);
  ops.back().mutable_ticket_get()->set_ticket("wt1_nonsense");
  ASSERT_TRUE(session.Send(ops));
  auto events = session.ReadUntilEnded(ops.size());
  for (const std::uint64_t good : {1, 5}) {
    EXPECT_GE(events[good].back().write().level().level(), v1::LEVEL_SAFE) << good;
  }
  const std::map<std::uint64_t, absl::string_view> refused = {
      {2, engine::reason::kBadKey},         {3, engine::reason::kBadOpId},
      {4, engine::reason::kBadScript},      {6, reason::kBadRequest},
      {7, engine::reason::kOutcomeUnknown}, {8, engine::reason::kBadTicket}};
  for (const auto& [id, why] : refused) {
    EXPECT_EQ(events[id].size(), 1u) << id;
    EXPECT_EQ(ReasonOf(events[id].back()), why) << id;
  }
  EXPECT_EQ(session.Finish(), absl::OkStatus());
}

TEST_F(SessionTest, AnIdThatIsInUseEndsTheSessionAndTheWritesGoOn) {
  const v1::SessionOp first = SetOp(1, "twice", "first");
  {
    Session session(Endpoint(2));
    ASSERT_TRUE(session.Send({first, SetOp(1, "twice/other", "second")}));
    const absl::Status end = session.Finish();
    EXPECT_EQ(engine::ReasonOf(end), reason::kBadRequest) << end;
  }
  ASSERT_TRUE(IsIdle(2));
  Session again(Endpoint(2));
  ASSERT_TRUE(again.Send({first}));
  auto events = again.ReadUntilEnded(1);
  EXPECT_EQ(events[1][1].write().decided().outcome(), v1::OUTCOME_WON) << "the same write";
}

TEST_F(SessionTest, WhatIsForgottenIsToldNoMore) {
  Session session(Endpoint(1));
  v1::SessionRequest request;
  for (std::uint64_t id = 1; id <= 50; ++id) {
    *request.add_ops() = SetOp(id, absl::StrCat("forgotten/", id), "v");
  }
  ASSERT_TRUE(session.Send(request));
  v1::SessionRequest forget;
  for (std::uint64_t id = 1; id <= 50; ++id) forget.add_forget(id);
  forget.add_forget(999);
  ASSERT_TRUE(session.Send(forget));
  EXPECT_EQ(session.Finish(), absl::OkStatus()) << "nothing is left to wait for";
  const auto client = ClientOf(1);
  for (const absl::Time end = absl::Now() + kPatience; absl::Now() < end;) {
    if (client->Get(AsBytes("forgotten/50"), engine::ReadMode::kLatest, Version(), kPatience).ok())
      return;
  }
  FAIL() << "the writes go on";
}

// With a node down nothing becomes FULL: these calls would last a minute.
TEST_F(SessionTest, ACallerWhoDiesMidBatchLeavesNothingBehind) {
  ASSERT_TRUE(demo_->StopNodeNow(NodeAt(7)).ok());
  for (int round = 0; round < 5; ++round) {
    Session session(Endpoint(5));
    std::vector<v1::SessionOp> ops;
    for (std::uint64_t id = 1; id <= 500; ++id) {
      ops.push_back(id % 2 == 0 ? GetOp(id, absl::StrCat("dead/", id))
                                : SetOp(id, absl::StrCat("dead/", round, "/", id), "v"));
      if (ops.back().has_set()) ops.back().mutable_set()->set_until(v1::LEVEL_FULL);
    }
    ASSERT_TRUE(session.Send(ops));
    // What was taken in has gone to the node by the time it is answered.
    if (round % 2 == 0) session.ReadUntilEnded(250);
    session.Cancel();
  }
  EXPECT_TRUE(IsIdle(5));
  ASSERT_TRUE(demo_->StartNodeNow(NodeAt(7)).ok());
}

// It sends twice its credit and much more, and reads nothing.
TEST_F(SessionTest, WhoFloodsAndDoesNotReadIsCutOff) {
  {
    Session session(Endpoint(3));
    std::uint64_t id = 0;
    for (int message = 0; message < 400; ++message) {
      std::vector<v1::SessionOp> ops;
      for (int i = 0; i < 200; ++i) ops.push_back(GetOp(++id, std::string(900, 'k')));
      ASSERT_TRUE(session.Send(ops));
    }
    std::size_t shed = 0;
    for (const auto& [op, events] : session.ReadUntilEnded(id)) {
      shed += ReasonOf(events.back()) == engine::reason::kShed ? 1 : 0;
    }
    EXPECT_LE(shed, SessionCall::kRefusalsMax + SessionCall::kEventsPerMessageMax);
    const absl::Status end = session.Finish();
    EXPECT_EQ(engine::ReasonOf(end), reason::kNotRead) << end;
  }
  EXPECT_TRUE(IsIdle(3));
  Session other(Endpoint(3));
  ASSERT_TRUE(other.Send({SetOp(1, "after the flood", "v")}));
  EXPECT_GE(other.ReadUntilEnded(1)[1].back().write().level().level(), v1::LEVEL_SAFE);
}

// A server that tells its credit and takes ops in, and answers none.
class SilentService final : public v1::KeyValue::CallbackService {
 public:
  static constexpr std::uint32_t kCredit = 3;

  SilentService() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~SilentService() override { server_->Shutdown(std::chrono::system_clock::now()); }
  std::string endpoint() const { return absl::StrCat("127.0.0.1:", port_); }
  int ops() const { return ops_; }
  int sessions() const { return sessions_; }

  grpc::ServerBidiReactor<v1::SessionRequest, v1::SessionResponse>* Session(
      grpc::CallbackServerContext*) override {
    ++sessions_;
    class Reactor final : public grpc::ServerBidiReactor<v1::SessionRequest, v1::SessionResponse> {
     public:
      explicit Reactor(SilentService& service) : service_(service) {
        response_.mutable_credit()->set_ops(kCredit);
        response_.mutable_credit()->set_bytes(1 << 20);
        StartWrite(&response_);
        StartRead(&request_);
      }
      void OnReadDone(bool ok) override {
        if (!ok) return Finish(grpc::Status::CANCELLED);
        service_.ops_ += request_.ops_size();
        StartRead(&request_);
      }
      void OnDone() override { delete this; }

     private:
      SilentService& service_;
      v1::SessionRequest request_;
      v1::SessionResponse response_;
    };
    return new Reactor(*this);
  }

 private:
  int port_ = 0;
  std::atomic<int> ops_ = 0;
  std::atomic<int> sessions_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// Counts ends; starts nothing.
class Ends final : public CallObserver, public SessionObserver {
 public:
  void OnReached(arbiter::Level level) override {
    MutexLock lock(mu_);
    safe_ = level >= arbiter::Level::kSafe;
  }
  void OnEvent(const v1::SessionEvent&) override {}
  void OnEnd(const absl::Status& status) override {
    MutexLock lock(mu_);
    ends_.push_back(status);
    changed_.NotifyAll();
  }
  std::vector<absl::Status> Await() {
    MutexLock lock(mu_);
    while (ends_.empty()) changed_.WaitFor(mu_, kPatience);
    return ends_;
  }
  bool safe() {
    MutexLock lock(mu_);
    return safe_;
  }
  bool ended() {
    MutexLock lock(mu_);
    return !ends_.empty();
  }

 private:
  Mutex mu_;
  CondVar changed_;
  std::vector<absl::Status> ends_ ABSL_GUARDED_BY(mu_);
  bool safe_ ABSL_GUARDED_BY(mu_) = false;
};

// Of what waits for credit each ends alone when its time is up; a server that is silent about what it took is
// given up, and nobody waits for it longer.
TEST(ClientSessionTest, WhatTheServerHasNoWordForEndsAllTheSame) {
  SilentService service;
  ClientSession session(grpc::CreateChannel(service.endpoint(), grpc::InsecureChannelCredentials()),
                        absl::Milliseconds(300));
  const auto start = [&](absl::Duration timeout, Ends& ends) {
    session.Start(SetOp(0, "key", "value"), timeout, ends);
  };
  const auto until = [&](const std::function<bool()>& holds) {
    for (const absl::Time end = absl::Now() + kPatience; !holds() && absl::Now() < end;) {
      session.EndOverdue();
      std::this_thread::yield();
    }
    return holds();
  };
  std::array<Ends, SilentService::kCredit> taken;
  std::array<Ends, 4> impatient;
  Ends patient;
  for (Ends& ends : taken) start(absl::Milliseconds(400), ends);
  ASSERT_TRUE(until([&] { return service.ops() == SilentService::kCredit; }));
  start(kPatience, patient);
  for (Ends& ends : impatient) start(absl::Milliseconds(1), ends);
  ASSERT_TRUE(until([&] { return impatient.back().ended(); }));
  for (Ends& ends : impatient) EXPECT_TRUE(absl::IsDeadlineExceeded(ends.Await()[0]));
  EXPECT_FALSE(taken[0].ended()) << "they end nobody else";
  EXPECT_EQ(service.ops(), static_cast<int>(SilentService::kCredit)) << "nothing beyond the credit";
  ASSERT_TRUE(until([&] { return patient.ended(); }));
  for (Ends& ends : taken) {
    ASSERT_EQ(ends.Await().size(), 1u);
    EXPECT_TRUE(absl::IsDeadlineExceeded(ends.Await()[0])) << ends.Await()[0];
  }
  EXPECT_EQ(service.sessions(), 1);
  Ends next;
  start(absl::Milliseconds(1), next);
  ASSERT_TRUE(until([&] { return next.ended() && service.sessions() == 2; }));
}

TEST_F(SessionTest, OpsOfASessionThatBreaksAllEndAndTheNextOpOpensAnother) {
  auto client = *AsyncClient::Create({Endpoint(8)});
  const auto set = [&](const std::string& key, Ends& ends) {
    client->Set(0, AsBytes(key), "value", arbiter::MakeOpId(absl::Now(), SystemEntropy()),
                arbiter::Level::kSafe, kPatience, ends);
  };
  std::vector<std::unique_ptr<Ends>> many;
  for (int i = 0; i < 300; ++i) {
    set(absl::StrCat("broken/", i), *many.emplace_back(std::make_unique<Ends>()));
  }
  ASSERT_TRUE(demo_->StopNodeNow(NodeAt(8)).ok());
  for (const auto& ends : many) {
    const std::vector<absl::Status> ended = ends->Await();
    ASSERT_EQ(ended.size(), 1u);
    EXPECT_NE(ended[0].ok(), !ends->safe()) << ended[0];
  }
  ASSERT_TRUE(demo_->StartNodeNow(NodeAt(8)).ok());
  for (int tries = 0;; ++tries) {
    Ends ends;
    set("mended", ends);
    if (ends.Await()[0].ok()) break;
    ASSERT_LT(tries, 1000) << ends.Await()[0];
  }
}

}  // namespace
}  // namespace worldb::transport
