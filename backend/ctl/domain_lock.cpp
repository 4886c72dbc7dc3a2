#include "backend/ctl/domain_lock.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>

namespace pvscsi::ctl {

namespace {

[[noreturn]] void fail(const std::string& path) {
    throw std::system_error(errno, std::generic_category(), "cannot lock " + path);
}

/// Whoever had it last has removed its file.
bool is_still_there(int fd, const std::string& path) {
    struct stat ours {};
    struct stat there {};
    return ::fstat(fd, &ours) == 0 && ::lstat(path.c_str(), &there) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

} // namespace

DomainLock::DomainLock(const std::string& directory, const std::string& domain)
    : path_(directory + "/." + domain + ".lock") {
    std::filesystem::create_directories(directory);
}

bool DomainLock::take() {
    for (;;) {
        UniqueFd fd(adopt_fd,
                    ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
        if (!fd)
            fail(path_);
        if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK)
                return false;
            fail(path_);
        }
        if (is_still_there(fd.get(), path_)) {
            fd_ = std::move(fd);
            return true;
        }
    }
}

DomainLock::~DomainLock() {
    if (fd_)
        ::unlink(path_.c_str());
}

} // namespace pvscsi::ctl
