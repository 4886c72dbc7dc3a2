#include "common/base/small_file.hpp"

#include "common/base/unique_fd.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace pvscsi {

namespace {

tl::unexpected<SmallFileError> failed(int error) {
    return unexpected(SmallFileError{error, std::generic_category().message(error)});
}

tl::unexpected<SmallFileError> refused(std::string reason) {
    return unexpected(SmallFileError{0, std::move(reason)});
}

tl::unexpected<SmallFileError> too_large(std::size_t limit) {
    return refused("larger than " + std::to_string(limit) +
                   " bytes, more than a configuration file has");
}

Expected<std::string, SmallFileError> read_all(int fd, std::size_t limit) {
    std::string text;
    for (std::size_t size = 0;;) {
        text.resize(size + std::min(limit + 1 - size, std::size_t{16384}));
        const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failed(errno);
        size += static_cast<std::size_t>(got);
        if (size > limit)
            return too_large(limit);
        if (got == 0) {
            text.resize(size);
            return text;
        }
    }
}

} // namespace

Expected<std::string, SmallFileError> read_small_file(const std::string& path, std::size_t limit) {
    struct ::stat before {};
    if (::stat(path.c_str(), &before) != 0)
        return failed(errno);
    if (!S_ISREG(before.st_mode))
        return refused("not a regular file");
    const UniqueFd fd(adopt_fd, ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd)
        return failed(errno);
    struct ::stat info {};
    if (::fstat(fd.get(), &info) != 0)
        return failed(errno);
    if (!S_ISREG(info.st_mode)) // it has been replaced since
        return refused("not a regular file");
    if (info.st_size > 0 && static_cast<std::size_t>(info.st_size) > limit)
        return too_large(limit);
    return read_all(fd.get(), limit);
}

} // namespace pvscsi
