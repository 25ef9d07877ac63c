// Goal:   what an absl::Status says arrives whole at a client of any language, and comes back.
// Method: statuses with and without reason, through grpc::Status and back; the details' bytes are
//         read as a foreign client would, by type URL and field number.
#include "transport/status_translation.h"

#include <gtest/gtest.h>

#include <string>

#include "engine/cell/errors.h"
#include "transport/reasons.h"
#include "worldb/rpc/v1/errors.pb.h"

namespace worldb::transport {
namespace {

using absl::StatusCode;

// The detail published under this name, or empty.
std::string DetailBytes(const grpc::Status& status, const std::string& published_name) {
  rpc::v1::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  for (const auto& any : details.details()) {
    if (any.type_url() == "type.googleapis.com/google.rpc." + published_name) return any.value();
  }
  return "";
}

TEST(StatusTranslationTest, OkStaysOk) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
}

TEST(StatusTranslationTest, EveryCodeSurvivesBothWays) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<StatusCode>(code), "why");
    const grpc::Status wire = ToGrpcStatus(status);
    EXPECT_EQ(wire.error_code(), code);
    EXPECT_EQ(FromGrpcStatus(wire), status);
  }
}

TEST(StatusTranslationTest, ReasonAndDetailsComeBack) {
  const absl::Status status =
      engine::MakeError(StatusCode::kDeadlineExceeded, engine::reason::kOutcomeUnknown,
                        "not decided in time", {{"home", "virginia"}, {"ticket", "wt1_abc"}});
  const grpc::Status wire = ToGrpcStatus(status);
  const absl::Status back = FromGrpcStatus(wire);
  EXPECT_EQ(back.code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(back.message(), "not decided in time");
  EXPECT_EQ(engine::ReasonOf(back), "OUTCOME_UNKNOWN");
  EXPECT_EQ(engine::DetailsOf(back), engine::DetailsOf(status));

  rpc::v1::ErrorInfo info;
  ASSERT_TRUE(info.ParseFromString(DetailBytes(wire, "ErrorInfo")));
  EXPECT_EQ(info.reason(), "OUTCOME_UNKNOWN");
  EXPECT_EQ(info.domain(), "worldb");
  EXPECT_EQ(info.metadata().at("ticket"), "wt1_abc");
}

TEST(StatusTranslationTest, FieldNumbersAreThePublishedOnes) {
  const grpc::Status wire =
      ToGrpcStatus(engine::MakeError(StatusCode::kInvalidArgument, engine::reason::kBadKey, "m"));
  // google.rpc.Status: code is field 1 (varint 3), message field 2.
  EXPECT_EQ(wire.error_details().substr(0, 5), std::string("\x08\x03\x12\x01m", 5));
  // google.rpc.ErrorInfo: reason 1, domain 2.
  EXPECT_EQ(DetailBytes(wire, "ErrorInfo"), std::string("\x0a\x07") + "BAD_KEY" + "\x12\x06worldb");
  // google.rpc.BadRequest: field_violations 1, in it field 1 and description 2.
  EXPECT_EQ(DetailBytes(wire, "BadRequest"), std::string("\x0a\x08\x0a\x03key\x12\x01m"));
}

TEST(StatusTranslationTest, SaysWhenToRetry) {
  const grpc::Status wire = ToGrpcStatus(
      engine::MakeError(StatusCode::kUnavailable, engine::reason::kNoClock, "no clock"));
  // google.rpc.RetryInfo: retry_delay 1, in it nanos 2: 200 ms.
  rpc::v1::RetryInfo retry;
  ASSERT_TRUE(retry.ParseFromString(DetailBytes(wire, "RetryInfo")));
  EXPECT_EQ(retry.retry_delay().nanos(), 200'000'000);
  EXPECT_EQ(DetailBytes(ToGrpcStatus(engine::MakeError(StatusCode::kNotFound,
                                                       engine::reason::kNoSuchKey, "none")),
                        "RetryInfo"),
            "");
}

TEST(StatusTranslationTest, EveryErrorHasAReasonOnTheWire) {
  const grpc::Status wire = ToGrpcStatus(absl::InternalError("what"));
  rpc::v1::ErrorInfo info;
  ASSERT_TRUE(info.ParseFromString(DetailBytes(wire, "ErrorInfo")));
  EXPECT_EQ(info.reason(), "INTERNAL");
  EXPECT_EQ(info.domain(), "worldb");
}

TEST(StatusTranslationTest, LevelNotReachedIsAFailedPrecondition) {
  const grpc::Status wire = ToGrpcStatus(engine::MakeError(
      StatusCode::kFailedPrecondition, engine::reason::kToleranceNotReached, "m",
      {{"reached", "HELD"}, {"shares_tokyo", "0"}, {"ticket", "wt1_x"}, {"wanted", "SAFE"}}));
  // google.rpc.PreconditionFailure: violations 1, in it type 1, subject 2, description 3.
  EXPECT_EQ(DetailBytes(wire, "PreconditionFailure"),
            std::string("\x0a\x21\x0a\x15") + "TOLERANCE_NOT_REACHED" + "\x12\x05wt1_x\x1a\x01m");
  EXPECT_EQ(engine::DetailsOf(FromGrpcStatus(wire)).size(), 4u);
}

TEST(StatusTranslationTest, WrongFieldsAreNamedByReasonOrByDetail) {
  for (const auto& [reason, field] : {std::pair(engine::reason::kBadScript, "script"),
                                      std::pair(engine::reason::kBadPageToken, "page_token"),
                                      std::pair(engine::reason::kBadResumeToken, "resume_token"),
                                      std::pair(engine::reason::kBadTicket, "ticket")}) {
    rpc::v1::BadRequest bad;
    ASSERT_TRUE(bad.ParseFromString(DetailBytes(
        ToGrpcStatus(engine::MakeError(StatusCode::kInvalidArgument, reason, "m")), "BadRequest")));
    EXPECT_EQ(bad.field_violations(0).field(), field);
  }
  rpc::v1::BadRequest bad;
  ASSERT_TRUE(bad.ParseFromString(DetailBytes(
      ToGrpcStatus(engine::MakeError(StatusCode::kInvalidArgument, engine::reason::kBadKey, "m",
                                     {{"field", "prefix"}})),
      "BadRequest")));
  EXPECT_EQ(bad.field_violations(0).field(), "prefix");
}

TEST(StatusTranslationTest, LongAndUnprintableTextsAreCutToFitTheTrailer) {
  engine::ErrorDetails details;
  for (int i = 0; i < 40; ++i)
    details.emplace_back("d" + std::to_string(i), std::string(4000, 'x'));
  const grpc::Status wire = ToGrpcStatus(engine::MakeError(
      StatusCode::kUnavailable, engine::reason::kShed, std::string(9000, '\xff'), details));
  EXPECT_LT(wire.error_message().size() + wire.error_details().size(), 12u * 1024);
  EXPECT_EQ(engine::ReasonOf(FromGrpcStatus(wire)), "SHED");
}

TEST(StatusTranslationTest, DetailsOfOthersAreLeftAlone) {
  rpc::v1::ErrorInfo info;
  info.set_reason("QUOTA");
  info.set_domain("somewhere.else");
  rpc::v1::Status details;
  details.set_code(8);
  auto& any = *details.add_details();
  any.set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  any.set_value(info.SerializeAsString());
  const grpc::Status foreign(grpc::RESOURCE_EXHAUSTED, "full", details.SerializeAsString());
  EXPECT_EQ(engine::ReasonOf(FromGrpcStatus(foreign)), "");
  const grpc::Status garbage(grpc::INTERNAL, "what", "\xff\xff\xff");
  EXPECT_EQ(FromGrpcStatus(garbage), absl::InternalError("what"));
}

}  // namespace
}  // namespace worldb::transport
