#include "tests/model/xen_peer.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define xen_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#include <xen/xen.h>

#include <xen/grant_table.h>

#include <xen/io/ring.h>
#include <xen/io/vscsiif.h>

_Static_assert(sizeof(vscsiif_request_t) == xen_peer_entry_size, "request");
_Static_assert(sizeof(vscsiif_response_t) == xen_peer_entry_size, "response");

struct xen_front {
    vscsiif_front_ring_t ring;
};

struct xen_back {
    vscsiif_back_ring_t ring;
};

struct xen_front* xen_front_new(void* page, uint32_t start) {
    struct xen_front* front = malloc(sizeof *front);
    vscsiif_sring_t* shared = page;
    SHARED_RING_INIT(shared);
    shared->req_prod = shared->rsp_prod = start;
    shared->req_event = shared->rsp_event = start + 1;
    FRONT_RING_ATTACH(&front->ring, shared, start, VSCSIIF_PAGE_SIZE);
    return front;
}

void xen_front_free(struct xen_front* front) {
    free(front);
}

unsigned xen_front_free_requests(const struct xen_front* front) {
    return RING_FREE_REQUESTS(&front->ring);
}

void xen_front_put(struct xen_front* front, const void* request) {
    memcpy(RING_GET_REQUEST(&front->ring, front->ring.req_prod_pvt), request, xen_peer_entry_size);
    front->ring.req_prod_pvt++;
}

int xen_front_push(struct xen_front* front) {
    int notify;
    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front->ring, notify);
    return notify;
}

int xen_front_take(struct xen_front* front, void* response) {
    if (!RING_HAS_UNCONSUMED_RESPONSES(&front->ring))
        return 0;
    xen_rmb();
    memcpy(response, RING_GET_RESPONSE(&front->ring, front->ring.rsp_cons), xen_peer_entry_size);
    front->ring.rsp_cons++;
    return 1;
}

int xen_front_final_check(struct xen_front* front) {
    int work;
    RING_FINAL_CHECK_FOR_RESPONSES(&front->ring, work);
    return work;
}

struct xen_back* xen_back_new(void* page, uint32_t start) {
    struct xen_back* back = malloc(sizeof *back);
    BACK_RING_ATTACH(&back->ring, (vscsiif_sring_t*)page, start, VSCSIIF_PAGE_SIZE);
    return back;
}

void xen_back_free(struct xen_back* back) {
    free(back);
}

int xen_back_take(struct xen_back* back, void* request) {
    RING_IDX producer = back->ring.sring->req_prod;
    xen_rmb();
    if (RING_REQUEST_PROD_OVERFLOW(&back->ring, producer))
        return -1;
    if (producer == back->ring.req_cons ||
        RING_REQUEST_CONS_OVERFLOW(&back->ring, back->ring.req_cons))
        return 0;
    memcpy(request, RING_GET_REQUEST(&back->ring, back->ring.req_cons), xen_peer_entry_size);
    back->ring.req_cons++;
    return 1;
}

void xen_back_put(struct xen_back* back, const void* response) {
    memcpy(RING_GET_RESPONSE(&back->ring, back->ring.rsp_prod_pvt), response, xen_peer_entry_size);
    back->ring.rsp_prod_pvt++;
}

int xen_back_push(struct xen_back* back) {
    int notify;
    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&back->ring, notify);
    return notify;
}

int xen_back_final_check(struct xen_back* back) {
    int work;
    RING_FINAL_CHECK_FOR_REQUESTS(&back->ring, work);
    return work;
}

int xen_request_overflow(uint32_t answered, uint32_t producer) {
    vscsiif_back_ring_t ring = {.rsp_prod_pvt = answered, .nr_ents = 16};
    return RING_REQUEST_PROD_OVERFLOW(&ring, producer);
}
