/* The C API, from C: every function, its results and its refusals. */
#include "pvscsi/frontend.h"
#include "tests/unit/frontend_c_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

struct outcome {
    int calls, host, status, success;
    size_t sense_length;
    unsigned char sense[96];
};

static void completed(void* user, const struct pvscsi_completion* completion) {
    struct outcome* outcome = user;
    outcome->calls++;
    outcome->host = completion->host;
    outcome->status = completion->status;
    outcome->sense_length = completion->sense_length;
    memcpy(outcome->sense, completion->sense, completion->sense_length);
}

static void task_ended(void* user, int success) {
    struct outcome* outcome = user;
    outcome->calls++;
    outcome->success = success;
}

static void noticed(void* user, const struct pvscsi_event* event) {
    int* seen = user;
    CHECK(event->reason != NULL);
    seen[event->kind]++;
}

static void wait_for(pvscsi_session* session, const int* calls, int wanted) {
    for (int i = 0; i < 500 && *calls < wanted; i++)
        CHECK(pvscsi_wait(session, 4) >= 0);
    CHECK(*calls == wanted);
}

static void test_opening(void) {
    struct pvscsi_options options = {0};
    pvscsi_session* session = NULL;
    CHECK(pvscsi_open(NULL, NULL) == PVSCSI_E_INVALID);
    options.domain = "nobody";
    CHECK(pvscsi_open(&options, &session) == PVSCSI_E_FAILED);
    CHECK(strcmp(pvscsi_error(), "there is no domain 'nobody'") == 0);
    CHECK(session == NULL);
    options.domain = "";
    options.device = 3;
    CHECK(pvscsi_open(&options, &session) == PVSCSI_E_FAILED);
    CHECK(strstr(pvscsi_error(), "there is no vscsi device") != NULL);
    pvscsi_close(NULL);
}

static void test_commands(pvscsi_session* session) {
    const unsigned char write_10[10] = {0x2a}, read_10[10] = {0x28}, inquiry[6] = {0x12};
    struct pvscsi_command command = {0};
    struct outcome outcome = {0};
    uint64_t id = 0;
    pvscsi_buffer* buffer = pvscsi_buffer_alloc(session, 8192);
    CHECK(buffer != NULL);
    CHECK(pvscsi_buffer_alloc(session, 0) == NULL);
    strcpy(pvscsi_buffer_data(buffer), "from a buffer");

    command.cdb = write_10;
    command.cdb_length = sizeof write_10;
    command.direction = PVSCSI_TO_DEVICE;
    command.data = pvscsi_buffer_data(buffer);
    command.data_length = 512;
    CHECK(pvscsi_submit(session, &command, completed, &outcome, &id) == 0);
    CHECK(id != 0);
    wait_for(session, &outcome.calls, 1);
    CHECK(outcome.host == PVSCSI_HOST_OK && outcome.status == 0);

    char copy[512] = "";
    command.cdb = read_10;
    command.direction = PVSCSI_FROM_DEVICE;
    command.data = copy;
    command.timeout_ms = 1000;
    CHECK(pvscsi_submit(session, &command, completed, &outcome, NULL) == 0);
    pvscsi_flush(session);
    wait_for(session, &outcome.calls, 2);
    CHECK(strcmp(copy, "from a buffer") == 0);

    command.cdb = inquiry;
    command.cdb_length = sizeof inquiry;
    CHECK(pvscsi_submit(session, &command, completed, &outcome, NULL) == 0);
    wait_for(session, &outcome.calls, 3);
    CHECK(outcome.status == 2 && outcome.sense_length == 4 && outcome.sense[3] == 9);

    CHECK(pvscsi_submit(session, NULL, completed, NULL, NULL) == PVSCSI_E_INVALID);
    CHECK(pvscsi_submit(session, &command, NULL, NULL, NULL) == PVSCSI_E_INVALID);
    command.cdb_length = 17;
    CHECK(pvscsi_submit(session, &command, completed, NULL, NULL) == PVSCSI_E_BAD_COMMAND);
    CHECK(strcmp(pvscsi_error(), pvscsi_strerror(PVSCSI_E_BAD_COMMAND)) == 0);
    command.cdb_length = 6;
    command.data = NULL;
    CHECK(pvscsi_submit(session, &command, completed, NULL, NULL) == PVSCSI_E_INVALID);
    pvscsi_buffer_free(buffer);
    pvscsi_buffer_free(NULL);
}

static void test_tasks(pvscsi_session* session) {
    const unsigned char test_unit_ready[6] = {0};
    struct pvscsi_command command = {0};
    struct outcome outcome = {0}, task = {0};
    uint64_t id = 0;
    command.cdb = test_unit_ready;
    command.cdb_length = 6;
    bed_hold(1);
    CHECK(pvscsi_submit(session, &command, completed, &outcome, &id) == 0);
    CHECK(pvscsi_free_slots(session) == 15);
    CHECK(pvscsi_abort(session, id, task_ended, &task) == 0);
    CHECK(pvscsi_reset(session, NULL, NULL, NULL) == PVSCSI_E_INVALID);
    CHECK(pvscsi_reset(session, &command.address, NULL, NULL) == 0);
    pvscsi_flush(session);
    bed_hold(0);
    wait_for(session, &task.calls, 1);
    CHECK(task.success == 1);
    CHECK(outcome.calls == 1);
    /* There is nothing to abort any more. */
    CHECK(pvscsi_abort(session, id, task_ended, &task) == 0);
    wait_for(session, &task.calls, 2);
    CHECK(task.success == 0);
}

static void test_sleeping_and_events(pvscsi_session* session) {
    int seen[PVSCSI_CLOSED + 1] = {0};
    CHECK(pvscsi_fd(session) >= 0);
    while (!pvscsi_prepare_to_sleep(session))
        CHECK(pvscsi_poll(session) >= 0);
    CHECK(pvscsi_on_event(session, noticed, seen) == 0);
    bed_restart();
    wait_for(session, &seen[PVSCSI_RECONNECTED], 1);
    CHECK(seen[PVSCSI_DISCONNECTED] == 1);
    CHECK(pvscsi_on_event(session, NULL, NULL) == 0);
}

int main(void) {
    struct pvscsi_options options = {0};
    struct pvscsi_address luns[2];
    pvscsi_session* session = NULL;
    bed_start();
    test_opening();
    CHECK(pvscsi_open(&options, &session) == PVSCSI_OK);
    CHECK(pvscsi_connected(session) == 1);
    CHECK(pvscsi_luns(session, luns, 2) == 1);
    CHECK(pvscsi_luns(session, NULL, 0) == 1);
    CHECK(luns[0].lun == 0 && luns[0].target == 0);
    CHECK(pvscsi_max_transfer(session) == 25 * 4096);
    test_commands(session);
    test_tasks(session);
    test_sleeping_and_events(session);
    pvscsi_close(session);
    bed_stop();
    return 0;
}
