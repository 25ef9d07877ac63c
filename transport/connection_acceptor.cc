#include "transport/connection_acceptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace worldb::transport {
namespace {

// The kernel gives the lowest free number, so one at or above the ceiling says that all below it are taken.
int Ceiling() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<int>::max();
  constexpr rlim_t kMost = std::numeric_limits<int>::max();
  const int all = static_cast<int>(std::min(limit.rlim_cur, kMost));
  return all - std::min(all / 4, ConnectionAcceptor::kReserveMax);
}

bool SetOption(int socket, int level, int option) {
  const int on = 1;
  return setsockopt(socket, level, option, &on, sizeof on) == 0;
}

// The port, or nothing.
std::optional<int> BindAndListen(int socket, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  socklen_t length = sizeof address;
  auto* const raw = reinterpret_cast<sockaddr*>(&address);
  // Never SO_REUSEPORT: two servers could share a port and split its connections between them.
  if (!SetOption(socket, SOL_SOCKET, SO_REUSEADDR) || bind(socket, raw, length) != 0 ||
      listen(socket, SOMAXCONN) != 0 || getsockname(socket, raw, &length) != 0) {
    return std::nullopt;
  }
  return ntohs(address.sin_port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ConnectionAcceptor>> ConnectionAcceptor::Listen(int port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const std::optional<int> bound = listener < 0 ? std::nullopt : BindAndListen(listener, port);
  if (bound.has_value()) {
    return std::unique_ptr<ConnectionAcceptor>(new ConnectionAcceptor(listener, *bound));
  }
  const int why = errno;
  if (listener >= 0) close(listener);
  return absl::UnavailableError(absl::StrCat("cannot listen on 127.0.0.1:", port,
                                             why == EMFILE || why == ENFILE
                                                 ? ": no file descriptor is left"
                                                 : ": the port is in use or not allowed"));
}

ConnectionAcceptor::ConnectionAcceptor(int listener, int port)
    : listener_(listener), port_(port), ceiling_(Ceiling()) {}

ConnectionAcceptor::~ConnectionAcceptor() { Stop(); }

void ConnectionAcceptor::Start(Taker taker) {
  thread_ = std::thread([this, taker = std::move(taker)] { Run(taker); });
}

void ConnectionAcceptor::Stop() {
  if (listener_ < 0) return;
  {
    MutexLock lock(mu_);
    ending_ = true;
    ending_changed_.NotifyAll();
  }
  shutdown(listener_, SHUT_RDWR);  // ends a poll() that waits
  if (thread_.joinable()) thread_.join();
  close(std::exchange(listener_, -1));
}

bool ConnectionAcceptor::HasRoom() const {
  const int next = eventfd(0, EFD_CLOEXEC);
  if (next >= 0) close(next);
  return next >= 0 && next < ceiling_;
}

void ConnectionAcceptor::Run(const Taker& taker) {
  while (true) {
    // An accept() that waits would hold a descriptor meanwhile.
    pollfd ready{listener_, POLLIN, 0};
    poll(&ready, 1, -1);
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) {
      if (errno == EINTR || errno == EAGAIN || errno == ECONNABORTED) continue;
      if (EndsWithinPause()) return;
    } else if (socket >= ceiling_) {
      close(socket);
    } else {
      static_cast<void>(SetOption(socket, IPPROTO_TCP, TCP_NODELAY));  // without it, only slower
      taker(socket);
    }
  }
}

bool ConnectionAcceptor::EndsWithinPause() {
  const absl::Time until = absl::Now() + kTryAgainAfter;
  MutexLock lock(mu_);
  while (!ending_ && absl::Now() < until) ending_changed_.WaitFor(mu_, until - absl::Now());
  return ending_;
}

}  // namespace worldb::transport
