#include "frontend/run/preload/transfer.hpp"

#include <cerrno>
#include <cstring>
#include <span>

namespace pvscsi::preload {

namespace {

std::span<const sg_iovec_t> pieces_of(const sg_io_hdr_t& header) noexcept {
    return {static_cast<const sg_iovec_t*>(header.dxferp), header.iovec_count};
}

/// Calls `copy(piece, offset, length)` for the parts of the first `length` bytes; what is left.
template <class Copy>
std::size_t for_each_part(const sg_io_hdr_t& header, std::size_t length, Copy copy) noexcept {
    std::size_t offset = 0;
    for (const sg_iovec_t& piece : pieces_of(header)) {
        const std::size_t part = piece.iov_len < length ? piece.iov_len : length;
        if (part != 0)
            copy(piece.iov_base, offset, part);
        offset += part;
        length -= part;
    }
    return length;
}

} // namespace

int copy_from_program(const sg_io_hdr_t& header, unsigned char* region) noexcept {
    if (header.iovec_count == 0) {
        if (header.dxferp == nullptr)
            return EINVAL;
        std::memcpy(region, header.dxferp, header.dxfer_len);
        return 0;
    }
    const auto copy = [region](const void* piece, std::size_t offset, std::size_t length) {
        std::memcpy(region + offset, piece, length);
    };
    return for_each_part(header, header.dxfer_len, copy) == 0 ? 0 : EINVAL;
}

void copy_to_program(const sg_io_hdr_t& header, const unsigned char* region,
                     std::size_t length) noexcept {
    if (header.iovec_count == 0) {
        if (header.dxferp != nullptr)
            std::memcpy(header.dxferp, region, length);
        return;
    }
    for_each_part(header, length, [region](void* piece, std::size_t offset, std::size_t part) {
        std::memcpy(piece, region + offset, part);
    });
}

} // namespace pvscsi::preload
