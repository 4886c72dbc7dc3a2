// stat and its relatives, access, readlink and realpath.
#include "frontend/run/preload/exports.hpp"
#include "frontend/run/preload/files.hpp"

#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

using namespace pvscsi::preload;
namespace wire = pvscsi::run::wire;

namespace {

constexpr unsigned sg_major = 21; // Documentation/admin-guide/devices.txt
constexpr mode_t node_mode = S_IFCHR | 0660;
constexpr mode_t directory_mode = S_IFDIR | 0755;

/// What stat() says: a character device with the sg driver's number, so that a program which
/// looks takes it for what it is.
template <class Status>
void fill_node(Status& status, std::uint32_t minor) noexcept {
    status = {};
    status.st_mode = node_mode;
    status.st_nlink = 1;
    status.st_ino = minor + 2;
    status.st_rdev = makedev(sg_major, minor);
    status.st_blksize = 4096;
}

void fill_node(struct statx& status, std::uint32_t minor) noexcept {
    status = {};
    status.stx_mask = STATX_BASIC_STATS;
    status.stx_mode = node_mode;
    status.stx_nlink = 1;
    status.stx_ino = minor + 2;
    status.stx_rdev_major = sg_major;
    status.stx_rdev_minor = minor;
    status.stx_blksize = 4096;
}

template <class Status>
void fill_directory(Status& status) noexcept {
    status = {};
    status.st_mode = directory_mode;
    status.st_nlink = 2;
    status.st_ino = 1;
    status.st_blksize = 4096;
}

void fill_directory(struct statx& status) noexcept {
    status = {};
    status.stx_mask = STATX_BASIC_STATS;
    status.stx_mode = directory_mode;
    status.stx_nlink = 2;
    status.stx_ino = 1;
    status.stx_blksize = 4096;
}

/// False: the name is somebody else's, `result` is not set.
template <class Status>
bool stat_ours(const char* path, Status* status, int& result) noexcept {
    Address address{};
    std::uint32_t minor = 0;
    switch (classify(path, address)) {
    case Name::other:
        return false;
    case Name::directory:
        fill_directory(*status);
        result = 0;
        return true;
    case Name::unknown_node:
        result = failed(ENOENT);
        return true;
    case Name::node:
        if (const int error = ask_minor(address, minor)) {
            result = failed(error);
        } else {
            fill_node(*status, minor);
            result = 0;
        }
        return true;
    }
    return false;
}

template <class Status>
bool fstat_ours(int fd, Status* status) noexcept {
    const FileRef file(fd);
    if (file)
        fill_node(*status, file->page->minor);
    return static_cast<bool>(file);
}

/// What access() says of a name of ours. The server's socket decides who may come this far.
bool access_ours(const char* path, int mode, int& result) noexcept {
    struct stat status {};
    if (!stat_ours(path, &status, result))
        return false;
    if (result == 0 && (mode & X_OK) != 0 && S_ISCHR(status.st_mode))
        result = failed(EACCES);
    return true;
}

/// None of our names is a symbolic link.
bool readlink_ours(const char* path, ssize_t& result) noexcept {
    struct stat status {};
    int found = 0;
    if (!stat_ours(path, &status, found))
        return false;
    result = found == 0 ? failed(EINVAL) : -1;
    return true;
}

/// Our names are canonical as they are. `room`: of `resolved`, which may be null.
bool realpath_ours(const char* path, char* resolved, char*& result) noexcept {
    struct stat status {};
    int found = 0;
    if (!stat_ours(path, &status, found))
        return false;
    result = nullptr;
    if (found == 0)
        result = resolved == nullptr ? strdup(path) : std::strcpy(resolved, path);
    return true;
}

bool is_empty_path(const char* path, int flags) noexcept {
    asm("" : "+r"(path));
    return (flags & AT_EMPTY_PATH) != 0 && (path == nullptr || *path == '\0');
}

template <class Status, class Next>
int stat_at(int directory, const char* path, Status* status, int flags, Next* next) noexcept {
    int result = 0;
    if (is_empty_path(path, flags) ? fstat_ours(directory, status)
                                   : stat_ours(path, status, result))
        return result;
    return call(next, directory, path, status, flags);
}

template <class Status, class Next>
int stat_path(const char* path, Status* status, Next* next) noexcept {
    int result = 0;
    return stat_ours(path, status, result) ? result : call(next, path, status);
}

template <class Status, class Next>
int stat_fd(int fd, Status* status, Next* next) noexcept {
    return fstat_ours(fd, status) ? 0 : call(next, fd, status);
}

} // namespace

