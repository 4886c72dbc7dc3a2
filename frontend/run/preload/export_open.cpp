// open and its relatives, and what makes descriptors or ends them.
#include "frontend/run/preload/exports.hpp"
#include "frontend/run/preload/files.hpp"

#include <cstdarg>
#include <fcntl.h>
#include <unistd.h>

using namespace pvscsi::preload;

namespace {

bool takes_mode(int flags) noexcept {
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
}

/// Opens what is below /dev/pvscsi. False: it is somebody else's, `result` is not set.
bool open_ours(const char* path, int flags, int& result) noexcept {
    Address address{};
    switch (classify(path, address)) {
    case Name::other:
        return false;
    case Name::directory:
    case Name::unknown_node:
        result = failed(ENOENT);
        return true;
    case Name::node:
        result = open_node(address, flags);
        return true;
    }
    return false;
}

template <class Open>
int open_path(const char* path, int flags, mode_t mode, Open* next) noexcept {
    int result = 0;
    return open_ours(path, flags, result) ? result : call(next, path, flags, mode);
}

template <class Open>
int open_path_at(int directory, const char* path, int flags, mode_t mode, Open* next) noexcept {
    int result = 0;
    return open_ours(path, flags, result) ? result : call(next, directory, path, flags, mode);
}

mode_t mode_argument(int flags, va_list arguments) noexcept {
    return takes_mode(flags) ? va_arg(arguments, mode_t) : 0;
}

int shared(int fd, int copy) noexcept {
    if (copy >= 0 && copy != fd) {
        forget(copy);
        if (const FileRef file(fd); file)
            share(*file, copy);
    }
    return copy;
}

template <class Fcntl>
int fcntl_node(int fd, int command, void* argument, Fcntl* next) noexcept {
    const int result = next(fd, command, argument);
    if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
        return shared(fd, result);
    if (command == F_GETFL && result >= 0) {
        // The socket is open for both; the program opened it otherwise, perhaps.
        if (const FileRef file(fd); file)
            return (result & ~O_ACCMODE) | file->access_mode;
    }
    return result;
}

} // namespace

PVSCSI_EXPORT int open(const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_argument(flags, arguments);
    va_end(arguments);
    return open_path(path, flags, mode, real().open);
}

PVSCSI_EXPORT int open64(const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_argument(flags, arguments);
    va_end(arguments);
    return open_path(path, flags, mode, real().open64);
}

PVSCSI_EXPORT int openat(int directory, const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_argument(flags, arguments);
    va_end(arguments);
    return open_path_at(directory, path, flags, mode, real().openat);
}

PVSCSI_EXPORT int openat64(int directory, const char* path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = mode_argument(flags, arguments);
    va_end(arguments);
    return open_path_at(directory, path, flags, mode, real().openat64);
}

// What _FORTIFY_SOURCE makes of open() without a mode.
PVSCSI_EXPORT int __open_2(const char* path, int flags) {
    return open_path(path, flags, 0, real().open);
}
PVSCSI_EXPORT int __open64_2(const char* path, int flags) {
    return open_path(path, flags, 0, real().open64);
}
PVSCSI_EXPORT int __openat_2(int directory, const char* path, int flags) {
    return open_path_at(directory, path, flags, 0, real().openat);
}
PVSCSI_EXPORT int __openat64_2(int directory, const char* path, int flags) {
    return open_path_at(directory, path, flags, 0, real().openat64);
}

PVSCSI_EXPORT int close(int fd) {
    forget(fd);
    return real().close(fd);
}

PVSCSI_EXPORT int close_range(unsigned first, unsigned last, int flags) noexcept {
    constexpr int only_marks = 1 << 2; // CLOSE_RANGE_CLOEXEC
    if ((flags & only_marks) == 0)
        forget_range(first, last);
    return call(real().close_range, first, last, flags);
}

PVSCSI_EXPORT void closefrom(int first) noexcept {
    forget_range(first < 0 ? 0 : static_cast<unsigned>(first), ~0u);
    if (real().closefrom != nullptr)
        real().closefrom(first);
}

PVSCSI_EXPORT int dup(int fd) noexcept {
    return shared(fd, real().dup(fd));
}
PVSCSI_EXPORT int dup2(int fd, int copy) noexcept {
    return shared(fd, real().dup2(fd, copy));
}
PVSCSI_EXPORT int dup3(int fd, int copy, int flags) noexcept {
    return shared(fd, real().dup3(fd, copy, flags));
}

PVSCSI_EXPORT int fcntl(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void* argument = va_arg(arguments, void*);
    va_end(arguments);
    return fcntl_node(fd, command, argument, real().fcntl);
}

PVSCSI_EXPORT int fcntl64(int fd, int command, ...) {
    va_list arguments;
    va_start(arguments, command);
    void* argument = va_arg(arguments, void*);
    va_end(arguments);
    return fcntl_node(fd, command, argument,
                      real().fcntl64 != nullptr ? real().fcntl64 : real().fcntl);
}
