// Goal:   the public API as a client meets it: writes, reads, lists, watches and tickets over gRPC,
//         errors with code, reason and details, endpoints that come and go, health and reflection.
// Method: one whole cell in this process, no WAN delay, real stores in a temporary directory, endpoints
//         on free loopback ports; through our client, and through bare stubs where it would not send
//         such a thing. Waiting is polling with a deadline.
#include "transport/node_service.h"

#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "arbiter/op_id.h"
#include "arbiter/ticket.h"
#include "cryptoscatter/base/entropy.h"
#include "engine/cell/errors.h"
#include "tests/support/temp_directory.h"
#include "tests/transport/near_cell.h"
#include "tools/demo_cell.h"
#include "transport/client.h"
#include "transport/limits.h"
#include "transport/public_messages.h"
#include "transport/reasons.h"
#include "transport/status_translation.h"
#include "transport/watch_call.h"
#include "worldb/rpc/v1/errors.pb.h"
#include "worldb/v1/cluster.pb.h"
#include "worldb/v1/key_value.grpc.pb.h"
#include "worldb/v1/tickets.grpc.pb.h"

namespace worldb::transport {
namespace {

using arbiter::Level;
using arbiter::OutcomeKind;
using engine::ReadMode;

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr std::size_t kValueBytesMax = std::size_t{4} << 20;
constexpr char kReflection[] = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";

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
    auto demo = tools::DemoCell::Start(NearCell(directory_->path()));
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
  static std::shared_ptr<grpc::Channel> ChannelTo(const std::string& endpoint) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    return grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
  }
  static std::shared_ptr<grpc::Channel> ChannelOf(int node) {
    return ChannelTo(demo_->endpoint(NodeAt(node)));
  }
  static std::unique_ptr<v1::KeyValue::Stub> StubOf(int node) {
    return v1::KeyValue::NewStub(ChannelOf(node));
  }
  // Calls `method` of a service we have no stub for: one message in, the first one out.
  static std::pair<grpc::Status, std::string> CallByName(const std::string& endpoint,
                                                         const std::string& method,
                                                         const std::string& request) {
    grpc::GenericStub stub(ChannelTo(endpoint));
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    grpc::CompletionQueue queue;
    const auto await = [&queue] {
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    const auto call = stub.PrepareCall(&context, method, &queue);
    call->StartCall(nullptr);
    await();
    const grpc::Slice slice(request);
    call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    await();
    grpc::ByteBuffer answer;
    call->Read(&answer, nullptr);
    const bool answered = await();
    call->WritesDone(nullptr);
    await();
    grpc::Status status;
    call->Finish(&status, nullptr);
    await();
    grpc::Slice bytes;
    if (!answered || !answer.DumpToSingleSlice(&bytes).ok()) return {status, ""};
    return {status, std::string(bytes.begin(), bytes.end())};
  }
  // grpc.health.v1: 1 SERVING, 2 NOT_SERVING, 0 for none.
  static int HealthOf(const std::string& endpoint, const std::string& service) {
    const std::string request =
        service.empty() ? "" : "\x0a" + std::string(1, static_cast<char>(service.size())) + service;
    const auto [status, answer] = CallByName(endpoint, "/grpc.health.v1.Health/Check", request);
    return status.ok() && answer.size() == 2 && answer[0] == '\x08' ? answer[1] : 0;
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
  // A Set that our client would not send, or whose bare answer counts.
  static grpc::Status BareSet(const v1::SetRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    const auto stub = StubOf(0);
    const auto stream = stub->Set(&context, request);
    v1::SetEvent event;
    while (stream->Read(&event)) {
    }
    return stream->Finish();
  }
  static absl::Status RawSet(const v1::SetRequest& request) {
    return FromGrpcStatus(BareSet(request));
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

// The field a google.rpc.BadRequest names, or empty.
std::string BadFieldOf(const grpc::Status& status) {
  rpc::v1::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  for (const auto& any : details.details()) {
    rpc::v1::BadRequest bad;
    if (any.type_url() == "type.googleapis.com/google.rpc.BadRequest" &&
        bad.ParseFromString(any.value()) && bad.field_violations_size() == 1) {
      return bad.field_violations(0).field();
    }
  }
  return "";
}

void ExpectRefused(const char* what, const grpc::Status& status, grpc::StatusCode code,
                   const std::string& reason, const std::string& field) {
  EXPECT_EQ(status.error_code(), code) << what << ": " << status.error_message();
  EXPECT_EQ(engine::ReasonOf(FromGrpcStatus(status)), reason) << what;
  EXPECT_EQ(BadFieldOf(status), field) << what;
}

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

TEST_F(NodeServiceTest, BadInputIsRefusedByCodeReasonAndFieldAndNothingIsLost) {
  const auto client = ClientOf({0});
  const SetOptions kept = [] {
    SetOptions options = NewSet();
    options.content_tag = ContentTag{};
    return options;
  }();
  const auto first = Set(*client, "kept", "value", kept);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto set = [](const std::function<void(v1::SetRequest&)>& spoil) {
    v1::SetRequest request = GoodRequest();
    spoil(request);
    return BareSet(request);
  };
  const auto refused = [&](const char* what, const std::string& reason, const std::string& field,
                           const std::function<void(v1::SetRequest&)>& spoil) {
    ExpectRefused(what, set(spoil), grpc::INVALID_ARGUMENT, reason, field);
  };
  refused("empty key", "BAD_KEY", "key", [](auto& r) { r.set_key(""); });
  refused("long key", "BAD_KEY", "key", [](auto& r) { r.set_key(std::string(1025, 'k')); });
  refused("large value", "VALUE_TOO_LARGE", "value",
          [](auto& r) { r.set_value(std::string(kValueBytesMax + 1, 'v')); });
  refused("no op id", "BAD_OP_ID", "op_id", [](auto& r) { r.clear_op_id(); });
  refused("no UUID", "BAD_OP_ID", "op_id", [](auto& r) { r.set_op_id(std::string(16, '\0')); });
  refused("short tag", "BAD_REQUEST", "content_tag", [](auto& r) { r.set_content_tag("short"); });
  refused("base 0", "BAD_REQUEST", "base_version", [](auto& r) { r.set_base_version(0); });
  refused("level 77", "BAD_REQUEST", "until",
          [](auto& r) { r.set_until(static_cast<v1::Level>(77)); });
  const grpc::Status script = set([](auto& r) { r.set_script("mirror"); });
  ExpectRefused("script", script, grpc::INVALID_ARGUMENT, "BAD_SCRIPT", "script");
  EXPECT_EQ(Detail(FromGrpcStatus(script), "known"), "copy,flat,nested");
  const grpc::Status reused = set([&](auto& r) {
    r.set_key("kept");
    r.set_op_id(kept.op.bytes.data(), kept.op.bytes.size());
    r.set_content_tag(std::string(16, 'x'));
  });
  ExpectRefused("op id with other content", reused, grpc::ALREADY_EXISTS, "OP_ID_REUSED", "");

  const auto unary = [](const std::function<grpc::Status(grpc::ClientContext&)>& call) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
    return call(context);
  };
  const auto stub = StubOf(0);
  v1::GetRequest get;
  get.set_key("kept");
  get.set_mode(v1::READ_MODE_VERSION);
  get.set_version(99);
  v1::GetResponse value;
  ExpectRefused("unknown version",
                unary([&](auto& context) { return stub->Get(&context, get, &value); }),
                grpc::NOT_FOUND, "NO_SUCH_VERSION", "");
  v1::ListRequest list;
  v1::ListResponse keys;
  list.set_page_size(-1);
  ExpectRefused("page size",
                unary([&](auto& context) { return stub->List(&context, list, &keys); }),
                grpc::INVALID_ARGUMENT, "BAD_REQUEST", "page_size");
  list.set_page_size(1);
  list.set_page_token("nonsense");
  ExpectRefused("page token",
                unary([&](auto& context) { return stub->List(&context, list, &keys); }),
                grpc::INVALID_ARGUMENT, "BAD_PAGE_TOKEN", "page_token");
  v1::HistoryRequest history;
  v1::HistoryResponse versions;
  ExpectRefused("history of no key",
                unary([&](auto& context) { return stub->History(&context, history, &versions); }),
                grpc::INVALID_ARGUMENT, "BAD_KEY", "key");
  const auto watch = [&](const v1::WatchRequest& request) {
    return unary([&](auto& context) {
      const auto stream = stub->Watch(&context, request);
      v1::WatchEvent event;
      EXPECT_FALSE(stream->Read(&event));
      return stream->Finish();
    });
  };
  v1::WatchRequest nothing;
  ExpectRefused("watch of nothing", watch(nothing), grpc::INVALID_ARGUMENT, "BAD_REQUEST",
                "target");
  v1::WatchRequest resumed;
  resumed.set_key("kept");
  resumed.set_resume_token("nonsense");
  ExpectRefused("resume token", watch(resumed), grpc::INVALID_ARGUMENT, "BAD_RESUME_TOKEN",
                "resume_token");

  // A ticket as another cell would give it out.
  CellId elsewhere;
  elsewhere.bytes.fill(7);
  const Bytes other_key(32, 7);
  const std::string foreign =
      arbiter::FormatTicket({DataCenterAt(0), Slot(1), KeyTag{}, kept.op}, elsewhere, other_key);
  const auto tickets = v1::Tickets::NewStub(ChannelOf(0));
  for (const std::string& text : {foreign, std::string("nonsense"), std::string()}) {
    v1::GetTicketRequest one;
    one.set_ticket(text);
    v1::WaitTicketRequest wait;
    wait.set_ticket(text);
    v1::Ticket ticket;
    ExpectRefused("ticket",
                  unary([&](auto& context) { return tickets->Get(&context, one, &ticket); }),
                  grpc::INVALID_ARGUMENT, "BAD_TICKET", "ticket");
    ExpectRefused("ticket to wait for",
                  unary([&](auto& context) { return tickets->Wait(&context, wait, &ticket); }),
                  grpc::INVALID_ARGUMENT, "BAD_TICKET", "ticket");
  }

  // What was there is there, and nothing else came in.
  EXPECT_EQ(ValueOf(client->Get(AsBytes("kept"), ReadMode::kLatest, Version(), kPatience)),
            "value");
  const auto now = client->History(AsBytes("kept"), 0, "", kPatience);
  ASSERT_TRUE(now.ok()) << now.status();
  EXPECT_EQ(now->versions.size(), 1u);
  const auto raw = client->Get(AsBytes("raw"), ReadMode::kLatest, Version(), kPatience);
  EXPECT_EQ(engine::ReasonOf(raw.status()), "NO_SUCH_KEY");
}

TEST_F(NodeServiceTest, FarTooLargeIsNotEvenSent) {
  const auto refused =
      Set(*ClientOf({0}), "k", std::string(kValueBytesMax + (std::size_t{1} << 20), 'v'));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(engine::ReasonOf(refused.status()), "VALUE_TOO_LARGE");
}

TEST_F(NodeServiceTest, ErrorsOfTheClientNameTheEndpoint) {
  const auto empty_key = Set(*ClientOf({0}), "", "v");
  EXPECT_EQ(engine::ReasonOf(empty_key.status()), "BAD_KEY");
  EXPECT_EQ(Detail(empty_key.status(), "endpoint"), demo_->endpoint(NodeAt(0)));
}

TEST_F(NodeServiceTest, DeletedKeyIsGoneForGetAndListButNotForHistory) {
  const auto client = ClientOf({4});
  ASSERT_TRUE(Set(*client, "deleted/a", "one").ok());
  ASSERT_TRUE(Set(*client, "deleted/b", "two").ok());
  SetOptions deletion = NewSet();
  deletion.base = {arbiter::Base::Kind::kVersion, Version(1)};
  std::vector<SetEvent> events;
  const auto done = client->Delete(AsBytes("deleted/a"), deletion,
                                   [&](const SetEvent& event) { events.push_back(event); });
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_TRUE(std::holds_alternative<Accepted>(events.at(0)));
  EXPECT_EQ(done->decision->outcome, OutcomeKind::kWon);
  EXPECT_EQ(done->decision->version, Version(2));
  EXPECT_GE(done->level->level, Level::kSafe);

  const auto gone = client->Get(AsBytes("deleted/a"), ReadMode::kLatest, Version(), kPatience);
  EXPECT_EQ(engine::ReasonOf(gone.status()), "NO_SUCH_KEY");
  EXPECT_EQ(ValueOf(client->Get(AsBytes("deleted/a"), ReadMode::kVersion, Version(1), kPatience)),
            "one");
  const auto list = client->List(AsBytes("deleted/"), 0, "", kPatience);
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->keys.size(), 1u);
  EXPECT_EQ(ToString(list->keys[0].key), "deleted/b");

  const auto history = client->History(AsBytes("deleted/a"), 0, "", kPatience);
  ASSERT_TRUE(history.ok()) << history.status();
  ASSERT_EQ(history->versions.size(), 2u);
  EXPECT_EQ(history->versions[0].kind, arbiter::OpKind::kDelete);
  EXPECT_EQ(history->versions[0].op, deletion.op);
  EXPECT_EQ(history->versions[0].stamp.node, "frankfurt-2");
  EXPECT_EQ(history->versions[1].kind, arbiter::OpKind::kSet);
  EXPECT_EQ(history->versions[1].version, Version(1));
  EXPECT_EQ(history->versions[1].script, "nested");
  EXPECT_EQ(history->versions[1].shares.size(), 3u);
  EXPECT_GT(history->versions[0].closed, history->versions[1].closed);

  SetOptions absent = NewSet();
  absent.base.kind = arbiter::Base::Kind::kAbsent;
  EXPECT_EQ(engine::ReasonOf(client->Delete(AsBytes("deleted/b"), absent).status()), "BAD_REQUEST");
}

TEST_F(NodeServiceTest, PagesAddUpToAllKeysOfAllHomesInOrder) {
  const auto client = ClientOf({2});
  std::vector<std::string> keys;
  for (int home = 0; home < kDataCenterCount; ++home) {
    for (const char* stem : {"pages/x", "pages/y"}) keys.push_back(KeyWithHome(stem, home));
  }
  for (const std::string& key : keys) ASSERT_TRUE(Set(*client, key, "v").ok());
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::vector<std::string> listed;
  std::string token;
  do {
    // Each page through another node: the token is good at all of them.
    const auto page = ClientOf({static_cast<int>(listed.size()) % kNodeCount})
                          ->List(AsBytes("pages/"), 2, token, kPatience);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LE(page->keys.size(), 2u);
    for (const ListedKey& key : page->keys) listed.push_back(ToString(key.key));
    token = page->next_page_token;
  } while (!token.empty());
  EXPECT_EQ(listed, keys);
}

TEST_F(NodeServiceTest, ScriptOfAValueIsTheOneAskedFor) {
  const auto client = ClientOf({1});
  SetOptions options = NewSet();
  options.script = "flat";
  ASSERT_TRUE(Set(*client, "script/flat", "v", options).ok());
  EXPECT_EQ(
      ValueOf(ClientOf({6})->Get(AsBytes("script/flat"), ReadMode::kLatest, Version(), kPatience)),
      "v");
  const auto history = client->History(AsBytes("script/flat"), 1, "", kPatience);
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_EQ(history->versions.at(0).script, "flat");
}

TEST_F(NodeServiceTest, WatchTellsEveryVersionAndGoesOnThroughAnotherNode) {
  // Writes once the watch stands, and takes the node away that it goes through.
  const std::string key = "watched/" + arbiter::FormatOpId(NewSet().op);
  const auto writer = ClientOf({5});
  std::vector<std::uint64_t> versions;
  WatchOptions options;
  options.prefix = true;
  options.timeout = kPatience;
  std::thread later;
  int progresses = 0;
  const auto end = ClientOf({6, 7})->Watch(AsBytes(key), options, [&](const WatchUpdate& update) {
    EXPECT_FALSE(update.resume_token.empty());
    if (!update.change.has_value()) {
      if (++progresses == 1) {
        later = std::thread([&] {
          EXPECT_TRUE(Set(*writer, key, "1").ok());
          EXPECT_TRUE(*writer->StopNode("tokyo-1", kPatience));
          EXPECT_TRUE(Set(*writer, key, "2").ok());
        });
      }
      return true;
    }
    EXPECT_EQ(ToString(update.change->key), key);
    const std::uint64_t version = update.change->version.version.value();
    if (versions.empty() || version > versions.back()) versions.push_back(version);
    return versions.size() < 2;
  });
  if (later.joinable()) later.join();
  EXPECT_TRUE(*writer->StartNode("tokyo-1", /*new_disk=*/false, kPatience));
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_TRUE(end->stopped);
  EXPECT_EQ(versions, (std::vector<std::uint64_t>{1, 2}));

  // From the token, only what came after it; then the time is up, which is no error.
  ASSERT_TRUE(Set(*writer, key, "3").ok());
  options.resume_token = end->resume_token;
  options.timeout = absl::Seconds(5);
  std::uint64_t newest = 0;
  const auto resumed = ClientOf({3})->Watch(AsBytes(key), options, [&](const WatchUpdate& update) {
    if (update.change.has_value()) newest = update.change->version.version.value();
    return newest < 3;
  });
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(newest, 3u);
  WatchOptions quiet;
  quiet.timeout = absl::Seconds(2);
  const auto over =
      ClientOf({3})->Watch(AsBytes(key), quiet, [](const WatchUpdate&) { return true; });
  ASSERT_TRUE(over.ok()) << over.status();
  EXPECT_FALSE(over->stopped);
}

TEST_F(NodeServiceTest, WatcherThatDoesNotReadIsEndedWithTheTokenToResumeFrom) {
  constexpr int kKeys = 1500;
  constexpr int kWriters = 128;
  const std::string prefix = "unread/" + std::string(900, 'x');
  // gRPC itself reads ahead; here as little as it can.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 16 * 1024);
  const auto stub = v1::KeyValue::NewStub(grpc::CreateCustomChannel(
      demo_->endpoint(NodeAt(1)), grpc::InsecureChannelCredentials(), arguments));
  v1::WatchRequest request;
  request.set_prefix(prefix);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + 4 * kPatience));
  const auto stream = stub->Watch(&context, request);
  v1::WatchEvent event;
  ASSERT_TRUE(stream->Read(&event));
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([w, &prefix] {
      const auto client = ClientOf({w % kNodeCount});
      for (int i = w; i < kKeys; i += kWriters) {
        EXPECT_TRUE(Set(*client, prefix + std::to_string(i), "v").ok());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  std::map<std::string, int> told;
  std::string token;
  while (stream->Read(&event)) {
    if (event.has_change()) ++told[event.change().key()];
    token = event.resume_token();
  }
  const grpc::Status ended = stream->Finish();
  EXPECT_EQ(ended.error_code(), grpc::RESOURCE_EXHAUSTED) << ended.error_message();
  const absl::Status why = FromGrpcStatus(ended);
  EXPECT_EQ(engine::ReasonOf(why), "NOT_READ");
  EXPECT_EQ(Detail(why, "resume_token"), token);
  EXPECT_LT(told.size(), WatchCall::kEventsMax) << "what waited was dropped";
  // Resumed from there, nothing is missing.
  WatchOptions options;
  options.prefix = true;
  options.resume_token = token;
  options.timeout = kPatience;
  const auto rest = ClientOf({2})->Watch(AsBytes(prefix), options, [&](const WatchUpdate& update) {
    if (update.change.has_value()) ++told[ToString(update.change->key)];
    return told.size() < static_cast<std::size_t>(kKeys);
  });
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_EQ(told.size(), static_cast<std::size_t>(kKeys));
}

TEST_F(NodeServiceTest, TicketIsWaitedForToTheLevelAskedFor) {
  SetOptions options = NewSet();
  options.until = Level::kAccepted;
  const auto set = Set(*ClientOf({3}), "waited-for", "v", options);
  ASSERT_TRUE(set.ok()) << set.status();
  const auto full = ClientOf({8})->TicketWait(set->accepted->ticket, Level::kFull, kPatience);
  ASSERT_TRUE(full.ok()) << full.status();
  EXPECT_EQ(full->level, Level::kFull);
  EXPECT_EQ(full->decision.outcome, OutcomeKind::kWon);
}

TEST_F(NodeServiceTest, HomeOfAKeyIsTold) {
  EXPECT_EQ(*ClientOf({8})->Locate(AsBytes(KeyWithHome("located", 1)), kPatience), "frankfurt");
  for (const std::string& no_key :
       {std::string(), std::string(cryptoscatter::kKeyNameBytesMax + 1, 'k')}) {
    EXPECT_EQ(engine::ReasonOf(ClientOf({8})->Locate(AsBytes(no_key), kPatience).status()),
              "BAD_KEY");
  }
}

TEST_F(NodeServiceTest, HealthFollowsTheNode) {
  for (const std::string service :
       {"", "worldb.v1.KeyValue", "worldb.v1.Tickets", "worldb.v1.Cluster"}) {
    EXPECT_TRUE(Eventually([&] { return HealthOf(demo_->endpoint(NodeAt(3)), service) == 1; }))
        << service;
  }
  EXPECT_EQ(HealthOf(demo_->endpoint(NodeAt(3)), "no.such.Service"), 0);
  // Alone in its triad a node serves no home, so it says that it is not well.
  tools::LocalCell::Options options;
  options.data_dir = directory_->path() + "/alone";
  const auto cell = tools::LocalCell::Open(options);
  ASSERT_TRUE(cell.ok()) << cell.status();
  ASSERT_TRUE((*cell)->StartNode(NodeAt(0)).ok());
  const auto service = NodeService::Start((*cell)->node(NodeAt(0)), (*cell)->cell(), NodeAt(0), {});
  ASSERT_TRUE(service.ok()) << service.status();
  const std::string alone = "127.0.0.1:" + std::to_string((*service)->port());
  EXPECT_EQ(HealthOf(alone, ""), 2);
  EXPECT_EQ(HealthOf(alone, "worldb.v1.KeyValue"), 2);
  // Nor does it tell of its services unasked.
  EXPECT_EQ(CallByName(alone, kReflection, "\x3a\x01*").first.error_code(), grpc::UNIMPLEMENTED);
}

TEST_F(NodeServiceTest, ReflectionNamesTheServices) {
  const auto [status, answer] = CallByName(demo_->endpoint(NodeAt(0)), kReflection, "\x3a\x01*");
  ASSERT_TRUE(status.ok()) << status.error_message();
  for (const char* service : {"worldb.v1.KeyValue", "worldb.v1.Tickets", "worldb.v1.Cluster",
                              "worldb.demo.v1.Demo", "grpc.health.v1.Health"}) {
    EXPECT_NE(answer.find(service), std::string::npos) << service;
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
  // Around the shortest window; how long things take here decides which of them comes before it.
  for (int i = 0; i < 100; ++i) {
    SetOptions options = NewSet();
    options.timeout = absl::Milliseconds(10 + 7 * (i % 5));
    const auto set = Set(*client, "impatient" + std::to_string(i), "v", options);
    const std::string ticket = Detail(set.status(), "ticket");
    if (set.ok() || ticket.empty()) continue;
    if (engine::ReasonOf(set.status()) == "TOLERANCE_NOT_REACHED") continue;
    EXPECT_EQ(set.status().code(), absl::StatusCode::kDeadlineExceeded) << set.status();
    EXPECT_EQ(engine::ReasonOf(set.status()), "OUTCOME_UNKNOWN");
    EXPECT_EQ(Detail(set.status(), "op_id"), arbiter::FormatOpId(options.op));
    // Nothing is lost: the op ends, and its ticket says how.
    EXPECT_TRUE(Eventually([&] {
      const auto answer = client->TicketWait(ticket, Level::kSafe, kPatience);
      return answer.ok() && answer->final && answer->decision.outcome == OutcomeKind::kWon;
    }));
    return;
  }
  FAIL() << "no deadline came between record and outcome";
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
  const std::string ticket = event.accepted().ticket();
  context.TryCancel();
  while (stream->Read(&event)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::CANCELLED);
  const auto ended = ClientOf({4})->TicketWait(ticket, Level::kSafe, kPatience);
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(ended->decision.outcome, OutcomeKind::kWon);
  EXPECT_GE(ended->level, Level::kSafe);
  EXPECT_EQ(
      ValueOf(ClientOf({4})->Get(AsBytes("cancelled"), ReadMode::kLatest, Version(), kPatience)),
      "value");
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

  ASSERT_TRUE(*through_stopped->StartNode("virginia-1", /*new_disk=*/false, kPatience));
  EXPECT_FALSE(*through_stopped->StartNode("virginia-1", /*new_disk=*/false, kPatience));
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
  // The home's log learns within moments that tokyo is gone.
  ASSERT_TRUE(Eventually([&] {
    const auto status = client->Status(0, kPatience);
    return status.ok() && status->home.out == std::vector<std::string>{"tokyo"};
  }));
  std::optional<Accepted> on_record;
  const auto set = client->Set(AsBytes(key), AsBytes("v"), options, [&](const SetEvent& event) {
    if (const auto* accepted = std::get_if<Accepted>(&event)) on_record = *accepted;
  });
  EXPECT_EQ(set.status().code(), absl::StatusCode::kFailedPrecondition) << set.status();
  EXPECT_EQ(engine::ReasonOf(set.status()), "TOLERANCE_NOT_REACHED");
  ASSERT_TRUE(on_record.has_value());
  EXPECT_EQ(on_record->out, std::vector<std::string>{"tokyo"});
  EXPECT_EQ(on_record->within_reach, Level::kHeld);
  EXPECT_EQ(Detail(set.status(), "wanted"), "SAFE");
  EXPECT_EQ(Detail(set.status(), "reached"), "HELD");
  EXPECT_EQ(Detail(set.status(), "shares_tokyo"), "0");
  EXPECT_EQ(Detail(set.status(), "shares_virginia"), "3");
  const std::string ticket = Detail(set.status(), "ticket");
  for (const char* node : {"tokyo-1", "tokyo-2", "tokyo-3"}) {
    ASSERT_TRUE(*client->StartNode(node, /*new_disk=*/false, kPatience));
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
  SetOptions options = NewSet();
  options.timeout = absl::Seconds(2);
  const auto silent = Set(*client, KeyWithHome("kept", 1), "not now", options);
  EXPECT_EQ(silent.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(engine::ReasonOf(silent.status()), "TRIAD_UNAVAILABLE") << silent.status();
  EXPECT_EQ(Detail(silent.status(), "home"), "frankfurt");
  EXPECT_EQ(Detail(silent.status(), "op_id"), arbiter::FormatOpId(options.op));
  const auto surviving = client->Get(AsBytes(key), ReadMode::kSurviving, Version(), kPatience);
  EXPECT_EQ(ValueOf(surviving), "v");
  EXPECT_TRUE(surviving->home_silent);
  // One data center alone cannot read, and says what is missing.
  for (const char* node : {"tokyo-1", "tokyo-2", "tokyo-3"}) {
    ASSERT_TRUE(*client->StopNode(node, kPatience));
  }
  const auto alone = client->Get(AsBytes(key), ReadMode::kSurviving, Version(), kPatience);
  EXPECT_EQ(engine::ReasonOf(alone.status()), "SHARES_INSUFFICIENT") << alone.status();
  EXPECT_EQ(Detail(alone.status(), "have"), "3");
  EXPECT_EQ(Detail(alone.status(), "need"), "4");
  EXPECT_EQ(Detail(alone.status(), "missing"),
            "frankfurt-1,frankfurt-2,frankfurt-3,tokyo-1,tokyo-2,tokyo-3");
  for (const char* node :
       {"frankfurt-1", "frankfurt-2", "frankfurt-3", "tokyo-1", "tokyo-2", "tokyo-3"}) {
    ASSERT_TRUE(*client->StartNode(node, /*new_disk=*/false, kPatience));
  }
  EXPECT_TRUE(Eventually([&] {
    return ValueOf(client->Get(AsBytes(key), ReadMode::kLatest, Version(), kPatience)) == "v";
  }));
  // The node that took the write in kept it; its stamp is too old by now.
  const auto judged =
      client->TicketWait(Detail(silent.status(), "ticket"), Level::kSafe, kPatience);
  ASSERT_TRUE(judged.ok()) << judged.status();
  EXPECT_EQ(judged->decision.outcome, OutcomeKind::kLate);
}

TEST_F(NodeServiceTest, StatusIsTheNodesOwn) {
  const auto client = ClientOf({5});
  const auto status = client->Status(0, kPatience);
  ASSERT_TRUE(status.ok()) << status.status();
  EXPECT_EQ(status->node, "frankfurt-3");
  EXPECT_EQ(status->data_center, "frankfurt");
  EXPECT_EQ(status->cell, demo_->cell().cell()->id());
  EXPECT_EQ(status->clock_bound, absl::Milliseconds(1));
  EXPECT_LE(status->home.checkpoint, status->home.applied);
}

TEST_F(NodeServiceTest, StatusCarriesEveryCount) {
  engine::NodeStatus status;
  status.staged_bytes = 1;
  status.repair = {2, 3, 4, 5, 6, 7, 8, 9, 10};
  status.home.applied = LogIndex(12);
  status.home.checkpoint = LogIndex(11);
  v1::StatusResponse wire;
  NodeStatusToWire(status, *demo_->cell().cell(), wire);
  const NodeResult result = NodeResultFromWire(wire);
  EXPECT_EQ(result.staged_bytes, 1u);
  EXPECT_EQ(result.repair, status.repair);
  EXPECT_EQ(result.home.applied, 12u);
  EXPECT_EQ(result.home.checkpoint, 11u);
}

// By the SETTINGS frame with which a server begins (RFC 9113 6.5): 9 bytes of head, then pairs of a
// 16-bit name and a 32-bit value.
TEST_F(NodeServiceTest, CallsOfOneConnectionHaveABound) {
  const std::string endpoint = demo_->endpoint(NodeAt(0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port =
      htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(socket, 0);
  ASSERT_EQ(connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  const std::string hello("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  ASSERT_EQ(write(socket, hello.data(), hello.size()), static_cast<ssize_t>(hello.size()));
  const auto receive = [socket](std::size_t count) {
    Bytes bytes(count);
    EXPECT_EQ(recv(socket, bytes.data(), count, MSG_WAITALL), static_cast<ssize_t>(count));
    return bytes;
  };
  const auto number = [](const Bytes& bytes, std::size_t at, std::size_t count) {
    std::uint32_t value = 0;
    for (std::size_t i = at; i < at + count; ++i) value = value << 8 | bytes[i];
    return value;
  };
  const Bytes head = receive(9);
  ASSERT_EQ(head[3], 4) << "SETTINGS";
  const Bytes settings = receive(number(head, 0, 3));
  close(socket);
  constexpr std::uint32_t kMaxConcurrentStreams = 3;
  std::uint32_t calls_max = 0;
  for (std::size_t at = 0; at + 6 <= settings.size(); at += 6) {
    if (number(settings, at, 2) == kMaxConcurrentStreams) calls_max = number(settings, at + 2, 4);
  }
  EXPECT_EQ(calls_max, static_cast<std::uint32_t>(kCallsPerConnectionMax));
  EXPECT_GE(calls_max, 4000u) << "what docs/performance.md puts on one connection";
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
