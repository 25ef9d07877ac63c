// Goal:   the public API as a client meets it: sets, gets and tickets over gRPC, errors with reasons,
//         endpoints that come and go.
// Method: one whole cell in this process, no WAN delay, real stores in a temporary directory, endpoints
//         on free loopback ports; through our client, and through bare stubs where it would not send
//         such a thing. Waiting is polling with a deadline.
#include "transport/node_service.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "arbiter/op_id.h"
#include "cryptoscatter/base/entropy.h"
#include "engine/errors.h"
#include "tests/support/temp_directory.h"
#include "tools/demo_cell.h"
#include "transport/client.h"
#include "transport/reasons.h"
#include "transport/status_translation.h"
#include "worldb/rpc/v1/errors.pb.h"
#include "worldb/v1/key_value.grpc.pb.h"

namespace worldb::transport {
namespace {

using arbiter::Level;
using arbiter::OutcomeKind;
using engine::ReadMode;

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr std::size_t kValueBytesMax = std::size_t{4} << 20;

std::string Detail(const absl::Status& status, const std::string& name) {
  for (const auto& [key, value] : engine::DetailsOf(status)) {
    if (key == name) return value;
  }
  return "";
}

class NodeServiceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new testing::TempDirectory();
    tools::DemoCell::Options options;
    options.cell.data_dir = directory_->path() + "/data";
    options.cell.delays = tools::WanDelays::None();
    options.cell.window.window_min = absl::Milliseconds(20);
    options.cell.window.window_max = absl::Milliseconds(500);
    auto demo = tools::DemoCell::Start(options);
    ASSERT_TRUE(demo.ok()) << demo.status();
    demo_ = demo->release();
  }
  static void TearDownTestSuite() {
    delete demo_;
    demo_ = nullptr;
    delete directory_;
    directory_ = nullptr;
  }
  void SetUp() override { ASSERT_NE(demo_, nullptr); }

  static std::unique_ptr<Client> ClientOf(std::vector<int> nodes) {
    std::vector<std::string> endpoints;
    for (const int node : nodes) endpoints.push_back(demo_->endpoint(NodeAt(node)));
    return *Client::Create(endpoints);
  }
  static std::unique_ptr<v1::KeyValue::Stub> StubOf(int node) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    return v1::KeyValue::NewStub(grpc::CreateCustomChannel(
        demo_->endpoint(NodeAt(node)), grpc::InsecureChannelCredentials(), arguments));
  }
  static SetOptions NewSet() {
    SetOptions options;
    options.op = arbiter::MakeOpId(absl::Now(), SystemEntropy());
    options.timeout = kPatience;
    return options;
  }
  static std::string KeyWithHome(const std::string& stem, int home) {
    const engine::Cell& cell = *demo_->cell().cell();
    for (int i = 0;; ++i) {
      const std::string key = stem + std::to_string(i);
      if (cell.HomeOf(cell.SlotOf(cell.KeyTagOf(AsBytes(key)))).value() == home) return key;
    }
  }
  static absl::StatusOr<SetResult> Set(Client& client, const std::string& key,
                                       const std::string& value,
                                       const SetOptions& options = NewSet()) {
    return client.Set(AsBytes(key), AsBytes(value), options);
  }
  static std::string ValueOf(const absl::StatusOr<GetResult>& result) {
    return result.ok() ? std::string(AsText(result->value.ExposeSecret()))
                       : result.status().ToString();
  }
  // Polls until `done` or until patience is over.
  static bool Eventually(const std::function<bool()>& done) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (absl::Now() < deadline) {
      if (done()) return true;
      std::this_thread::yield();
    }
    return false;
  }
  // A Set refused before it could be sent by our client.
  static absl::Status RawSet(const v1::SetRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    const auto stub = StubOf(0);
    const auto stream = stub->Set(&context, request);
    v1::SetEvent event;
    while (stream->Read(&event)) {
    }
    return FromGrpcStatus(stream->Finish());
  }
  static v1::SetRequest GoodRequest() {
    v1::SetRequest request;
    request.set_key("raw");
    request.set_value("value");
    const OpId op = arbiter::MakeOpId(absl::Now(), SystemEntropy());
    request.set_op_id(op.bytes.data(), op.bytes.size());
    return request;
  }

  static testing::TempDirectory* directory_;
  static tools::DemoCell* demo_;
};
testing::TempDirectory* NodeServiceTest::directory_ = nullptr;
tools::DemoCell* NodeServiceTest::demo_ = nullptr;

