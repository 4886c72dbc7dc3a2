#include "frontend/run/preload/files.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace pvscsi::preload {

namespace {

constexpr unsigned chunk_bits = 10;
constexpr unsigned chunk_size = 1u << chunk_bits;
constexpr unsigned chunk_count = 1024; // descriptors below 2^20, the kernel's default nr_open

using Entry = std::atomic<OpenFile*>;
std::atomic<Entry*> chunks[chunk_count];
OpenFile files[1024];
std::atomic<pid_t> table_owner{0};

// A vfork() child shares our memory: what it closes must stay open in our eyes. It runs no
// fork handlers, which is how it is told from a fork() child with a table of its own.
bool table_is_ours() noexcept {
    const pid_t self = static_cast<pid_t>(syscall(SYS_getpid));
    pid_t owner = 0;
    return table_owner.compare_exchange_strong(owner, self) || owner == self;
}

void after_fork() noexcept {
    table_owner.store(static_cast<pid_t>(syscall(SYS_getpid)));
}

[[gnu::constructor]] void start() noexcept {
    table_owner.store(static_cast<pid_t>(syscall(SYS_getpid)));
    pthread_atfork(nullptr, nullptr, after_fork);
}

Entry* entry_of(int fd) noexcept {
    const auto number = static_cast<unsigned>(fd);
    if (fd < 0 || number >= chunk_count * chunk_size)
        return nullptr;
    Entry* chunk = chunks[number >> chunk_bits].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : &chunk[number & (chunk_size - 1)];
}

Entry* make_entry(int fd) noexcept {
    const auto number = static_cast<unsigned>(fd);
    if (fd < 0 || number >= chunk_count * chunk_size)
        return nullptr;
    std::atomic<Entry*>& place = chunks[number >> chunk_bits];
    if (place.load(std::memory_order_acquire) == nullptr) {
        void* memory = mmap(nullptr, chunk_size * sizeof(Entry), PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
            return nullptr;
        Entry* expected = nullptr;
        if (!place.compare_exchange_strong(expected, static_cast<Entry*>(memory)))
            munmap(memory, chunk_size * sizeof(Entry));
    }
    return entry_of(fd);
}

ino_t inode_of(int fd) noexcept {
    struct stat status {};
    return syscall(SYS_fstat, fd, &status) == 0 ? status.st_ino : 0;
}

void release(OpenFile& file) noexcept {
    int count = file.references.load(std::memory_order_relaxed);
    for (;;) {
        const int next = count == 1 ? -1 : count - 1;
        if (file.references.compare_exchange_weak(count, next, std::memory_order_acq_rel))
            break;
    }
    if (count != 1)
        return;
    munmap(file.page, file.mapped);
    file.references.store(0, std::memory_order_release);
}

bool retain(OpenFile& file) noexcept {
    int count = file.references.load(std::memory_order_relaxed);
    while (count > 0)
        if (file.references.compare_exchange_weak(count, count + 1, std::memory_order_acq_rel))
            return true;
    return false;
}

OpenFile* find_unused() noexcept {
    for (OpenFile& file : files) {
        int unused = 0;
        if (file.references.load(std::memory_order_relaxed) == 0 &&
            file.references.compare_exchange_strong(unused, 1, std::memory_order_acquire))
            return &file;
    }
    return nullptr;
}

void drop(Entry& entry, OpenFile* file) noexcept {
    if (entry.compare_exchange_strong(file, nullptr))
        release(*file);
}

/// The entry's file with a reference to it, or null.
OpenFile* retain_entry(Entry& entry) noexcept {
    for (;;) {
        OpenFile* file = entry.load(std::memory_order_acquire);
        if (file == nullptr)
            return nullptr;
        if (!retain(*file))
            continue; // on its way out of the table
        if (entry.load(std::memory_order_acquire) == file)
            return file;
        release(*file);
    }
}

} // namespace

FileRef::FileRef(int fd) noexcept : file_(nullptr) {
    Entry* entry = entry_of(fd);
    if (entry == nullptr || entry->load(std::memory_order_relaxed) == nullptr)
        return;
    file_ = retain_entry(*entry);
    if (file_ == nullptr || inode_of(fd) == file_->inode)
        return;
    if (table_is_ours())
        drop(*entry, file_);
    release(*file_);
    file_ = nullptr;
}

FileRef::~FileRef() {
    if (file_ != nullptr)
        release(*file_);
}

bool install(int fd, run::wire::Page* page, std::size_t mapped, int access_mode) noexcept {
    Entry* entry = make_entry(fd);
    OpenFile* file = entry == nullptr ? nullptr : find_unused();
    if (file == nullptr) {
        munmap(page, mapped);
        return false;
    }
    file->page = page;
    file->mapped = mapped;
    file->inode = inode_of(fd);
    file->access_mode = access_mode;
    if (OpenFile* stale = entry->exchange(file))
        release(*stale);
    return true;
}

void share(OpenFile& file, int copy) noexcept {
    Entry* entry = table_is_ours() ? make_entry(copy) : nullptr;
    if (entry == nullptr || !retain(file))
        return;
    if (OpenFile* stale = entry->exchange(&file))
        release(*stale);
}

void forget(int fd) noexcept {
    Entry* entry = entry_of(fd);
    if (entry == nullptr || entry->load(std::memory_order_relaxed) == nullptr || !table_is_ours())
        return;
    if (OpenFile* file = entry->exchange(nullptr))
        release(*file);
}

void forget_range(unsigned first, unsigned last) noexcept {
    for (unsigned chunk = first >> chunk_bits; chunk < chunk_count; ++chunk) {
        if (chunk * chunk_size > last)
            return;
        if (chunks[chunk].load(std::memory_order_acquire) == nullptr)
            continue;
        for (unsigned fd = chunk * chunk_size; fd < (chunk + 1) * chunk_size; ++fd)
            if (fd >= first && fd <= last)
                forget(static_cast<int>(fd));
    }
}

} // namespace pvscsi::preload
