#include "common/hypervisor/xen/run_program.hpp"

#include "common/base/unique_fd.hpp"
#include "common/hypervisor/xen/xen_error.hpp"

#include <cerrno>
#include <fcntl.h>
#include <spawn.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <system_error>

namespace pvscsi::hv::xen {

namespace {

std::string joined(const std::vector<std::string>& arguments) {
    std::string line;
    for (const std::string& argument : arguments)
        line += (line.empty() ? "" : " ") + argument;
    return line;
}

/// The program's output goes to a memory file, not a pipe: xl leaves a daemon behind, and a pipe
/// that it holds open would keep us waiting.
UniqueFd output_file() {
    UniqueFd file{adopt_fd, ::memfd_create("output", MFD_CLOEXEC)};
    if (!file)
        throw_errno("memfd_create");
    return file;
}

std::string last_bytes(int fd, off_t most = 1024) {
    struct stat info {};
    if (::fstat(fd, &info) != 0)
        return {};
    std::string text(static_cast<std::size_t>(std::min(info.st_size, most)), '\0');
    const auto from = info.st_size - static_cast<off_t>(text.size());
    const ssize_t got = ::pread(fd, text.data(), text.size(), from);
    text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    while (!text.empty() && text.back() == '\n')
        text.pop_back();
    return text;
}

class SpawnActions {
  public:
    explicit SpawnActions(int output) {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO);
    }
    SpawnActions(const SpawnActions&) = delete;
    SpawnActions& operator=(const SpawnActions&) = delete;
    ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }
    [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

  private:
    posix_spawn_file_actions_t actions_{};
};

int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            throw_errno("waitpid");
    return status;
}

} // namespace

std::string run_program(const std::vector<std::string>& arguments) {
    const UniqueFd output = output_file();
    const SpawnActions actions{output.get()};
    std::vector<std::string> copies = arguments;
    std::vector<char*> argv;
    for (std::string& copy : copies)
        argv.push_back(copy.data());
    argv.push_back(nullptr);
    pid_t child = -1;
    if (const int error =
            ::posix_spawnp(&child, argv[0], actions.get(), nullptr, argv.data(), environ))
        throw std::system_error(error, std::generic_category(), "running " + arguments[0]);
    const int status = wait_for(child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return last_bytes(output.get());
    const std::string how = WIFEXITED(status) ? "exit status " + std::to_string(WEXITSTATUS(status))
                                              : "signal " + std::to_string(WTERMSIG(status));
    throw std::runtime_error(joined(arguments) + " failed (" + how +
                             "): " + last_bytes(output.get()));
}

} // namespace pvscsi::hv::xen
