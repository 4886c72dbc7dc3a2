// Nothing but the proof that ring/abi.hpp is Xen's own layout.
#include "ring/abi.hpp"

#define xen_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#include <xen/xen.h>
// grant_ref_t comes from here.
#include <xen/grant_table.h>
#include <xen/io/vscsiif.h>

namespace pvscsi::ring {

#define SAME_FIELD(ours, our_field, xens, xen_field)                                               \
    static_assert(offsetof(ours, our_field) == offsetof(xens, xen_field));                         \
    static_assert(sizeof(ours::our_field) == sizeof(xens::xen_field))

static_assert(sizeof(WireRequest) == sizeof(vscsiif_request_t));
SAME_FIELD(WireRequest, rqid, vscsiif_request_t, rqid);
SAME_FIELD(WireRequest, act, vscsiif_request_t, act);
SAME_FIELD(WireRequest, cmd_len, vscsiif_request_t, cmd_len);
SAME_FIELD(WireRequest, cmnd, vscsiif_request_t, cmnd);
SAME_FIELD(WireRequest, timeout_per_command, vscsiif_request_t, timeout_per_command);
SAME_FIELD(WireRequest, channel, vscsiif_request_t, channel);
SAME_FIELD(WireRequest, id, vscsiif_request_t, id);
SAME_FIELD(WireRequest, lun, vscsiif_request_t, lun);
SAME_FIELD(WireRequest, ref_rqid, vscsiif_request_t, ref_rqid);
SAME_FIELD(WireRequest, sc_data_direction, vscsiif_request_t, sc_data_direction);
SAME_FIELD(WireRequest, nr_segments, vscsiif_request_t, nr_segments);
SAME_FIELD(WireRequest, seg, vscsiif_request_t, seg);
SAME_FIELD(WireRequest, reserved, vscsiif_request_t, reserved);

static_assert(sizeof(WireSegment) == sizeof(vscsiif_segment_t));
SAME_FIELD(WireSegment, gref, vscsiif_segment_t, gref);
SAME_FIELD(WireSegment, offset, vscsiif_segment_t, offset);
SAME_FIELD(WireSegment, length, vscsiif_segment_t, length);

static_assert(sizeof(WireResponse) == sizeof(vscsiif_response_t));
SAME_FIELD(WireResponse, rqid, vscsiif_response_t, rqid);
SAME_FIELD(WireResponse, act, vscsiif_response_t, act);
SAME_FIELD(WireResponse, sense_len, vscsiif_response_t, sense_len);
SAME_FIELD(WireResponse, sense_buffer, vscsiif_response_t, sense_buffer);
SAME_FIELD(WireResponse, rslt, vscsiif_response_t, rslt);
SAME_FIELD(WireResponse, residual_len, vscsiif_response_t, residual_len);
SAME_FIELD(WireResponse, reserved, vscsiif_response_t, reserved);

static_assert(PageLayout::req_prod == offsetof(vscsiif_sring, req_prod));
static_assert(PageLayout::req_event == offsetof(vscsiif_sring, req_event));
static_assert(PageLayout::rsp_prod == offsetof(vscsiif_sring, rsp_prod));
static_assert(PageLayout::rsp_event == offsetof(vscsiif_sring, rsp_event));
static_assert(PageLayout::entries == offsetof(vscsiif_sring, ring));
static_assert(PageLayout::entry_size == sizeof(union vscsiif_sring_entry));
static_assert(ring_size == __CONST_RING_SIZE(vscsiif, ring_page_size));

static_assert(max_direct_segments == VSCSIIF_SG_TABLESIZE);
static_assert(max_cdb_size == VSCSIIF_MAX_COMMAND_SIZE);
static_assert(max_sense_size == VSCSIIF_SENSE_BUFFERSIZE);
static_assert(ring_page_size == VSCSIIF_PAGE_SIZE);
static_assert(segments_per_page == VSCSIIF_SG_PER_PAGE);
static_assert(indirect_flag == VSCSIIF_SG_GRANT);
static_assert(static_cast<int>(WireAction::cdb) == VSCSIIF_ACT_SCSI_CDB);
static_assert(static_cast<int>(WireAction::abort) == VSCSIIF_ACT_SCSI_ABORT);
static_assert(static_cast<int>(WireAction::reset) == VSCSIIF_ACT_SCSI_RESET);
static_assert(static_cast<int>(WireAction::sg_preset) == VSCSIIF_ACT_SCSI_SG_PRESET);
static_assert(task_management_success == XEN_VSCSIIF_RSLT_RESET_SUCCESS);
static_assert(task_management_failed == XEN_VSCSIIF_RSLT_RESET_FAILED);

} // namespace pvscsi::ring
