#include "frontend/run/child.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace pvscsi::run {

namespace {

constexpr std::array passed_on = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2};

// As env(1) and timeout(1) say it.
constexpr int status_cannot_run = 126;
constexpr int status_not_found = 127;

sigset_t handled_signals() noexcept {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : passed_on)
        sigaddset(&set, signal);
    sigaddset(&set, SIGCHLD);
    return set;
}

[[noreturn]] void execute(const std::vector<std::string>& command, const Environment& environment) {
    Signals::unblock();
    for (const auto& [name, value] : environment)
        setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> arguments;
    for (const std::string& argument : command)
        arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    const int error = errno;
    std::fprintf(stderr, "pvscsi-run: %s: %s\n", arguments[0], std::strerror(error));
    _exit(error == ENOENT ? status_not_found : status_cannot_run);
}

} // namespace

Signals::Signals() {
    const sigset_t set = handled_signals();
    sigprocmask(SIG_BLOCK, &set, nullptr);
    fd_ = UniqueFd(adopt_fd, signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd_)
        throw std::system_error(errno, std::generic_category(), "signalfd");
}

void Signals::unblock() noexcept {
    const sigset_t set = handled_signals();
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

Child::Child(const std::vector<std::string>& command, const Environment& environment) {
    pid_ = fork();
    if (pid_ < 0)
        throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ == 0)
        execute(command, environment);
}

void Child::handle(const Signals& signals) noexcept {
    signalfd_siginfo info{};
    while (read(signals.fd(), &info, sizeof(info)) == sizeof(info)) {
        const int signal = static_cast<int>(info.ssi_signo);
        // What a terminal's keys cause goes to the child as well, it is in our process group.
        if (signal != SIGCHLD && info.ssi_code != SI_KERNEL && !ended_)
            kill(pid_, signal);
    }
    if (!ended_ && waitpid(pid_, &status_, WNOHANG) == pid_)
        ended_ = true;
}

int Child::end_signal() const noexcept {
    return WIFSIGNALED(status_) ? WTERMSIG(status_) : 0;
}

int Child::exit_status() const noexcept {
    return WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
}

} // namespace pvscsi::run
