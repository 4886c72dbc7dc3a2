/* The other side of the ring, by Xen's own macros (xen/include/public/io/ring.h) compiled as C.
 * Entries are passed as plain bytes, so that the C++ side needs none of Xen's headers. */
#ifndef PVSCSI_TESTS_MODEL_XEN_PEER_H
#define PVSCSI_TESTS_MODEL_XEN_PEER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { xen_peer_entry_size = 252 };

struct xen_front;
/* Initialises the page; all indices start at `start`. */
struct xen_front* xen_front_new(void* page, uint32_t start);
void xen_front_free(struct xen_front* front);
unsigned xen_front_free_requests(const struct xen_front* front);
void xen_front_put(struct xen_front* front, const void* request);
/* RING_PUSH_REQUESTS_AND_CHECK_NOTIFY */
int xen_front_push(struct xen_front* front);
/* Takes a response, if there is one; 0 if not. */
int xen_front_take(struct xen_front* front, void* response);
/* RING_FINAL_CHECK_FOR_RESPONSES: not 0 if there is one and the front must not sleep. */
int xen_front_final_check(struct xen_front* front);

struct xen_back;
/* BACK_RING_ATTACH at `start`. */
struct xen_back* xen_back_new(void* page, uint32_t start);
void xen_back_free(struct xen_back* back);
/* Takes a request, if there is one; 0 if not, -1 if the front has overrun the ring. */
int xen_back_take(struct xen_back* back, void* request);
void xen_back_put(struct xen_back* back, const void* response);
/* RING_PUSH_RESPONSES_AND_CHECK_NOTIFY */
int xen_back_push(struct xen_back* back);
/* RING_FINAL_CHECK_FOR_REQUESTS */
int xen_back_final_check(struct xen_back* back);
/* RING_REQUEST_PROD_OVERFLOW for a back that has answered `answered` requests of the ring. */
int xen_request_overflow(uint32_t answered, uint32_t producer);

#ifdef __cplusplus
}
#endif
#endif
