#include "frontend/run/preload/outcome.hpp"

#include <cstring>

namespace pvscsi::preload {

using run::wire::Outcome;

namespace {

constexpr unsigned char driver_sense = 8;

void copy_sense(const Outcome& outcome, sg_io_hdr_t& header) noexcept {
    std::size_t length = outcome.sense_length;
    if (length > run::wire::sense_size)
        length = run::wire::sense_size;
    if (length > header.mx_sb_len)
        length = header.mx_sb_len;
    if (length == 0 || header.sbp == nullptr)
        return;
    std::memcpy(header.sbp, outcome.sense, length);
    header.sb_len_wr = static_cast<unsigned char>(length);
    header.driver_status = driver_sense;
}

} // namespace

void copy_outcome(const Outcome& outcome, sg_io_hdr_t& header) noexcept {
    header.status = outcome.status;
    header.masked_status = (outcome.status >> 1) & 0x1f;
    header.msg_status = 0;
    header.sb_len_wr = 0;
    header.host_status = outcome.host;
    header.driver_status = 0;
    header.resid = static_cast<int>(outcome.residual);
    header.duration = outcome.duration_ms;
    header.info = (header.flags & SG_FLAG_MMAP_IO) != 0 ? SG_INFO_MIXED_IO : SG_INFO_INDIRECT_IO;
    copy_sense(outcome, header);
    if (header.masked_status != 0 || header.host_status != 0 || header.driver_status != 0)
        header.info |= SG_INFO_CHECK;
}

} // namespace pvscsi::preload
