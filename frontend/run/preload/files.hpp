// The open files of this process that are nodes of ours: which descriptors, and their memory.
//
// Any thread may use them at any time, also while another one closes; a child after fork() has
// them too. Nothing here locks: a program may call close() or write() from a signal handler. The
// objects are never freed but used again, so a stale pointer is harmless to look at.
#pragma once

#include "frontend/run/wire.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <sys/types.h>

namespace pvscsi::preload {

struct OpenFile {
    std::atomic<int> references; ///< -1: being taken apart, 0: unused
    run::wire::Page* page;
    std::size_t mapped;
    ino_t inode; ///< of the socket, to notice a descriptor that was closed behind our back
    int access_mode;

    [[nodiscard]] unsigned char* region(unsigned index) const noexcept {
        return reinterpret_cast<unsigned char*>(page) +
               run::wire::region_offset(page->region_size, index);
    }
};

/// A counted reference, empty if the descriptor is not one of ours.
class FileRef {
  public:
    explicit FileRef(int fd) noexcept;
    FileRef(const FileRef&) = delete;
    FileRef& operator=(const FileRef&) = delete;
    ~FileRef();
    explicit operator bool() const noexcept { return file_ != nullptr; }
    OpenFile& operator*() const noexcept { return *file_; }
    OpenFile* operator->() const noexcept { return file_; }

  private:
    OpenFile* file_;
};

/// Makes `fd` a node with the memory `page`. False: there are too many; the memory is unmapped.
bool install(int fd, run::wire::Page* page, std::size_t mapped, int access_mode) noexcept;
/// `copy` is another descriptor of the same open file now.
void share(OpenFile& file, int copy) noexcept;
/// The descriptor is about to be closed, or has become something else.
void forget(int fd) noexcept;
void forget_range(unsigned first, unsigned last) noexcept;

} // namespace pvscsi::preload
