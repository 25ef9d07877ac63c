// Goal:   an endpoint takes connections in whatever happened before: descriptors that ran out come back, and
//         the reserve is never given away.
// Method: real sockets on a free port, with the limit of this process lowered and raised.
#include "transport/connection_acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace worldb::transport {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

class ConnectionAcceptorTest : public ::testing::Test {
 protected:
  ConnectionAcceptorTest() { getrlimit(RLIMIT_NOFILE, &before_); }
  ~ConnectionAcceptorTest() override {
    Limit(before_.rlim_cur);
    for (const int descriptor : opened_) close(descriptor);
    for (const int socket : taken_) close(socket);
  }

  static void Limit(rlim_t count) {
    rlimit limit{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = count;
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  int Socket() { return opened_.emplace_back(socket(AF_INET, SOCK_STREAM, 0)); }
  static bool Connect(int socket, int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  // Takes every number below `count`.
  void Fill(int count) {
    while (true) {
      const int descriptor = open("/dev/null", O_RDONLY);
      ASSERT_GE(descriptor, 0);
      opened_.push_back(descriptor);
      if (descriptor >= count - 1) return;
    }
  }
  std::unique_ptr<ConnectionAcceptor> Started() {
    auto acceptor = ConnectionAcceptor::Listen(0);
    EXPECT_TRUE(acceptor.ok()) << acceptor.status();
    (*acceptor)->Start([this](int socket) {
      MutexLock lock(mu_);
      taken_.push_back(socket);
      changed_.NotifyAll();
    });
    return *std::move(acceptor);
  }
  bool TakesIn(std::size_t count) {
    const absl::Time deadline = absl::Now() + kPatience;
    MutexLock lock(mu_);
    while (taken_.size() < count && absl::Now() < deadline) {
      changed_.WaitFor(mu_, deadline - absl::Now());
    }
    return taken_.size() == count;
  }

  rlimit before_{};
  std::vector<int> opened_;
  Mutex mu_;
  CondVar changed_;
  std::vector<int> taken_;
};

TEST_F(ConnectionAcceptorTest, TakesInAgainWhenDescriptorsAreBack) {
  const auto acceptor = Started();
  const int first = Socket();
  const int second = Socket();
  ASSERT_TRUE(Connect(first, acceptor->port()));
  ASSERT_TRUE(TakesIn(1));
  EXPECT_TRUE(acceptor->HasRoom());
  Limit(3);  // accept() now fails with EMFILE
  EXPECT_FALSE(acceptor->HasRoom());
  ASSERT_TRUE(Connect(second, acceptor->port()));
  Limit(before_.rlim_cur);
  EXPECT_TRUE(TakesIn(2));
  EXPECT_TRUE(acceptor->HasRoom());
}

TEST_F(ConnectionAcceptorTest, TurnsAwayWhoWouldTakeFromTheReserve) {
  Limit(100);  // 25 of them in reserve
  const auto acceptor = Started();
  const int first = Socket();
  const int second = Socket();
  Fill(75);
  EXPECT_FALSE(acceptor->HasRoom());
  ASSERT_TRUE(Connect(first, acceptor->port()));
  const timeval patience{10, 0};
  ASSERT_EQ(setsockopt(first, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
  char byte = 0;
  EXPECT_EQ(recv(first, &byte, 1, 0), 0) << "closed by the other side";
  close(opened_.back());
  opened_.pop_back();
  EXPECT_TRUE(acceptor->HasRoom());
  ASSERT_TRUE(Connect(second, acceptor->port()));
  EXPECT_TRUE(TakesIn(1));
}

TEST_F(ConnectionAcceptorTest, RefusesOnceItStoppedAndItsPortCanBeHadAgain) {
  const auto acceptor = Started();
  const int port = acceptor->port();
  EXPECT_EQ(ConnectionAcceptor::Listen(port).status().code(), absl::StatusCode::kUnavailable);
  acceptor->Stop();
  acceptor->Stop();
  EXPECT_FALSE(Connect(Socket(), port));
  EXPECT_TRUE(ConnectionAcceptor::Listen(port).ok());
}

}  // namespace
}  // namespace worldb::transport
