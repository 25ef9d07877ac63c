// Goal:   answers that nobody reads take up no more of a node than it states, and leave room for others.
// Method: one whole cell in this process, no WAN delay; callers that never ask for what their calls
//         bring. Memory is that of the process at its height, as the system tells it.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/entropy.h"
#include "engine/cell/errors.h"
#include "engine/edge/read_budget.h"
#include "tests/support/temp_directory.h"
#include "tests/transport/near_cell.h"
#include "tools/demo_cell.h"
#include "transport/client.h"
#include "worldb/v1/key_value.grpc.pb.h"

namespace worldb::transport {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr std::size_t kLargeBytes = std::size_t{4} << 20;
constexpr char kLarge[] = "large";
constexpr char kSmall[] = "small";

// The most memory this process ever had resident.
std::uint64_t PeakBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    std::uint64_t kib = 0;
    if (absl::StartsWith(line, "VmHWM:") &&
        absl::SimpleAtoi(line.substr(6, line.find("kB") - 6), &kib)) {
      return kib << 10;
    }
  }
  return 0;
}

// Gets whose answers stay where they are.
class UnreadGets {
 public:
  explicit UnreadGets(const std::string& endpoint)
      : stub_(v1::KeyValue::NewStub(ChannelTo(endpoint))) {
    request_.set_key(kLarge);
  }
  ~UnreadGets() {
    for (const auto& call : calls_) call->context.TryCancel();
    for (const auto& call : calls_) call->reader->Finish(&call->response, &call->status, nullptr);
    Await(calls_.size());
    queue_.Shutdown();
  }

  // Returns when its answer has begun.
  void Add() {
    Call& call = *calls_.emplace_back(std::make_unique<Call>());
    call.context.set_deadline(absl::ToChronoTime(absl::Now() + 10 * kPatience));
    call.reader = stub_->AsyncGet(&call.context, request_, &queue_);
    call.reader->ReadInitialMetadata(nullptr);
    Await(1);
  }

 private:
  void Await(std::size_t count) {
    for (; count > 0; --count) {
      void* tag = nullptr;
      bool ok = false;
      queue_.Next(&tag, &ok);
    }
  }
  // gRPC itself takes in no more than a little of each answer.
  static std::shared_ptr<grpc::Channel> ChannelTo(const std::string& endpoint) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 16 * 1024);
    arguments.SetMaxReceiveMessageSize(-1);
    return grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments);
  }
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientAsyncResponseReader<v1::GetResponse>> reader;
    v1::GetResponse response;
    grpc::Status status;
  };
  const std::unique_ptr<v1::KeyValue::Stub> stub_;
  v1::GetRequest request_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Call>> calls_;
};

class UnreadAnswersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto demo = tools::DemoCell::Start(NearCell(directory_.path()));
    ASSERT_TRUE(demo.ok()) << demo.status();
    demo_ = *std::move(demo);
    client_ = *Client::Create({demo_->endpoint(NodeAt(0))});
    Set(kLarge, std::string(kLargeBytes, 'x'));
    Set(kSmall, "hello");
    ASSERT_EQ(Get(kLarge).status(), absl::OkStatus());
  }
  void Set(const std::string& key, const std::string& value) {
    SetOptions options;
    options.op = arbiter::MakeOpId(absl::Now(), SystemEntropy());
    options.timeout = kPatience;
    const auto set = client_->Set(AsBytes(key), AsBytes(value), options);
    ASSERT_TRUE(set.ok()) << set.status();
  }
  absl::StatusOr<GetResult> Get(const std::string& key) {
    return client_->Get(AsBytes(key), engine::ReadMode::kLatest, Version(), kPatience);
  }
  // Polls until the large value can be had, or until patience is over.
  bool LargeIsAnswered() {
    const absl::Time deadline = absl::Now() + kPatience;
    while (absl::Now() < deadline) {
      if (Get(kLarge).ok()) return true;
      std::this_thread::yield();
    }
    return false;
  }

  testing::TempDirectory directory_;
  std::unique_ptr<tools::DemoCell> demo_;
  std::unique_ptr<Client> client_;
};

TEST_F(UnreadAnswersTest, AreBoundedAndOthersAreAnswered) {
  constexpr int kGets = 160;
  // Of one node: the budget, and as much again for buffers on their way and what the allocator keeps.
  constexpr std::uint64_t kGrowthMax = 2 * engine::ReadBudget::kLargeBytesMax;
  // Without one, each would take up its value as a message, and encoded.
  static_assert(kGets * 2 * kLargeBytes > 2 * kGrowthMax);
  const std::uint64_t before = PeakBytes();
  ASSERT_GT(before, 0u);
  {
    UnreadGets unread(demo_->endpoint(NodeAt(0)));
    for (int i = 0; i < kGets; ++i) {
      unread.Add();
      const auto small = Get(kSmall);
      ASSERT_TRUE(small.ok()) << small.status();
    }
    EXPECT_EQ(engine::ReasonOf(Get(kLarge).status()), engine::reason::kShed);
    EXPECT_TRUE(Get(kSmall).ok());
    EXPECT_LT((PeakBytes() - before) >> 20, kGrowthMax >> 20) << "MiB";
  }
  EXPECT_TRUE(LargeIsAnswered()) << "what was given up gives its room back";
}

}  // namespace
}  // namespace worldb::transport
