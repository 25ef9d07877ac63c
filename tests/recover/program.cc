#include "tests/recover/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>

#include "cryptoscatter/base/check.h"

extern char** environ;

namespace worldb::testing {
namespace {

// Reads what is there; false at the end.
bool ReadSome(int descriptor, std::string& into) {
  std::array<char, 65536> buffer;
  const ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
  if (count > 0) into.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0;
}

}  // namespace

std::vector<nlohmann::json> ProgramResult::Events(const std::string& event) const {
  std::vector<nlohmann::json> events;
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(event) == std::string::npos) continue;  // there may be very many of others
    auto object = nlohmann::json::parse(line, nullptr, false);
    if (object.is_object() && object.value("event", "") == event) events.push_back(object);
  }
  return events;
}

ProgramResult RunRecover(const std::vector<std::string>& arguments, int signal_after_lines,
                         int signal) {
  const char* program = std::getenv("WORLDB_RECOVER_BINARY");
  WORLDB_CHECK(program != nullptr);
  std::vector<std::string> words = {program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  std::array<int, 2> out{};
  std::array<int, 2> err{};
  WORLDB_CHECK(::pipe2(out.data(), O_CLOEXEC) == 0 && ::pipe2(err.data(), O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
  pid_t child = 0;
  WORLDB_CHECK(::posix_spawn(&child, program, &actions, nullptr, argv.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);

  ProgramResult result;
  std::array<pollfd, 2> ends = {pollfd{out[0], POLLIN, 0}, pollfd{err[0], POLLIN, 0}};
  bool signalled = false;
  std::size_t counted = 0;  // bytes of the output whose lines are counted
  std::ptrdiff_t lines = 0;
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    WORLDB_CHECK(::poll(ends.data(), ends.size(), -1) > 0);
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (ends[i].fd < 0 || ends[i].revents == 0) continue;
      if (!ReadSome(ends[i].fd, i == 0 ? result.out : result.err)) ends[i].fd = -1;
    }
    lines += std::count(result.out.begin() + static_cast<std::ptrdiff_t>(counted), result.out.end(),
                        '\n');
    counted = result.out.size();
    if (!signalled && lines >= signal_after_lines) {
      signalled = true;
      ::kill(child, signal);
    }
  }
  int status = 0;
  rusage usage{};
  WORLDB_CHECK(::wait4(child, &status, 0, &usage) == child);
  ::close(out[0]);
  ::close(err[0]);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  result.memory_kib = usage.ru_maxrss;
  return result;
}

}  // namespace worldb::testing
