// Source: fcntl(2), "Open file description locks". A lock may be behind the end of a file, and on
// any kind of node.
#include "backend/backing_lock.hpp"

#include "backend/target.hpp"
#include "common/base/fnv.hpp"

#include <cerrno>
#include <fcntl.h>
#include <system_error>

namespace pvscsi::backend {

namespace {

/// Below are the data, which all that share lock to read; from here on is a byte for each writer
/// among them.
constexpr std::uint64_t own_bytes = std::uint64_t{1} << 62;
constexpr ::off_t to_the_end = 0;

void lock_range(int fd, const std::string& path, short type, std::uint64_t from, ::off_t length) {
    struct ::flock range {};
    range.l_type = type;
    range.l_whence = SEEK_SET;
    range.l_start = static_cast<::off_t>(from);
    range.l_len = length;
    if (::fcntl(fd, F_OFD_SETLK, &range) == 0)
        return;
    if (errno == EAGAIN || errno == EACCES)
        throw std::system_error(EBUSY, std::generic_category(),
                                path + " is already in use by another logical unit or program");
    throw std::system_error(errno, std::generic_category(), "cannot lock " + path);
}

} // namespace

Sharing sharing_of(const LunConfig& config) {
    Sharing sharing{config.read_only, {}};
    if (!config.exclusive)
        sharing.shared_as = fnv1a(config.serial);
    return sharing;
}

void lock_backing(int fd, const std::string& path, const Sharing& sharing) {
    if (!sharing.shared_as)
        return lock_range(fd, path, sharing.read_only ? F_RDLCK : F_WRLCK, 0, to_the_end);
    // Readers without the option lock these bytes as well: where there are any, nobody writes.
    if (!sharing.read_only)
        lock_range(fd, path, F_WRLCK, own_bytes + *sharing.shared_as % own_bytes, 1);
    lock_range(fd, path, F_RDLCK, 0, static_cast<::off_t>(own_bytes));
}

} // namespace pvscsi::backend
