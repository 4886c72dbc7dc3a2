#include "backend/targets/backing.hpp"

#include "backend/targets/other_ways.hpp"
#include "common/base/log.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdexcept>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <system_error>

namespace pvscsi::backend {

namespace {

constexpr std::uint32_t usual_block_size = 512;
constexpr std::uint32_t page = 4096;

[[noreturn]] void fail(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

/// A device that is mounted, part of something or open exclusively elsewhere: EBUSY with O_EXCL.
UniqueFd open_node(const std::string& path, int flags) {
    UniqueFd fd(adopt_fd, ::open(path.c_str(), flags | O_CLOEXEC));
    if (!fd && errno == EBUSY)
        fail(EBUSY, path + " is mounted or in use by another program");
    return fd;
}

/// Readers share: they only see that nobody has the device for himself at the moment. Those whose
/// entry says exclusive=no share it with this daemon's writers as well.
void require_unclaimed(const std::string& path, dev_t device, const Sharing& sharing) {
    if (!sharing.shared_as || !DeviceClaim::held(device))
        (void)open_node(path, O_RDONLY | O_EXCL);
}

/// True if transfers of single blocks to memory at block boundaries go past the page cache.
bool direct_suits(int fd, std::uint32_t block_size) {
#ifdef STATX_DIOALIGN
    struct ::statx info {};
    if (::statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &info) == 0 &&
        (info.stx_mask & STATX_DIOALIGN) != 0)
        return info.stx_dio_offset_align != 0 && info.stx_dio_offset_align <= block_size &&
               info.stx_dio_mem_align <= block_size;
#endif
    // The kernel does not say: see.
    void* memory =
        ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    const auto got = ::pread(fd, static_cast<char*>(memory) + block_size % page, block_size, 0);
    ::munmap(memory, page);
    return got >= 0;
}

/// Opens, without O_DIRECT where that cannot be.
void open_and_lock(Backing& backing, const std::string& path, const struct ::stat& info,
                   const Sharing& sharing) {
    int access = sharing.read_only ? O_RDONLY : O_RDWR;
    if (backing.block_device && sharing.read_only)
        require_unclaimed(path, info.st_rdev, sharing);
    else if (backing.block_device && sharing.shared_as)
        backing.claim = std::make_unique<DeviceClaim>(path, info.st_rdev);
    else if (backing.block_device)
        access |= O_EXCL;
    backing.fd = open_node(path, access | (backing.direct ? O_DIRECT : 0));
    if (!backing.fd && errno == EINVAL && backing.direct) { // tmpfs before 6.6, and others
        backing.direct = false;
        backing.fd = open_node(path, access);
    }
    if (!backing.fd)
        fail(errno, "cannot open " + path + (sharing.read_only ? "" : " for writing"));
    lock_backing(backing.fd.get(), path, sharing);
    if (backing.block_device)
        backing.other_ways = lock_other_ways(path, sharing);
}

std::string queue_attribute(dev_t device, const char* name) {
    const auto base = fmt::format("/sys/dev/block/{}:{}/", major(device), minor(device));
    for (const char* where : {"queue/", "../queue/"}) { // a partition has its disk's
        std::ifstream file(base + where + name);
        std::string value;
        if (file >> value)
            return value;
    }
    return {};
}

void describe_device(int fd, dev_t device, MediumLimits& limits) {
    int logical = 0;
    unsigned physical = 0;
    int offset = 0;
    if (::ioctl(fd, BLKSSZGET, &logical) == 0 && limits.block_size == 0)
        limits.block_size = static_cast<std::uint32_t>(logical);
    if (::ioctl(fd, BLKPBSZGET, &physical) == 0)
        limits.physical_block_size = physical;
    if (::ioctl(fd, BLKALIGNOFF, &offset) == 0 && offset > 0 && limits.block_size != 0)
        limits.lowest_aligned_block = static_cast<std::uint32_t>(offset) / limits.block_size;
    // What PUNCH_HOLE of a block device needs: zeros without writing them.
    const std::string zeroes = queue_attribute(device, "write_zeroes_max_bytes");
    limits.discard = !zeroes.empty() && zeroes != "0";
    limits.rotational = queue_attribute(device, "rotational") != "0";
}

void describe_file(int fd, const struct ::stat& info, MediumLimits& limits) {
    if (limits.block_size == 0)
        limits.block_size = usual_block_size;
    limits.physical_block_size = static_cast<std::uint32_t>(
        std::clamp<decltype(info.st_blksize)>(info.st_blksize, usual_block_size, 64 * 1024));
    // A hole behind the end changes nothing and tells whether there can be any.
    const off_t behind = (info.st_size / page + 1) * page;
    limits.discard = limits.writable &&
                     ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, behind, page) == 0;
    limits.rotational = queue_attribute(info.st_dev, "rotational") != "0";
}

void drop_direct(Backing& backing, const std::string& path) {
    const int flags = ::fcntl(backing.fd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(backing.fd.get(), F_SETFL, flags & ~O_DIRECT) != 0)
        fail(errno, "cannot open " + path + " with the page cache");
    backing.direct = false;
}

} // namespace

BackingState look_at_backing(int fd, bool block_device) noexcept {
    BackingState state;
    if (block_device) {
        // A device that was taken away has no size left.
        state.gone = ::ioctl(fd, BLKGETSIZE64, &state.bytes) != 0 || state.bytes == 0;
        return state;
    }
    struct ::stat info {};
    state.gone = ::fstat(fd, &info) != 0;
    state.bytes = state.gone ? 0 : static_cast<std::uint64_t>(info.st_size);
    state.deleted = !state.gone && info.st_nlink == 0;
    return state;
}

Backing open_backing(const std::string& path, const Sharing& sharing, std::uint32_t block_size,
                     bool direct) {
    struct ::stat info {};
    if (::stat(path.c_str(), &info) != 0)
        fail(errno, "cannot open " + path);
    if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode))
        throw std::runtime_error(path + " is neither a file nor a block device");
    Backing backing;
    backing.block_device = S_ISBLK(info.st_mode);
    backing.direct = direct;
    open_and_lock(backing, path, info, sharing);
    backing.limits.writable = !sharing.read_only;
    backing.limits.shared = sharing.shared_as.has_value();
    backing.limits.volatile_cache = true;
    backing.limits.block_size = block_size;
    if (backing.block_device)
        describe_device(backing.fd.get(), info.st_rdev, backing.limits);
    else
        describe_file(backing.fd.get(), info, backing.limits);
    MediumLimits& limits = backing.limits;
    if (!std::has_single_bit(limits.block_size) || !std::has_single_bit(limits.physical_block_size))
        throw std::runtime_error(fmt::format("{} has an odd block size", path));
    limits.physical_block_size = std::max(limits.physical_block_size, limits.block_size);

    if (backing.direct && !direct_suits(backing.fd.get(), limits.block_size))
        drop_direct(backing, path);
    if (direct && !backing.direct)
        log::info("target path={} io=buffered reason=\"the backing has no direct I/O of {} bytes\"",
                  path, limits.block_size);

    const std::uint64_t size = look_at_backing(backing.fd.get(), backing.block_device).bytes;
    limits.bytes = size / limits.block_size * limits.block_size;
    if (limits.bytes == 0)
        throw std::runtime_error(fmt::format("{} is too small: {} bytes, one block is {}", path,
                                             size, limits.block_size));
    return backing;
}

} // namespace pvscsi::backend
