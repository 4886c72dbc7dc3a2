#include "frontend/run/preload/real.hpp"

#include <atomic>
#include <dlfcn.h>

namespace pvscsi::preload {

namespace {

template <class Function>
void resolve(Function*& function, const char* name) noexcept {
    function = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

void resolve_files(Real& r) noexcept {
    resolve(r.open, "open");
    resolve(r.open64, "open64");
    resolve(r.openat, "openat");
    resolve(r.openat64, "openat64");
    resolve(r.close, "close");
    resolve(r.close_range, "close_range");
    resolve(r.closefrom, "closefrom");
    resolve(r.dup, "dup");
    resolve(r.dup2, "dup2");
    resolve(r.dup3, "dup3");
    resolve(r.fcntl, "fcntl");
    resolve(r.fcntl64, "fcntl64");
    resolve(r.read, "read");
    resolve(r.write, "write");
    resolve(r.ioctl, "ioctl");
    resolve(r.mmap, "mmap");
    resolve(r.mmap64, "mmap64");
}

void resolve_names(Real& r) noexcept {
    resolve(r.stat, "stat");
    resolve(r.stat64, "stat64");
    resolve(r.lstat, "lstat");
    resolve(r.lstat64, "lstat64");
    resolve(r.fstat, "fstat");
    resolve(r.fstat64, "fstat64");
    resolve(r.fstatat, "fstatat");
    resolve(r.fstatat64, "fstatat64");
    resolve(r.statx, "statx");
    resolve(r.access, "access");
    resolve(r.euidaccess, "euidaccess");
    resolve(r.faccessat, "faccessat");
    resolve(r.readlink, "readlink");
    resolve(r.readlinkat, "readlinkat");
    resolve(r.realpath, "realpath");
    resolve(r.realpath_chk, "__realpath_chk");
    resolve(r.canonicalize_file_name, "canonicalize_file_name");
}

Real table;
std::atomic<bool> resolved{false};

} // namespace

const Real& real() noexcept {
    // Two threads may both come here first; they write the same pointers.
    if (!resolved.load(std::memory_order_acquire)) {
        Real fresh{};
        resolve_files(fresh);
        resolve_names(fresh);
        table = fresh;
        resolved.store(true, std::memory_order_release);
    }
    return table;
}

} // namespace pvscsi::preload
