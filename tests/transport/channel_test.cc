// Which endpoints a client would send a value to in the clear: this machine's own, by their numbers.
#include "transport/channel.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace worldb::transport {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(CheckEndpoints, TakesThisMachineAlone) {
  for (const char* good : {"127.0.0.1:7070", "127.1.2.3:1", "localhost:65535", "[::1]:7070"}) {
    EXPECT_TRUE(CheckEndpoints({good}).ok()) << good;
  }
}

// Names that only begin or end as a loopback address are looked up; where they lead, somebody else decides.
TEST(CheckEndpoints, RefusesEveryNameAndEveryOtherAddress) {
  for (const char* bad : {"127.example.invalid:7070",
                          "127.0.0.1.nip.io:7070",
                          "127.1:7070",
                          "127.0.0.1.:7070",
                          "127.0.0.256:7070",
                          "0127.0.0.1:7070",
                          "0x7f.0.0.1:7070",
                          "2130706433:7070",
                          "128.0.0.1:7070",
                          "0.0.0.0:7070",
                          "localhost.:7070",
                          "localhost.example:7070",
                          "[::]:7070",
                          "[::ffff:8.8.8.8]:7070",
                          "::1:7070",
                          " 127.0.0.1:7070",
                          "unix:127.0.0.1:7070",
                          "dns:127.0.0.1:7070",
                          "127.0.0.1,8.8.8.8:7070",
                          "user@127.0.0.1:7070",
                          ":7070"}) {
    const absl::Status status = CheckEndpoints({"127.0.0.1:7070", bad});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(bad), HasSubstr("only this machine")))
        << bad;
  }
}

TEST(CheckEndpoints, NamesWhatIsNotAnEndpoint) {
  for (const char* bad : {"127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536",
                          "127.0.0.1:http", "", "http://127.0.0.1:7070/"}) {
    const absl::Status status = CheckEndpoints({bad});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(status.message()), HasSubstr("expected HOST:PORT")) << bad;
  }
  EXPECT_FALSE(CheckEndpoints({}).ok());
}

}  // namespace
}  // namespace worldb::transport