TEST_F(NodeServiceTest, SetGetAndTicketThroughDifferentNodes) {
  const auto writer = ClientOf({1});
  std::vector<SetEvent> events;
  const SetOptions options = NewSet();
  const auto set = writer->Set(AsBytes("greeting"), AsBytes("hello"), options,
                               [&](const SetEvent& event) { events.push_back(event); });
  ASSERT_TRUE(set.ok()) << set.status();
  ASSERT_GE(events.size(), 3u);
  const auto* accepted = std::get_if<Accepted>(&events[0]);
  ASSERT_NE(accepted, nullptr);
  EXPECT_EQ(accepted->stamp.node, "virginia-2");
  EXPECT_EQ(accepted->version, Version(1));
  EXPECT_TRUE(accepted->leading);
  const auto* decision = std::get_if<Decision>(&events[1]);
  ASSERT_NE(decision, nullptr);
  EXPECT_EQ(decision->outcome, OutcomeKind::kWon);
  EXPECT_EQ(decision->certificate, arbiter::Fairness::kTimeout);
  ASSERT_TRUE(set->level.has_value());
  EXPECT_GE(set->level->level, Level::kSafe);
  ASSERT_EQ(set->level->shares.size(), 3u);
  for (const DataCenterCount& shares : set->level->shares) EXPECT_GE(shares.count, 2);

  const auto read =
      ClientOf({8})->Get(AsBytes("greeting"), ReadMode::kLatest, Version(), kPatience);
  EXPECT_EQ(ValueOf(read), "hello");
  EXPECT_EQ(read->version, Version(1));
  EXPECT_EQ(read->op, options.op);
  EXPECT_FALSE(read->home_silent);
  EXPECT_GE(read->read_from.size(), 4u);

  const auto ticket = ClientOf({5})->TicketGet(accepted->ticket, kPatience);
  ASSERT_TRUE(ticket.ok()) << ticket.status();
  EXPECT_EQ(ticket->op, options.op);
  EXPECT_EQ(ticket->decision.outcome, OutcomeKind::kWon);
  EXPECT_TRUE(ticket->final);
  EXPECT_EQ(ticket->home, accepted->home);
}

TEST_F(NodeServiceTest, EmptyAndLargestValuesAndOddKeysComeBackBitForBit) {
  const auto client = ClientOf({3});
  std::string large(kValueBytesMax, '\0');
  SystemEntropy().Fill({reinterpret_cast<std::uint8_t*>(large.data()), large.size()});
  const std::string longest_key(1024, '\xfe');
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {std::string("\0\x01", 2), ""}, {longest_key, "v"}, {"large", large}}) {
    const auto set = Set(*client, key, value);
    ASSERT_TRUE(set.ok()) << set.status();
    const auto read = ClientOf({7})->Get(AsBytes(key), ReadMode::kLatest, Version(), kPatience);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(AsText(read->value.ExposeSecret()) == absl::string_view(value));
  }
}

