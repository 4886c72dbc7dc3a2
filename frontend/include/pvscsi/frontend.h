/* libpvscsi-frontend for C: the same as frontend.hpp, with the same rules.
 *
 * A session is one vhost (device/vscsi/N of this domain). It belongs to one thread; callbacks run
 * from pvscsi_poll() and pvscsi_wait() (commands that pvscsi_close() cuts off: from there), and
 * may call any function of the session but pvscsi_close(); polling from inside one does nothing.
 *
 * Functions that can fail return 0 or a negative PVSCSI_E... number; pvscsi_error() has the last
 * failure of the calling thread in words.
 */
#ifndef PVSCSI_FRONTEND_H
#define PVSCSI_FRONTEND_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PVSCSI_C_API __attribute__((visibility("default")))
#else
#define PVSCSI_C_API
#endif

enum {
    PVSCSI_OK = 0,
    PVSCSI_E_BUSY = -1,          /* all 16 slots, or the session's memory, are in use */
    PVSCSI_E_NOT_CONNECTED = -2, /* there is no backend at the moment */
    PVSCSI_E_BAD_COMMAND = -3,   /* a CDB of a wrong length, or data that cannot be carried */
    PVSCSI_E_NO_MEMORY = -4,
    PVSCSI_E_INVALID = -5, /* an argument that makes no sense */
    PVSCSI_E_FAILED = -6   /* see pvscsi_error() */
};

/* XEN_VSCSIIF_RSLT_HOST_* */
enum {
    PVSCSI_HOST_OK = 0,
    PVSCSI_HOST_NO_CONNECT = 1,
    PVSCSI_HOST_BUS_BUSY = 2,
    PVSCSI_HOST_TIME_OUT = 3,
    PVSCSI_HOST_BAD_TARGET = 4,
    PVSCSI_HOST_ABORT = 5,
    PVSCSI_HOST_PARITY = 6,
    PVSCSI_HOST_ERROR = 7,
    PVSCSI_HOST_RESET = 8,
    PVSCSI_HOST_BAD_INTR = 9,
    PVSCSI_HOST_PASSTHROUGH = 10,
    PVSCSI_HOST_SOFT_ERROR = 11,
    PVSCSI_HOST_IMM_RETRY = 12,
    PVSCSI_HOST_REQUEUE = 13,
    PVSCSI_HOST_TRANSPORT_DISRUPTED = 14,
    PVSCSI_HOST_TRANSPORT_FAILFAST = 15,
    PVSCSI_HOST_TRANSPORT_MARGINAL = 20
};

enum pvscsi_direction { PVSCSI_NO_DATA, PVSCSI_TO_DEVICE, PVSCSI_FROM_DEVICE };

enum pvscsi_event_kind {
    PVSCSI_LUN_ADDED,
    PVSCSI_LUN_REMOVED,
    PVSCSI_DISCONNECTED,
    PVSCSI_RECONNECTED,
    PVSCSI_FAILED, /* the backend broke the protocol; the session reconnects if it can */
    PVSCSI_CLOSED  /* the device was removed for good */
};

struct pvscsi_address {
    uint32_t host; /* not on the wire */
    uint16_t channel;
    uint16_t target;
    uint16_t lun;
};

struct pvscsi_options {
    const char* host_dir;   /* NULL or "": $PVSCSI_HOST, else Xen */
    const char* domain;     /* by name or number; embedded host only */
    uint32_t device;        /* N of device/vscsi/N */
    int connect_timeout_ms; /* 0: 30 seconds */
    size_t bounce_memory;   /* 0: 4 MiB */
};

struct pvscsi_command {
    struct pvscsi_address address;
    const uint8_t* cdb; /* copied */
    size_t cdb_length;  /* 1 to 16 */
    enum pvscsi_direction direction;
    void* data; /* valid until the completion; in a pvscsi_buffer: not copied */
    size_t data_length;
    uint32_t timeout_ms; /* 0: the backend's default */
};

