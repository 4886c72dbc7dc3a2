#include "tests/support/embedded_host.hpp"

#include "common/base/unique_fd.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace pvscsi::test {

namespace {

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

[[noreturn]] void run_daemon(const std::string& dir, int ready) {
    const std::string number = std::to_string(ready);
    // A test that crashes leaves nothing running.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::fcntl(ready, F_SETFD, 0);
    ::execl(PVSCSI_HOSTD, PVSCSI_HOSTD, "--dir", dir.c_str(), "--ready-fd", number.c_str(),
            "--log-level", "warning", nullptr);
    _exit(127);
}

} // namespace

EmbeddedHost::EmbeddedHost() {
    std::string pattern = std::filesystem::temp_directory_path() / "pvscsi-test-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr)
        fail("cannot make a temporary directory");
    dir_ = pattern;
    start();
}

EmbeddedHost::~EmbeddedHost() {
    stop(SIGTERM);
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
}

void EmbeddedHost::start() {
    std::array<int, 2> fds{};
    if (::pipe2(fds.data(), O_CLOEXEC) != 0)
        fail("cannot make a pipe");
    const UniqueFd read_end(adopt_fd, fds[0]);
    UniqueFd write_end(adopt_fd, fds[1]);
    pid_ = ::fork();
    if (pid_ < 0)
        fail("cannot fork");
    if (pid_ == 0)
        run_daemon(dir_, write_end.get());
    write_end.reset();
    char ready = 0;
    if (::read(read_end.get(), &ready, 1) != 1) {
        stop(SIGKILL);
        throw std::runtime_error("pvscsi-hostd did not become ready");
    }
}

int EmbeddedHost::stop(int signal) {
    if (pid_ < 0)
        return -1;
    int status = -1;
    ::kill(pid_, signal);
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
}

} // namespace pvscsi::test