TEST_F(NodeServiceTest, OlderVersionsAreReadByNumber) {
  const auto client = ClientOf({0});
  ASSERT_TRUE(Set(*client, "versions", "one").ok());
  SetOptions second = NewSet();
  second.base = {arbiter::Base::Kind::kVersion, Version(1)};
  ASSERT_TRUE(Set(*client, "versions", "two", second).ok());
  EXPECT_EQ(ValueOf(client->Get(AsBytes("versions"), ReadMode::kVersion, Version(1), kPatience)),
            "one");
  EXPECT_EQ(ValueOf(client->Get(AsBytes("versions"), ReadMode::kLatest, Version(), kPatience)),
            "two");
  const auto third = client->Get(AsBytes("versions"), ReadMode::kVersion, Version(3), kPatience);
  EXPECT_EQ(third.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(engine::ReasonOf(third.status()), "NO_SUCH_VERSION");
}

TEST_F(NodeServiceTest, WhatCannotBeStoredIsRefusedWithItsReason) {
  const auto client = ClientOf({0});
  const auto empty_key = Set(*client, "", "v");
  EXPECT_EQ(empty_key.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(engine::ReasonOf(empty_key.status()), "BAD_KEY");
  EXPECT_EQ(Detail(empty_key.status(), "endpoint"), demo_->endpoint(NodeAt(0)));
  EXPECT_EQ(engine::ReasonOf(Set(*client, std::string(1025, 'k'), "v").status()), "BAD_KEY");
  // A little too large: the node says so. Far too large: it is not sent.
  for (const std::size_t size : {kValueBytesMax + 1, kValueBytesMax + (std::size_t{1} << 20)}) {
    const auto refused = Set(*client, "k", std::string(size, 'v'));
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(engine::ReasonOf(refused.status()), "VALUE_TOO_LARGE");
  }
  const auto missing = client->Get(AsBytes("never set"), ReadMode::kLatest, Version(), kPatience);
  EXPECT_EQ(engine::ReasonOf(missing.status()), "NO_SUCH_KEY");
}

TEST_F(NodeServiceTest, MalformedRequestsNameTheFieldAtFault) {
  v1::SetRequest no_op = GoodRequest();
  no_op.clear_op_id();
  EXPECT_EQ(engine::ReasonOf(RawSet(no_op)), "BAD_OP_ID");
  v1::SetRequest no_uuid = GoodRequest();
  no_uuid.set_op_id(std::string(16, '\0'));
  EXPECT_EQ(engine::ReasonOf(RawSet(no_uuid)), "BAD_OP_ID");
  v1::SetRequest bad_tag = GoodRequest();
  bad_tag.set_content_tag("short");
  EXPECT_EQ(Detail(RawSet(bad_tag), "field"), "content_tag");
  v1::SetRequest bad_base = GoodRequest();
  bad_base.set_base_version(0);
  EXPECT_EQ(Detail(RawSet(bad_base), "field"), "base_version");
  v1::SetRequest bad_level = GoodRequest();
  bad_level.set_until(static_cast<v1::Level>(77));
  EXPECT_EQ(Detail(RawSet(bad_level), "field"), "until");
}

TEST_F(NodeServiceTest, BadTicketsAreToldApart) {
  const auto client = ClientOf({4});
  for (const std::string text : {"", "nonsense", "wt1_AAAA", "\xff\xfe"}) {
    const auto ticket = client->TicketGet(text, kPatience);
    EXPECT_EQ(ticket.status().code(), absl::StatusCode::kInvalidArgument) << ticket.status();
    EXPECT_EQ(engine::ReasonOf(ticket.status()), "BAD_TICKET");
  }
}

TEST_F(NodeServiceTest, CallEndsAtTheLevelAskedForAndTheWriteGoesOn) {
  const auto client = ClientOf({6});
  SetOptions options = NewSet();
  options.until = Level::kAccepted;
  const auto set = Set(*client, "until-accepted", "v", options);
  ASSERT_TRUE(set.ok()) << set.status();
  ASSERT_TRUE(set->accepted.has_value());
  EXPECT_FALSE(set->level.has_value());
  EXPECT_TRUE(Eventually([&] {
    const auto ticket = client->TicketGet(set->accepted->ticket, kPatience);
    return ticket.ok() && ticket->level == Level::kFull && ticket->final;
  }));
}

TEST_F(NodeServiceTest, RivalsForAnAbsentKeyGetOneWinnerAndEveryCallEndsWell) {
  constexpr int kWriters = 6;
  std::array<absl::StatusOr<SetResult>, kWriters> results;
  std::vector<std::thread> threads;
  for (int i = 0; i < kWriters; ++i) {
    threads.emplace_back([i, &results] {
      SetOptions options = NewSet();
      options.base.kind = arbiter::Base::Kind::kAbsent;
      results[i] = Set(*ClientOf({i}), "rivals", "from " + std::to_string(i), options);
    });
  }
  for (std::thread& thread : threads) thread.join();
  int winner = -1;
  for (int i = 0; i < kWriters; ++i) {
    ASSERT_TRUE(results[i].ok()) << results[i].status();
    ASSERT_TRUE(results[i]->decision.has_value());
    if (results[i]->decision->outcome != OutcomeKind::kWon) continue;
    EXPECT_EQ(winner, -1);
    winner = i;
  }
  ASSERT_GE(winner, 0);
  EXPECT_EQ(ValueOf(ClientOf({8})->Get(AsBytes("rivals"), ReadMode::kLatest, Version(), kPatience)),
            "from " + std::to_string(winner));
}

TEST_F(NodeServiceTest, DeadlineBeforeTheOutcomeNamesTheTicket) {
  const auto client = ClientOf({2});
  SetOptions options = NewSet();
  // Longer than it takes to be put on record here, shorter than the window. Where a slow machine has
  // it otherwise, the call ends in one of the other two ways it may.
  options.timeout = absl::Milliseconds(300);
  const auto set = Set(*client, "impatient", "v", options);
  if (set.ok()) GTEST_SKIP() << "decided before its deadline";
  EXPECT_EQ(set.status().code(), absl::StatusCode::kDeadlineExceeded) << set.status();
  EXPECT_EQ(engine::ReasonOf(set.status()), "OUTCOME_UNKNOWN");
  EXPECT_EQ(Detail(set.status(), "op_id"), arbiter::FormatOpId(options.op));
  const std::string ticket = Detail(set.status(), "ticket");
  if (ticket.empty()) GTEST_SKIP() << "not on record before its deadline";
  EXPECT_TRUE(Eventually([&] {
    const auto answer = client->TicketGet(ticket, kPatience);
    return answer.ok() && answer->final && answer->decision.outcome == OutcomeKind::kWon;
  }));
}

TEST_F(NodeServiceTest, CancelledCallLeavesTheWriteAlone) {
  const auto stub = StubOf(0);
  v1::SetRequest request = GoodRequest();
  request.set_key("cancelled");
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  const auto stream = stub->Set(&context, request);
  v1::SetEvent event;
  ASSERT_TRUE(stream->Read(&event));
  ASSERT_TRUE(event.has_accepted());
  context.TryCancel();
  while (stream->Read(&event)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::CANCELLED);
  EXPECT_TRUE(Eventually([&] {
    const auto read =
        ClientOf({4})->Get(AsBytes("cancelled"), ReadMode::kLatest, Version(), kPatience);
    return ValueOf(read) == "value";
  }));
}

TEST_F(NodeServiceTest, RetryUnderTheSameOpIdIsTheSameWrite) {
  SetOptions options = NewSet();
  const auto first = Set(*ClientOf({0}), "retried", "v", options);
  ASSERT_TRUE(first.ok()) << first.status();
  options.attempt = 1;
  const auto second = Set(*ClientOf({7}), "retried", "v", options);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->accepted->ticket, first->accepted->ticket);
  EXPECT_EQ(second->decision->outcome, OutcomeKind::kWon);
  EXPECT_EQ(second->decision->version, first->decision->version);
}

TEST_F(NodeServiceTest, StoppedNodeRefusesConnectionsAndOthersTakeOver) {
  const auto through_stopped = ClientOf({0, 1});
  ASSERT_TRUE(*through_stopped->StopNode("virginia-1", kPatience));
  EXPECT_FALSE(*through_stopped->StopNode("virginia-1", kPatience));
  const auto status = through_stopped->Status(0, kPatience);
  EXPECT_EQ(status.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Detail(status.status(), "cause"), "connection refused");
  const auto alone = Set(*ClientOf({0}), "takeover", "v");
  EXPECT_EQ(engine::ReasonOf(alone.status()), "NO_ENDPOINT");
  EXPECT_NE(alone.status().message().find("connection refused"), absl::string_view::npos);

  const auto set = Set(*through_stopped, "takeover", "v");
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(set->endpoint, demo_->endpoint(NodeAt(1)));
  EXPECT_EQ(
      ValueOf(through_stopped->Get(AsBytes("takeover"), ReadMode::kLatest, Version(), kPatience)),
      "v");

  ASSERT_TRUE(*through_stopped->StartNode("virginia-1", kPatience));
  EXPECT_FALSE(*through_stopped->StartNode("virginia-1", kPatience));
  EXPECT_TRUE(Eventually([&] { return through_stopped->Status(0, kPatience).ok(); }));
  EXPECT_EQ(
      ValueOf(ClientOf({0})->Get(AsBytes("takeover"), ReadMode::kLatest, Version(), kPatience)),
      "v");
}

TEST_F(NodeServiceTest, NodesAreStoppedOnlyWhereSomebodyCanStillAnswer) {
  const auto own = ClientOf({8});
  EXPECT_EQ(engine::ReasonOf(own->StopNode("tokyo-3", kPatience).status()), "ASK_ANOTHER_NODE");
  EXPECT_EQ(engine::ReasonOf(own->StopNode("atlantis-1", kPatience).status()), "UNKNOWN_NODE");
  EXPECT_TRUE(own->Status(0, kPatience).ok());
}

TEST_F(NodeServiceTest, WinBelowTheLevelAskedForSaysWhatWasReached) {
  const std::string key = KeyWithHome("degraded", 0);
  const auto client = ClientOf({0});
  for (const char* node : {"tokyo-1", "tokyo-2", "tokyo-3"}) {
    ASSERT_TRUE(*client->StopNode(node, kPatience));
  }
  SetOptions options = NewSet();
  options.timeout = absl::Seconds(5);
  const auto set = Set(*client, key, "v", options);
  EXPECT_EQ(set.status().code(), absl::StatusCode::kFailedPrecondition) << set.status();
  EXPECT_EQ(engine::ReasonOf(set.status()), "TOLERANCE_NOT_REACHED");
  EXPECT_EQ(Detail(set.status(), "wanted"), "SAFE");
  EXPECT_EQ(Detail(set.status(), "reached"), "HELD");
  EXPECT_EQ(Detail(set.status(), "shares_tokyo"), "0");
  const std::string ticket = Detail(set.status(), "ticket");
  for (const char* node : {"tokyo-1", "tokyo-2", "tokyo-3"}) {
    ASSERT_TRUE(*client->StartNode(node, kPatience));
  }
  EXPECT_TRUE(Eventually([&] {
    const auto answer = client->TicketGet(ticket, kPatience);
    return answer.ok() && answer->level >= Level::kSafe;
  }));
}

TEST_F(NodeServiceTest, SilentHomeIsNamedAndSurvivingStillReads) {
  const std::string key = KeyWithHome("silent", 1);
  const auto client = ClientOf({0});
  ASSERT_TRUE(Set(*client, key, "v").ok());
  for (const char* node : {"frankfurt-1", "frankfurt-2", "frankfurt-3"}) {
    ASSERT_TRUE(*client->StopNode(node, kPatience));
  }
  const auto latest = client->Get(AsBytes(key), ReadMode::kLatest, Version(), absl::Seconds(2));
  EXPECT_EQ(engine::ReasonOf(latest.status()), "TRIAD_UNAVAILABLE") << latest.status();
  EXPECT_EQ(Detail(latest.status(), "home"), "frankfurt");
  const auto surviving = client->Get(AsBytes(key), ReadMode::kSurviving, Version(), kPatience);
  EXPECT_EQ(ValueOf(surviving), "v");
  EXPECT_TRUE(surviving->home_silent);
  for (const char* node : {"frankfurt-1", "frankfurt-2", "frankfurt-3"}) {
    ASSERT_TRUE(*client->StartNode(node, kPatience));
  }
  EXPECT_TRUE(Eventually([&] {
    return ValueOf(client->Get(AsBytes(key), ReadMode::kLatest, Version(), kPatience)) == "v";
  }));
}

TEST_F(NodeServiceTest, StatusIsTheNodesOwn) {
  const auto client = ClientOf({5});
  const auto status = client->Status(0, kPatience);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->node, "frankfurt-3");
  EXPECT_EQ(status->data_center, "frankfurt");
  EXPECT_EQ(status->cell, demo_->cell().cell()->id());
  EXPECT_EQ(status->clock_bound, absl::Milliseconds(1));
}