struct pvscsi_completion {
    int host;             /* PVSCSI_HOST_... */
    uint8_t status;       /* SAM status; meaningful if host is PVSCSI_HOST_OK */
    const uint8_t* sense; /* valid during the callback only */
    size_t sense_length;
    uint32_t residual;
};

struct pvscsi_event {
    enum pvscsi_event_kind kind;
    struct pvscsi_address address; /* of PVSCSI_LUN_ADDED and PVSCSI_LUN_REMOVED */
    const char* reason;            /* "" if there is none; valid during the callback only */
};

typedef struct pvscsi_session pvscsi_session;
typedef struct pvscsi_buffer pvscsi_buffer;
typedef void (*pvscsi_done)(void* user, const struct pvscsi_completion* completion);
typedef void (*pvscsi_task_done)(void* user, int success);
typedef void (*pvscsi_event_handler)(void* user, const struct pvscsi_event* event);

/* Connects; *session is set on success only. `options` may be NULL: all defaults. */
PVSCSI_C_API int pvscsi_open(const struct pvscsi_options* options, pvscsi_session** session);
/* Closes the device. Its buffers must be gone. NULL is allowed. */
PVSCSI_C_API void pvscsi_close(pvscsi_session* session);

/* How many LUNs there are, by address; the first `capacity` of them go to `luns`. */
PVSCSI_C_API size_t pvscsi_luns(const pvscsi_session* session, struct pvscsi_address* luns,
                                size_t capacity);
PVSCSI_C_API size_t pvscsi_max_transfer(const pvscsi_session* session);
PVSCSI_C_API int pvscsi_connected(const pvscsi_session* session);
PVSCSI_C_API unsigned pvscsi_free_slots(const pvscsi_session* session);

/* Zeroed memory that the backend may use in place; NULL when there is none. */
PVSCSI_C_API pvscsi_buffer* pvscsi_buffer_alloc(pvscsi_session* session, size_t size);
PVSCSI_C_API void* pvscsi_buffer_data(const pvscsi_buffer* buffer);
PVSCSI_C_API void pvscsi_buffer_free(pvscsi_buffer* buffer);

/* Queues a command; `done` is called exactly once if and only if the result is 0. */
PVSCSI_C_API int pvscsi_submit(pvscsi_session* session, const struct pvscsi_command* command,
                               pvscsi_done done, void* user, uint64_t* id);
PVSCSI_C_API void pvscsi_flush(pvscsi_session* session);
/* `done` (may be NULL) says whether the backend ended the command, which completes before. */
PVSCSI_C_API int pvscsi_abort(pvscsi_session* session, uint64_t id, pvscsi_task_done done,
                              void* user);
PVSCSI_C_API int pvscsi_reset(pvscsi_session* session, const struct pvscsi_address* address,
                              pvscsi_task_done done, void* user);

/* Runs what there is to do; how many commands it completed, or PVSCSI_E_... */
PVSCSI_C_API long pvscsi_poll(pvscsi_session* session);
/* The same, sleeping until something happens, at most so long; negative: no limit. */
PVSCSI_C_API long pvscsi_wait(pvscsi_session* session, int timeout_ms);
/* Readable when pvscsi_poll() should be called, after pvscsi_prepare_to_sleep() returned 1. */
PVSCSI_C_API int pvscsi_fd(const pvscsi_session* session);
PVSCSI_C_API int pvscsi_prepare_to_sleep(pvscsi_session* session);
PVSCSI_C_API int pvscsi_on_event(pvscsi_session* session, pvscsi_event_handler handler, void* user);

/* What a PVSCSI_E_... number means. */
PVSCSI_C_API const char* pvscsi_strerror(int error);
/* The last failure of the calling thread, in words; "" if there was none. */
PVSCSI_C_API const char* pvscsi_error(void);

#ifdef __cplusplus
}
#endif

#endif
