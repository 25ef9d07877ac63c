// Goal:   a failed write is told as what is known of it by all the servers that were asked, not by the last one alone.
// Method: servers on free loopback ports that answer each Set as the test says.
#include "transport/client.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "arbiter/op_id.h"
#include "cryptoscatter/base/entropy.h"
#include "engine/cell/errors.h"
#include "transport/status_translation.h"
#include "worldb/v1/key_value.grpc.pb.h"

namespace worldb::transport {
namespace {

namespace reason = engine::reason;

// Answers each Set with one status.
class OneAnswer final : public v1::KeyValue::Service {
 public:
  explicit OneAnswer(grpc::Status answer) : answer_(std::move(answer)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~OneAnswer() override { server_->Shutdown(); }

  std::string endpoint() const { return absl::StrCat("127.0.0.1:", port_); }
  int asked_count() const { return asked_count_; }

  grpc::Status Set(grpc::ServerContext*, const v1::SetRequest*,
                   grpc::ServerWriter<v1::SetEvent>*) override {
    ++asked_count_;
    return answer_;
  }

 private:
  const grpc::Status answer_;
  std::atomic<int> asked_count_ = 0;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

grpc::Status Own(absl::StatusCode code, absl::string_view reason) {
  return ToGrpcStatus(engine::MakeError(code, reason, "words"));
}
// As a call ends whose server went away with it.
grpc::Status WentAway() { return {grpc::StatusCode::UNAVAILABLE, "Socket closed"}; }

// What a Set through servers that answer so is said to have become.
std::string ReasonThrough(const std::vector<grpc::Status>& answers) {
  std::vector<std::unique_ptr<OneAnswer>> servers;
  std::vector<std::string> endpoints;
  for (const grpc::Status& answer : answers) {
    servers.push_back(std::make_unique<OneAnswer>(answer));
    endpoints.push_back(servers.back()->endpoint());
  }
  const auto client = Client::Create(endpoints);
  SetOptions options;
  options.op = arbiter::MakeOpId(absl::Now(), SystemEntropy());
  const auto result = (*client)->Set(AsBytes("key"), AsBytes("value"), options, nullptr);
  for (const auto& server : servers) EXPECT_EQ(server->asked_count(), 1);
  return result.ok() ? "OK" : engine::ReasonOf(result.status());
}

const absl::StatusCode kExhausted = absl::StatusCode::kResourceExhausted;
const absl::StatusCode kUnavailable = absl::StatusCode::kUnavailable;

TEST(ClientWrite, ARefusalIsTheTruthWhenNoServerWasLeftBehind) {
  EXPECT_EQ(ReasonThrough({Own(kExhausted, reason::kShed)}), reason::kShed);
  EXPECT_EQ(ReasonThrough({Own(kUnavailable, reason::kNoClock)}), reason::kNoClock);
}

TEST(ClientWrite, WhoeverSaysNoSpeaksForItselfAlone) {
  EXPECT_EQ(ReasonThrough({WentAway(), Own(kExhausted, reason::kShed)}), reason::kOutcomeUnknown);
  EXPECT_EQ(ReasonThrough({WentAway(), Own(kUnavailable, reason::kNoClock)}),
            reason::kOutcomeUnknown);
  EXPECT_EQ(
      ReasonThrough({Own(kUnavailable, reason::kOutcomeUnknown), Own(kExhausted, reason::kShed)}),
      reason::kOutcomeUnknown)
      << "a node that stopped in the middle of it";
}

TEST(ClientWrite, WhatTheHomeOfTheKeySaysIsTheTruthWhoeverPassesItOn) {
  EXPECT_EQ(ReasonThrough({WentAway(), Own(absl::StatusCode::kAlreadyExists, reason::kOpIdReused)}),
            reason::kOpIdReused);
}

TEST(ClientWrite, WithoutAnyWordNobodyKnows) {
  EXPECT_EQ(ReasonThrough({WentAway()}), reason::kOutcomeUnknown);
  EXPECT_EQ(ReasonThrough({WentAway(), WentAway()}), reason::kOutcomeUnknown);
}

}  // namespace
}  // namespace worldb::transport
