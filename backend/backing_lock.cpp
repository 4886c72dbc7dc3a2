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

/// Who has the whole and | locks to write                  | locks to read
///   writes alone         | everything                      |
///   only reads           |                                 | everything
///   shares and writes    | its byte of `shared`            | common, parts
///   shares and reads     |                                 | common, parts
/// Who has a part and
///   writes alone         | its byte of `parts`             |
///   only reads           |                                 | common, shared
///   shares and writes    | its byte of `shared_parts`      | common
///   shares and reads     |                                 | common
struct Zone {
    std::uint64_t from;
    std::uint64_t length;
};
constexpr std::uint64_t quarter = std::uint64_t{1} << 61;
constexpr Zone common{0, quarter}; ///< the data are here
constexpr Zone parts{quarter, quarter};
constexpr Zone shared{2 * quarter, quarter};
constexpr Zone shared_parts{3 * quarter, quarter - 1}; ///< an off_t ends here
constexpr Zone everything{0, 0};                       ///< to the end, wherever that is

void lock_range(int fd, const std::string& path, short type, const Zone& zone) {
    struct ::flock range {};
    range.l_type = type;
    range.l_whence = SEEK_SET;
    range.l_start = static_cast<::off_t>(zone.from);
    range.l_len = static_cast<::off_t>(zone.length);
    if (::fcntl(fd, F_OFD_SETLK, &range) == 0)
        return;
    if (errno == EAGAIN || errno == EACCES)
        throw std::system_error(EBUSY, std::generic_category(),
                                path + " is already in use by another logical unit or program");
    throw std::system_error(errno, std::generic_category(), "cannot lock " + path);
}

void lock_to_read(int fd, const std::string& path, const Zone& zone) {
    lock_range(fd, path, F_RDLCK, zone);
}

void lock_to_write(int fd, const std::string& path, const Zone& zone) {
    lock_range(fd, path, F_WRLCK, zone);
}

void lock_byte(int fd, const std::string& path, const Zone& zone, std::uint64_t number) {
    lock_to_write(fd, path, {zone.from + number % zone.length, 1});
}

} // namespace

Sharing sharing_of(const LunConfig& config) {
    const std::uint64_t unit = fnv1a(config.serial);
    Sharing sharing{config.read_only, {}, unit};
    if (!config.exclusive)
        sharing.shared_as = unit;
    return sharing;
}

void lock_backing(int fd, const std::string& path, const Sharing& sharing) {
    if (!sharing.shared_as)
        return sharing.read_only ? lock_to_read(fd, path, everything)
                                 : lock_to_write(fd, path, everything);
    // Readers without the option lock these bytes as well: where there are any, nobody writes.
    if (!sharing.read_only)
        lock_byte(fd, path, shared, *sharing.shared_as);
    lock_to_read(fd, path, common);
    lock_to_read(fd, path, parts);
}

void lock_for_a_part(int fd, const std::string& path, const Sharing& sharing) {
    if (!sharing.shared_as && !sharing.read_only)
        return lock_byte(fd, path, parts, sharing.unit);
    lock_to_read(fd, path, common);
    if (!sharing.shared_as)
        lock_to_read(fd, path, shared);
    else if (!sharing.read_only)
        lock_byte(fd, path, shared_parts, *sharing.shared_as);
}

} // namespace pvscsi::backend
