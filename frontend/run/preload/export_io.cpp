// read, write, ioctl and mmap of a node.
#include "frontend/run/preload/commands.hpp"
#include "frontend/run/preload/exports.hpp"
#include "frontend/run/preload/files.hpp"
#include "frontend/run/preload/ioctl.hpp"
#include "frontend/run/preload/responses.hpp"

#include <cstdarg>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace pvscsi::preload;
namespace wire = pvscsi::run::wire;

namespace {

constexpr std::size_t old_header_size = 36; // struct sg_header of the interface before v3

bool does_not_block(int fd) noexcept {
    return (real().fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

/// The pack_id that a read() asks for. The driver tells the interfaces apart by the sign of the
/// second word: dxfer_direction is negative, the old header's reply_len is not.
int wanted_pack_id(const wire::Page& page, const void* buffer, std::size_t size) noexcept {
    if (page.force_pack_id.load() == 0 || size < old_header_size)
        return -1;
    int words[3];
    std::memcpy(words, buffer, sizeof(words));
    if (words[1] >= 0)
        return words[2];
    sg_io_hdr_t header;
    if (size < sizeof(header))
        return -1;
    std::memcpy(&header, buffer, sizeof(header));
    return header.pack_id;
}

ssize_t read_node(OpenFile& file, int fd, void* buffer, std::size_t size) noexcept {
    if (file.access_mode == O_WRONLY)
        return failed(EBADF);
    if (size < sizeof(sg_io_hdr_t))
        return failed(EINVAL);
    const int pack_id = wanted_pack_id(*file.page, buffer, size);
    unsigned slot = 0;
    int error = take_response(file, fd, pack_id, pack_id != -1 && !does_not_block(fd), slot);
    if (error == 0)
        error = finish_command(file, slot, *static_cast<sg_io_hdr_t*>(buffer));
    return error == 0 ? static_cast<ssize_t>(size) : failed(error);
}

ssize_t write_node(OpenFile& file, int fd, const void* buffer, std::size_t size) noexcept {
    if (file.access_mode == O_RDONLY)
        return failed(EBADF);
    if (size < old_header_size)
        return failed(EIO);
    if (size < sizeof(sg_io_hdr_t))
        return failed(EINVAL);
    sg_io_hdr_t header;
    std::memcpy(&header, buffer, sizeof(header));
    // A v1 or v2 header: that interface has been superseded since Linux 2.4, and is not here.
    if (header.dxfer_direction >= 0)
        return failed(EINVAL);
    unsigned slot = 0;
    const int error = start_command(file, fd, header, false, slot);
    return error == 0 ? static_cast<ssize_t>(size) : failed(error);
}

/// A second mapping of the reserved buffer, made from the first: no descriptor of the memory is
/// kept open in a program that might close what it does not know.
void* map_reserved(OpenFile& file, std::size_t length, off_t offset) noexcept {
    const auto reserved = static_cast<std::size_t>(file.page->reserved_size.load());
    const std::size_t room = (reserved + 4095) & ~std::size_t{4095};
    if (offset != 0 || length == 0 || length > room) {
        errno = offset != 0 ? ENXIO : ENOMEM;
        return MAP_FAILED;
    }
    return mremap(file.region(wire::reserved_region), 0, length, MREMAP_MAYMOVE);
}

// Those that the kernel answers for any file, before a driver is asked.
bool is_for_every_file(unsigned long request) noexcept {
    return request == FIONBIO || request == FIOCLEX || request == FIONCLEX || request == FIOASYNC;
}

} // namespace

PVSCSI_EXPORT ssize_t read(int fd, void* buffer, size_t size) {
    if (const FileRef file(fd); file)
        return read_node(*file, fd, buffer, size);
    return real().read(fd, buffer, size);
}

PVSCSI_EXPORT ssize_t __read_chk(int fd, void* buffer, size_t size, size_t room) {
    if (size > room)
        __builtin_trap();
    return read(fd, buffer, size);
}

PVSCSI_EXPORT ssize_t write(int fd, const void* buffer, size_t size) {
    if (const FileRef file(fd); file)
        return write_node(*file, fd, buffer, size);
    return real().write(fd, buffer, size);
}

PVSCSI_EXPORT int ioctl(int fd, unsigned long request, ...) noexcept {
    va_list arguments;
    va_start(arguments, request);
    void* argument = va_arg(arguments, void*);
    va_end(arguments);
    if (const FileRef file(fd); file && !is_for_every_file(request))
        return node_ioctl(*file, fd, request, argument);
    return real().ioctl(fd, request, argument);
}

PVSCSI_EXPORT void* mmap(void* address, size_t length, int protection, int flags, int fd,
                         off_t offset) noexcept {
    if ((flags & MAP_ANONYMOUS) == 0)
        if (const FileRef file(fd); file)
            return map_reserved(*file, length, offset);
    return real().mmap(address, length, protection, flags, fd, offset);
}

PVSCSI_EXPORT void* mmap64(void* address, size_t length, int protection, int flags, int fd,
                           off64_t offset) noexcept {
    if ((flags & MAP_ANONYMOUS) == 0)
        if (const FileRef file(fd); file)
            return map_reserved(*file, length, offset);
    return real().mmap64(address, length, protection, flags, fd, offset);
}
