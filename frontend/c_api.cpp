// The C face of the library. No exception crosses it: each becomes a number and a text.
#include "frontend/include/pvscsi/frontend.hpp"
#include "pvscsi/frontend.h"

#include <algorithm>
#include <new>
#include <string>

namespace {

// A fixed array: telling of a failure must not fail itself.
thread_local char last_error[256] = "";

void remember(const char* text) noexcept {
    const std::size_t length =
        std::min(std::char_traits<char>::length(text), sizeof last_error - 1);
    std::copy_n(text, length, last_error);
    last_error[length] = '\0';
}

int fail(int error) noexcept {
    remember(pvscsi_strerror(error));
    return error;
}

/// Runs `body`, which returns a result or throws.
template <class Body>
auto guarded(Body&& body) noexcept -> decltype(body()) {
    try {
        return body();
    } catch (const std::bad_alloc&) {
        return fail(PVSCSI_E_NO_MEMORY);
    } catch (const std::exception& error) {
        remember(error.what());
    } catch (...) {
        remember(pvscsi_strerror(PVSCSI_E_FAILED));
    }
    return PVSCSI_E_FAILED;
}

pvscsi::Hctl to_cpp(const pvscsi_address& a) {
    return {a.host, a.channel, a.target, a.lun};
}
pvscsi_address to_c(const pvscsi::Hctl& a) {
    return {a.host, a.channel, a.target, a.lun};
}

int to_c(pvscsi::SubmitError error) noexcept {
    switch (error) {
    case pvscsi::SubmitError::none:
        return PVSCSI_OK;
    case pvscsi::SubmitError::busy:
        return PVSCSI_E_BUSY;
    case pvscsi::SubmitError::not_connected:
        return PVSCSI_E_NOT_CONNECTED;
    case pvscsi::SubmitError::bad_command:
        return PVSCSI_E_BAD_COMMAND;
    }
    return PVSCSI_E_FAILED;
}

pvscsi::DataDirection to_cpp(pvscsi_direction direction) {
    return direction == PVSCSI_TO_DEVICE     ? pvscsi::DataDirection::to_device
           : direction == PVSCSI_FROM_DEVICE ? pvscsi::DataDirection::from_device
                                             : pvscsi::DataDirection::none;
}

std::function<void(bool)> task_handler(pvscsi_task_done done, void* user) {
    if (!done)
        return nullptr;
    return [done, user](bool success) { done(user, success ? 1 : 0); };
}

} // namespace

struct pvscsi_session {
    std::unique_ptr<pvscsi::Session> session;
};

struct pvscsi_buffer {
    pvscsi::Buffer buffer;
};

int pvscsi_open(const pvscsi_options* options, pvscsi_session** session) {
    return guarded([&] {
        if (!session)
            return fail(PVSCSI_E_INVALID);
        pvscsi::SessionOptions chosen;
        if (options) {
            chosen.host_dir = options->host_dir ? options->host_dir : "";
            chosen.domain = options->domain ? options->domain : "";
            chosen.device = options->device;
            if (options->connect_timeout_ms > 0)
                chosen.connect_timeout = std::chrono::milliseconds(options->connect_timeout_ms);
            if (options->bounce_memory > 0)
                chosen.bounce_memory = options->bounce_memory;
        }
        *session = new pvscsi_session{pvscsi::Session::open(chosen)};
        return static_cast<int>(PVSCSI_OK);
    });
}

void pvscsi_close(pvscsi_session* session) {
    delete session;
}

size_t pvscsi_luns(const pvscsi_session* session, pvscsi_address* luns, size_t capacity) {
    std::size_t count = 0;
    guarded([&] {
        for (const pvscsi::Hctl& lun : session->session->luns()) {
            if (count < capacity)
                luns[count] = to_c(lun);
            ++count;
        }
        return 0;
    });
    return count;
}

size_t pvscsi_max_transfer(const pvscsi_session* session) {
    return session->session->max_transfer();
}
int pvscsi_connected(const pvscsi_session* session) {
    return session->session->connected() ? 1 : 0;
}
unsigned pvscsi_free_slots(const pvscsi_session* session) {
    return session->session->free_slots();
}

