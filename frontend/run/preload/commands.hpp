// Commands on an open file: from an sg_io_hdr_t into a slot, and back. Errors are errno values,
// after what Linux' sg driver answers in the same case (drivers/scsi/sg.c).
#pragma once

#include "frontend/run/preload/files.hpp"
#include "frontend/run/preload/sg_abi.hpp"

namespace pvscsi::preload {

/// Starts a command. 0 and its slot, or why not: ENOSYS, EMSGSIZE, EINVAL, ENOMEM, EBUSY, EDOM
/// (16 are outstanding), ENODEV.
int start_command(OpenFile& file, int fd, const sg_io_hdr_t& header, bool synchronous,
                  unsigned& slot) noexcept;
/// Hands a finished command's result out and frees its slot.
int finish_command(OpenFile& file, unsigned slot, sg_io_hdr_t& header) noexcept;

/// SG_SCSI_RESET_DEVICE.
int reset_lun(OpenFile& file, int fd) noexcept;

/// SG_IO.
int run_command(OpenFile& file, int fd, sg_io_hdr_t& header) noexcept;

} // namespace pvscsi::preload
