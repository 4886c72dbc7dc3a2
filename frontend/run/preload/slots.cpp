#include "frontend/run/preload/slots.hpp"

#include "frontend/run/preload/sg_abi.hpp"

#include <cerrno>
#include <cstring>
#include <linux/futex.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace pvscsi::preload {

using run::wire::Page;
using run::wire::Slot;

namespace {

bool hung_up(int fd) noexcept {
    pollfd state{fd, POLLRDHUP, 0};
    return poll(&state, 1, 0) == 1 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/// Sleeps until `completions` is no longer `seen`; looks up now and then, should the server die.
/// The caller counts as a waiter.
int sleep_for_completion(Page& page, std::uint32_t seen) noexcept {
    const timespec look_up{0, 200'000'000};
    const long result =
        syscall(SYS_futex, &page.completions, FUTEX_WAIT, seen, &look_up, nullptr, 0);
    return result == 0 ? 0 : errno;
}

/// Waits until `ready()`. 0; ENODEV when the server has gone; EINTR if `interruptible`.
template <class Ready>
int wait_until(Page& page, int fd, bool interruptible, Ready ready) noexcept {
    int result = 0;
    page.waiters.fetch_add(1);
    for (;;) {
        const std::uint32_t seen = page.completions.load();
        if (ready())
            break;
        const int error = sleep_for_completion(page, seen);
        if (error == EINTR && interruptible) {
            result = EINTR;
            break;
        }
        if (error == ETIMEDOUT && hung_up(fd)) {
            result = ready() ? 0 : ENODEV;
            break;
        }
    }
    page.waiters.fetch_sub(1);
    return result;
}

} // namespace

int claim_slot(Page& page, unsigned& slot) noexcept {
    for (unsigned i = 0; i < run::wire::slot_count; ++i) {
        std::uint32_t expected = run::wire::slot_free;
        if (page.slots[i].state.compare_exchange_strong(expected, run::wire::slot_busy)) {
            slot = i;
            return 0;
        }
    }
    return EDOM;
}

void free_slot(Page& page, unsigned slot) noexcept {
    page.slots[slot].state.store(run::wire::slot_free, std::memory_order_release);
}

int wait_for_slot(Page& page, int fd, unsigned slot) noexcept {
    return wait_until(page, fd, false, [&] {
        return page.slots[slot].state.load(std::memory_order_acquire) == run::wire::slot_done;
    });
}

/// Moves a finished asynchronous slot to the caller: the oldest, or that of `pack_id`.
bool take_finished(Page& page, int pack_id, unsigned& taken) noexcept {
    for (;;) {
        int best = -1;
        for (unsigned i = 0; i < run::wire::slot_count; ++i) {
            const Slot& slot = page.slots[i];
            if (slot.state.load(std::memory_order_acquire) != run::wire::slot_done ||
                slot.request.synchronous != 0)
                continue;
            sg_io_hdr_t header;
            std::memcpy(&header, slot.header, sizeof(header));
            if (pack_id != -1 && header.pack_id != pack_id)
                continue;
            if (best < 0 || static_cast<std::int32_t>(slot.order - page.slots[best].order) < 0)
                best = static_cast<int>(i);
        }
        if (best < 0)
            return false;
        std::uint32_t expected = run::wire::slot_done;
        if (page.slots[best].state.compare_exchange_strong(expected, run::wire::slot_busy)) {
            taken = static_cast<unsigned>(best);
            return true;
        }
    }
}

int wait_for_finished(Page& page, int fd, int pack_id, unsigned& taken) noexcept {
    taken = run::wire::slot_count;
    const auto ready = [&] { return page.detached.load() || take_finished(page, pack_id, taken); };
    if (const int error = wait_until(page, fd, true, ready))
        return error;
    return taken == run::wire::slot_count ? ENODEV : 0;
}

} // namespace pvscsi::preload