PVSCSI_EXPORT int stat(const char* path, struct stat* status) noexcept {
    return stat_path(path, status, real().stat);
}
PVSCSI_EXPORT int stat64(const char* path, struct stat64* status) noexcept {
    return stat_path(path, status, real().stat64);
}
PVSCSI_EXPORT int lstat(const char* path, struct stat* status) noexcept {
    return stat_path(path, status, real().lstat);
}
PVSCSI_EXPORT int lstat64(const char* path, struct stat64* status) noexcept {
    return stat_path(path, status, real().lstat64);
}
PVSCSI_EXPORT int fstat(int fd, struct stat* status) noexcept {
    return stat_fd(fd, status, real().fstat);
}
PVSCSI_EXPORT int fstat64(int fd, struct stat64* status) noexcept {
    return stat_fd(fd, status, real().fstat64);
}
PVSCSI_EXPORT int fstatat(int directory, const char* path, struct stat* status,
                          int flags) noexcept {
    return stat_at(directory, path, status, flags, real().fstatat);
}
PVSCSI_EXPORT int fstatat64(int directory, const char* path, struct stat64* status,
                            int flags) noexcept {
    return stat_at(directory, path, status, flags, real().fstatat64);
}
PVSCSI_EXPORT int statx(int directory, const char* path, int flags, unsigned mask,
                        struct statx* status) noexcept {
    int result = 0;
    if (is_empty_path(path, flags) ? fstat_ours(directory, status)
                                   : stat_ours(path, status, result))
        return result;
    return call(real().statx, directory, path, flags, mask, status);
}

// What programs built before glibc 2.33 call instead. On the 64-bit architectures there is one
// layout, whatever the version in front says.
PVSCSI_EXPORT int __xstat(int, const char* path, struct stat* status) {
    return stat_path(path, status, real().stat);
}
PVSCSI_EXPORT int __xstat64(int, const char* path, struct stat64* status) {
    return stat_path(path, status, real().stat64);
}
PVSCSI_EXPORT int __lxstat(int, const char* path, struct stat* status) {
    return stat_path(path, status, real().lstat);
}
PVSCSI_EXPORT int __lxstat64(int, const char* path, struct stat64* status) {
    return stat_path(path, status, real().lstat64);
}
PVSCSI_EXPORT int __fxstat(int, int fd, struct stat* status) {
    return stat_fd(fd, status, real().fstat);
}
PVSCSI_EXPORT int __fxstat64(int, int fd, struct stat64* status) {
    return stat_fd(fd, status, real().fstat64);
}
PVSCSI_EXPORT int __fxstatat(int, int directory, const char* path, struct stat* status, int flags) {
    return stat_at(directory, path, status, flags, real().fstatat);
}
PVSCSI_EXPORT int __fxstatat64(int, int directory, const char* path, struct stat64* status,
                               int flags) {
    return stat_at(directory, path, status, flags, real().fstatat64);
}

PVSCSI_EXPORT int access(const char* path, int mode) noexcept {
    int result = 0;
    return access_ours(path, mode, result) ? result : call(real().access, path, mode);
}
PVSCSI_EXPORT int euidaccess(const char* path, int mode) noexcept {
    int result = 0;
    return access_ours(path, mode, result) ? result : call(real().euidaccess, path, mode);
}
PVSCSI_EXPORT int eaccess(const char* path, int mode) noexcept {
    return euidaccess(path, mode);
}
PVSCSI_EXPORT int faccessat(int directory, const char* path, int mode, int flags) noexcept {
    int result = 0;
    return access_ours(path, mode, result) ? result
                                           : call(real().faccessat, directory, path, mode, flags);
}

PVSCSI_EXPORT ssize_t readlink(const char* path, char* buffer, size_t size) noexcept {
    ssize_t result = 0;
    return readlink_ours(path, result) ? result : real().readlink(path, buffer, size);
}
PVSCSI_EXPORT ssize_t readlinkat(int directory, const char* path, char* buffer,
                                 size_t size) noexcept {
    ssize_t result = 0;
    return readlink_ours(path, result) ? result : real().readlinkat(directory, path, buffer, size);
}

PVSCSI_EXPORT char* realpath(const char* path, char* resolved) noexcept {
    char* result = nullptr;
    return realpath_ours(path, resolved, result) ? result : real().realpath(path, resolved);
}
PVSCSI_EXPORT char* __realpath_chk(const char* path, char* resolved, size_t room) noexcept {
    char* result = nullptr;
    return room >= PATH_MAX && realpath_ours(path, resolved, result)
               ? result
               : real().realpath_chk(path, resolved, room);
}
PVSCSI_EXPORT char* canonicalize_file_name(const char* path) noexcept {
    char* result = nullptr;
    return realpath_ours(path, nullptr, result) ? result : real().canonicalize_file_name(path);
}