pvscsi_buffer* pvscsi_buffer_alloc(pvscsi_session* session, size_t size) {
    pvscsi_buffer* buffer = nullptr;
    guarded([&] {
        if (size == 0)
            return fail(PVSCSI_E_INVALID);
        buffer = new pvscsi_buffer{session->session->allocate(size)};
        return 0;
    });
    return buffer;
}
void* pvscsi_buffer_data(const pvscsi_buffer* buffer) {
    return buffer->buffer.bytes().data();
}
void pvscsi_buffer_free(pvscsi_buffer* buffer) {
    delete buffer;
}

int pvscsi_submit(pvscsi_session* session, const pvscsi_command* command, pvscsi_done done,
                  void* user, uint64_t* id) {
    return guarded([&] {
        if (!command || !done || (command->data_length > 0 && !command->data) ||
            (command->cdb_length > 0 && !command->cdb))
            return fail(PVSCSI_E_INVALID);
        pvscsi::ScsiCommand request;
        request.address = to_cpp(command->address);
        request.cdb = {command->cdb, command->cdb_length};
        request.direction = to_cpp(command->direction);
        request.data = {static_cast<std::byte*>(command->data), command->data_length};
        request.timeout = std::chrono::milliseconds(command->timeout_ms);
        // Two pointers: std::function keeps them without allocating.
        const auto result =
            session->session->submit(request, [done, user](const pvscsi::Completion& completion) {
                const pvscsi_completion told{static_cast<int>(completion.host), completion.status,
                                             completion.sense.data(), completion.sense.size(),
                                             completion.residual};
                done(user, &told);
            });
        if (id)
            *id = result.id;
        return result ? static_cast<int>(PVSCSI_OK) : fail(to_c(result.error));
    });
}

void pvscsi_flush(pvscsi_session* session) {
    session->session->flush();
}

int pvscsi_abort(pvscsi_session* session, uint64_t id, pvscsi_task_done done, void* user) {
    return guarded([&] {
        session->session->abort(id, task_handler(done, user));
        return static_cast<int>(PVSCSI_OK);
    });
}

int pvscsi_reset(pvscsi_session* session, const pvscsi_address* address, pvscsi_task_done done,
                 void* user) {
    return guarded([&] {
        if (!address)
            return fail(PVSCSI_E_INVALID);
        session->session->reset(to_cpp(*address), task_handler(done, user));
        return static_cast<int>(PVSCSI_OK);
    });
}

long pvscsi_poll(pvscsi_session* session) {
    return guarded([&]() -> long { return static_cast<long>(session->session->poll()); });
}
long pvscsi_wait(pvscsi_session* session, int timeout_ms) {
    return guarded([&]() -> long {
        return static_cast<long>(session->session->wait(std::chrono::milliseconds(timeout_ms)));
    });
}
int pvscsi_fd(const pvscsi_session* session) {
    return session->session->fd();
}
int pvscsi_prepare_to_sleep(pvscsi_session* session) {
    return guarded([&] { return session->session->prepare_to_sleep() ? 1 : 0; });
}

int pvscsi_on_event(pvscsi_session* session, pvscsi_event_handler handler, void* user) {
    return guarded([&] {
        if (!handler) {
            session->session->on_event(nullptr);
            return static_cast<int>(PVSCSI_OK);
        }
        session->session->on_event([handler, user](const pvscsi::Event& event) {
            const pvscsi_event told{static_cast<pvscsi_event_kind>(event.kind), to_c(event.address),
                                    event.reason.c_str()};
            handler(user, &told);
        });
        return static_cast<int>(PVSCSI_OK);
    });
}

const char* pvscsi_strerror(int error) {
    switch (error) {
    case PVSCSI_OK:
        return "success";
    case PVSCSI_E_BUSY:
        return "all slots or the session's memory are in use";
    case PVSCSI_E_NOT_CONNECTED:
        return "there is no backend at the moment";
    case PVSCSI_E_BAD_COMMAND:
        return "the command cannot be carried by this connection";
    case PVSCSI_E_NO_MEMORY:
        return "no memory, or none that can be granted";
    case PVSCSI_E_INVALID:
        return "an argument makes no sense";
    case PVSCSI_E_FAILED:
        return "failed";
    default:
        return "unknown error";
    }
}

const char* pvscsi_error(void) {
    return last_error;
}
