#include "backend/mapped_file.hpp"

#include "common/base/unique_fd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace pvscsi::backend {

namespace {

[[noreturn]] void fail(const std::string& what, int error = errno) {
    throw std::system_error(error, std::generic_category(), what);
}

std::string unfinished(const std::string& path) {
    return path + ".new";
}

} // namespace

MappedFile::MappedFile(int fd, std::size_t size, Access access) {
    const int protection = access == Access::read ? PROT_READ : PROT_READ | PROT_WRITE;
    void* const at = ::mmap(nullptr, size, protection, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (at == MAP_FAILED)
        fail("mapping a state file");
    bytes_ = {static_cast<std::byte*>(at), size};
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), path_(std::exchange(other.path_, {})) {}

MappedFile::~MappedFile() {
    if (!bytes_.empty())
        ::munmap(bytes_.data(), bytes_.size());
    if (!path_.empty())
        ::unlink(unfinished(path_).c_str());
}

MappedFile MappedFile::create(const std::string& path, std::size_t size) {
    const std::string name = unfinished(path);
    const UniqueFd fd(adopt_fd, ::open(name.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd)
        fail("cannot make " + name);
    // Room now rather than SIGBUS later.
    if (const int error = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size)); error != 0) {
        ::unlink(name.c_str());
        fail("no room for " + name, error);
    }
    try {
        MappedFile file(fd.get(), size);
        file.path_ = path;
        return file;
    } catch (const std::system_error&) {
        ::unlink(name.c_str());
        throw;
    }
}

Expected<MappedFile, std::string> MappedFile::open(const std::string& path, std::size_t size) {
    return open(path, size, Access::write);
}

Expected<MappedFile, std::string> MappedFile::open_to_read(const std::string& path,
                                                           std::size_t size) {
    return open(path, size, Access::read);
}

Expected<MappedFile, std::string> MappedFile::open(const std::string& path, std::size_t size,
                                                   Access access) {
    const int mode = access == Access::read ? O_RDONLY : O_RDWR;
    const UniqueFd fd(adopt_fd, ::open(path.c_str(), mode | O_CLOEXEC | O_NOFOLLOW));
    if (!fd)
        return unexpected(errno == ENOENT ? path + " is not there"
                                          : path + ": " + std::generic_category().message(errno));
    struct ::stat info {};
    if (::fstat(fd.get(), &info) != 0 || info.st_size != static_cast<off_t>(size))
        return unexpected(path + " is damaged or another version's");
    try {
        return MappedFile(fd.get(), size, access);
    } catch (const std::system_error& error) {
        return unexpected(path + ": " + error.what());
    }
}

void MappedFile::publish() {
    if (::rename(unfinished(path_).c_str(), path_.c_str()) != 0)
        fail("cannot make " + path_);
    path_.clear();
}

} // namespace pvscsi::backend
