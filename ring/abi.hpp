// The wire format of the PVSCSI protocol, in our own types; xen/include/public/io/vscsiif.h.
// abi_xen.cpp asserts that every size and offset equals the installed header's.
//
// The layout has no pointer and no 64-bit field, so it is the same for 32- and 64-bit guests on
// x86 and Arm. Little endian. These are bytes as a peer wrote them: nothing in them is checked.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pvscsi::ring {

/// Entries of the one-page ring.
inline constexpr unsigned ring_size = 16;
inline constexpr std::size_t ring_page_size = 4096;
inline constexpr unsigned max_direct_segments = 26;
inline constexpr unsigned max_cdb_size = 16;
inline constexpr unsigned max_sense_size = 96;
/// Segment descriptors in one indirect page.
inline constexpr unsigned segments_per_page = 512;
/// What 26 indirect pages can describe.
inline constexpr unsigned max_indirect_segments = max_direct_segments * segments_per_page;
/// Flag of nr_segments: the segments are indirect pages.
inline constexpr std::uint8_t indirect_flag = 0x80;

enum class WireAction : std::uint8_t { cdb = 1, abort = 2, reset = 3, sg_preset = 4 };

/// Linux' enum dma_data_direction.
enum class WireDirection : std::uint8_t {
    bidirectional = 0,
    to_device = 1,
    from_device = 2,
    none = 3,
};

/// rslt of an answered ABORT or RESET.
inline constexpr std::int32_t task_management_success = 0x2002;
inline constexpr std::int32_t task_management_failed = 0x2003;

struct WireSegment {
    std::uint32_t gref;
    std::uint16_t offset;
    std::uint16_t length;
};

struct WireRequest {
    std::uint16_t rqid;
    std::uint8_t act;
    std::uint8_t cmd_len;
    std::array<std::uint8_t, max_cdb_size> cmnd;
    std::uint16_t timeout_per_command; ///< seconds, 0: the backend's default
    std::uint16_t channel;
    std::uint16_t id;
    std::uint16_t lun;
    std::uint16_t ref_rqid; ///< ABORT: the rqid of the command to abort
    std::uint8_t sc_data_direction;
    std::uint8_t nr_segments;
    std::array<WireSegment, max_direct_segments> seg;
    std::array<std::uint32_t, 3> reserved;
};

struct WireResponse {
    std::uint16_t rqid;
    std::uint8_t act;
    std::uint8_t sense_len;
    std::array<std::uint8_t, max_sense_size> sense_buffer;
    std::int32_t rslt; ///< SAM status | host code << 16, or a task management result
    std::uint32_t residual_len;
    std::array<std::uint32_t, 36> reserved;
};

static_assert(sizeof(WireSegment) == 8);
static_assert(sizeof(WireRequest) == 252);
static_assert(sizeof(WireResponse) == 252);

/// Offsets within the shared page (struct vscsiif_sring).
struct PageLayout {
    static constexpr std::size_t req_prod = 0;
    static constexpr std::size_t req_event = 4;
    static constexpr std::size_t rsp_prod = 8;
    static constexpr std::size_t rsp_event = 12;
    static constexpr std::size_t stamp = 24; ///< ours, in the padding (20 to 63); 8 bytes
    static constexpr std::size_t entries = 64;
    static constexpr std::size_t entry_size = 252;
};
static_assert(PageLayout::entries + ring_size * PageLayout::entry_size == ring_page_size);

} // namespace pvscsi::ring
