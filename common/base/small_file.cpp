#include "common/base/small_file.hpp"

#include "common/base/unique_fd.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace pvscsi {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error(errno, std::generic_category(), what);
}

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

/// A disk that gets full takes a part, and tells why with the rest.
void write_all(int fd, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            fail("cannot write " + path);
        text.remove_prefix(static_cast<std::size_t>(written));
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

void replace_small_file(const std::string& path, const std::string& text) {
    const std::string folder = fs::path(path).parent_path();
    fs::create_directories(folder);
    const std::string fresh = path + ".new";
    try {
        const UniqueFd fd(adopt_fd,
                          ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!fd)
            fail("cannot make " + fresh);
        write_all(fd.get(), text, fresh);
        if (::fsync(fd.get()) != 0)
            fail("cannot write " + fresh);
    } catch (...) {
        ::unlink(fresh.c_str()); // an empty one takes room as well
        throw;
    }
    rename_small_file(fresh, path);
}

void rename_small_file(const std::string& from, const std::string& path) {
    if (::rename(from.c_str(), path.c_str()) != 0)
        fail("cannot replace " + path);
    const std::string folder = fs::path(path).parent_path();
    const UniqueFd directory(adopt_fd, ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory || ::fsync(directory.get()) != 0)
        fail("cannot write " + folder);
}

} // namespace pvscsi
