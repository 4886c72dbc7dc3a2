// The C library's functions behind the ones that this library puts in front of them.
#pragma once

#include <cstddef>
#include <sys/stat.h>
#include <sys/types.h>

namespace pvscsi::preload {

struct Real {
    int (*open)(const char*, int, ...);
    int (*open64)(const char*, int, ...);
    int (*openat)(int, const char*, int, ...);
    int (*openat64)(int, const char*, int, ...);
    int (*close)(int);
    int (*close_range)(unsigned, unsigned, int);
    void (*closefrom)(int);
    int (*dup)(int);
    int (*dup2)(int, int);
    int (*dup3)(int, int, int);
    int (*fcntl)(int, int, ...);
    int (*fcntl64)(int, int, ...);
    ssize_t (*read)(int, void*, std::size_t);
    ssize_t (*write)(int, const void*, std::size_t);
    int (*ioctl)(int, unsigned long, ...);
    void* (*mmap)(void*, std::size_t, int, int, int, off_t);
    void* (*mmap64)(void*, std::size_t, int, int, int, off64_t);
    int (*stat)(const char*, struct stat*);
    int (*stat64)(const char*, struct stat64*);
    int (*lstat)(const char*, struct stat*);
    int (*lstat64)(const char*, struct stat64*);
    int (*fstat)(int, struct stat*);
    int (*fstat64)(int, struct stat64*);
    int (*fstatat)(int, const char*, struct stat*, int);
    int (*fstatat64)(int, const char*, struct stat64*, int);
    int (*statx)(int, const char*, int, unsigned, struct statx*);
    int (*access)(const char*, int);
    int (*euidaccess)(const char*, int);
    int (*faccessat)(int, const char*, int, int);
    ssize_t (*readlink)(const char*, char*, std::size_t);
    ssize_t (*readlinkat)(int, const char*, char*, std::size_t);
    char* (*realpath)(const char*, char*);
    char* (*realpath_chk)(const char*, char*, std::size_t);
    char* (*canonicalize_file_name)(const char*);
};

/// Any thread, any time, also before this library's constructor has run.
const Real& real() noexcept;

} // namespace pvscsi::preload