TEST_F(NodeServiceTest, TwoServersNeverShareAPort) {
  const std::string endpoint = demo_->endpoint(NodeAt(0));
  tools::DemoCell::Options second;
  second.cell.data_dir = directory_->path() + "/second";
  second.cell.delays = tools::WanDelays::None();
  second.port = std::stoi(endpoint.substr(endpoint.rfind(':') + 1));
  const auto refused = tools::DemoCell::Start(second);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kUnavailable) << refused.status();
}

TEST_F(NodeServiceTest, OneDataDirectoryServesOneProcess) {
  tools::LocalCell::Options options;
  options.data_dir = directory_->path() + "/data";
  const auto refused = tools::LocalCell::Open(options);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ClientTest, TakesOnlyEndpointsOnThisMachine) {
  for (const std::string endpoint : {"", "localhost", "localhost:", "localhost:0",
                                     "localhost:70000", "10.0.0.1:7070", "example.org:7070"}) {
    EXPECT_EQ(Client::Create({endpoint}).status().code(), absl::StatusCode::kInvalidArgument)
        << endpoint;
  }
  EXPECT_FALSE(Client::Create({}).ok());
  EXPECT_TRUE(Client::Create({"localhost:7070", "127.0.0.1:7071", "[::1]:7072"}).ok());
}

}  // namespace
}  // namespace worldb::transport
