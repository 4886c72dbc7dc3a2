// A command's data between the program's memory and the shared region: plain or scattered
// (iovec_count). Bad pointers are the program's own fault and end it, as in any C library call.
#pragma once

#include "frontend/run/preload/sg_abi.hpp"
#include <cstddef>

namespace pvscsi::preload {

/// header.dxfer_len bytes. 0, or EINVAL when the pieces are shorter than that.
int copy_from_program(const sg_io_hdr_t& header, unsigned char* region) noexcept;
/// The first `length` bytes of the data.
void copy_to_program(const sg_io_hdr_t& header, const unsigned char* region,
                     std::size_t length) noexcept;

} // namespace pvscsi::preload
