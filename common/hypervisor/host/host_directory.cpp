#include "common/hypervisor/host/host_directory.hpp"

#include "common/hypervisor/host/paths.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>

namespace pvscsi::hv::host {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

bool same_file(int fd, const std::string& path) {
    struct stat open_file {};
    struct stat named {};
    return ::fstat(fd, &open_file) == 0 && ::stat(path.c_str(), &named) == 0 &&
           open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

UniqueFd lock(const std::string& dir) {
    const std::string path = lock_file(dir);
    for (;;) {
        UniqueFd fd(adopt_fd, ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        if (!fd)
            fail(errno, "cannot open " + path);
        if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0)
            fail(errno == EWOULDBLOCK ? EADDRINUSE : errno,
                 "cannot use " + dir + ": another pvscsi-hostd serves it");
        // A predecessor that has just ended removes its file; its lock would mean nothing.
        if (same_file(fd.get(), path))
            return fd;
    }
}

} // namespace

HostDirectory::HostDirectory(std::string path) : path_(std::move(path)) {
    if (::mkdir(path_.c_str(), 0700) != 0 && errno != EEXIST)
        fail(errno, "cannot make the directory " + path_);
    lock_ = lock(path_);
    remove_contents();
}

HostDirectory::~HostDirectory() {
    remove_contents();
    ::unlink(lock_file(path_).c_str());
}

void HostDirectory::make_domain(DomId domain) const {
    std::error_code error;
    fs::create_directories(domain_dir(path_, domain), error);
    if (error)
        fail(error.value(), "cannot make " + domain_dir(path_, domain));
}

void HostDirectory::remove_domain(DomId domain) const noexcept {
    std::error_code ignored;
    fs::remove_all(domain_dir(path_, domain), ignored);
}

// Only what a broker makes: the directory may hold other things of its user.
void HostDirectory::remove_contents() const noexcept {
    std::error_code ignored;
    fs::remove_all(path_ + "/dom", ignored);
    fs::remove(broker_socket(path_, DomId{0}), ignored);
    fs::remove(store_socket(path_, DomId{0}), ignored);
}

} // namespace pvscsi::hv::host
