#include "common/hypervisor/host/memfd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>

namespace pvscsi::hv::host {

namespace {
[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}
} // namespace

UniqueFd make_sealed_memfd(const char* name, std::size_t size) {
    UniqueFd fd(adopt_fd, ::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!fd)
        fail("cannot make shared memory");
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0)
        fail("cannot size shared memory");
    if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        fail("cannot seal shared memory");
    return fd;
}

Result<UniqueFd> reopen(int fd, int flags) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    UniqueFd copy(adopt_fd, ::open(path.c_str(), flags | O_CLOEXEC));
    if (!copy)
        return unexpected_errno(errno);
    return copy;
}

Mapping::Mapping(int fd, std::size_t offset, std::size_t size, Access access) {
    const int protection = access == Access::read_write ? PROT_READ | PROT_WRITE : PROT_READ;
    void* address = ::mmap(nullptr, size, protection, MAP_SHARED, fd, static_cast<off_t>(offset));
    if (address == MAP_FAILED)
        fail("cannot map shared memory");
    bytes_ = {static_cast<std::byte*>(address), size};
}

Mapping::~Mapping() {
    if (!bytes_.empty())
        ::munmap(bytes_.data(), bytes_.size());
}

} // namespace pvscsi::hv::host
