#include "frontend/run/preload/commands.hpp"

#include "frontend/run/preload/transfer.hpp"

#include <cerrno>
#include <climits>
#include <cstring>
#include <linux/futex.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace pvscsi::preload {

using run::wire::Direction;
using run::wire::Kind;
using run::wire::Outcome;
using run::wire::Page;
using run::wire::Request;
using run::wire::Slot;

namespace {

static_assert(sizeof(sg_io_hdr_t) == run::wire::header_size);

constexpr std::size_t shortest_cdb = 6;
constexpr std::size_t longest_sg_cdb = 252;     // SG_MAX_CDB_SIZE
constexpr unsigned default_timeout_ms = 60'000; // SG_DEFAULT_TIMEOUT
constexpr unsigned char driver_sense = 8;

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

int check_header(const OpenFile& file, const sg_io_hdr_t& header) noexcept {
    if (header.interface_id != 'S')
        return ENOSYS;
    if (header.cmdp == nullptr || header.cmd_len < shortest_cdb || header.cmd_len > longest_sg_cdb)
        return EMSGSIZE;
    const Page& page = *file.page;
    if (page.detached.load())
        return ENODEV;
    if ((header.flags & SG_FLAG_MMAP_IO) != 0) {
        if (header.dxfer_len > static_cast<unsigned>(page.reserved_size.load()))
            return ENOMEM;
        if ((header.flags & SG_FLAG_DIRECT_IO) != 0)
            return EINVAL;
    }
    if (header.dxfer_direction != SG_DXFER_NONE &&
        (header.dxfer_len > page.region_size || header.dxfer_len > page.max_transfer.load()))
        return EINVAL; // more than the block layer of a real frontend would take, too
    return 0;
}

Direction direction_of(const sg_io_hdr_t& header) noexcept {
    if (header.dxfer_len == 0 || header.dxfer_direction == SG_DXFER_NONE)
        return Direction::none;
    return header.dxfer_direction == SG_DXFER_TO_DEV ? Direction::to_device
                                                     : Direction::from_device;
}

void fill_request(Slot& slot, unsigned index, const sg_io_hdr_t& header,
                  bool synchronous) noexcept {
    Request& request = slot.request;
    request.kind = Kind::command;
    request.direction = direction_of(header);
    request.synchronous = synchronous;
    request.cdb_length = header.cmd_len;
    std::memcpy(request.cdb, header.cmdp,
                header.cmd_len < run::wire::cdb_size ? header.cmd_len : run::wire::cdb_size);
    request.region = (header.flags & SG_FLAG_MMAP_IO) != 0 ? run::wire::reserved_region : index;
    request.data_length = request.direction == Direction::none ? 0 : header.dxfer_len;
    request.timeout_ms = header.timeout != 0 ? header.timeout : default_timeout_ms;
    std::memcpy(slot.header, &header, sizeof(header));
}

int send_submit(int fd, unsigned slot) noexcept {
    const run::wire::Submit message{slot};
    for (;;) {
        if (send(fd, &message, sizeof(message), MSG_NOSIGNAL) == sizeof(message))
            return 0;
        if (errno == EAGAIN) {
            pollfd wait{fd, POLLOUT, 0};
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return ENODEV;
        }
    }
}

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

enum class Token { got, none, gone, interrupted };

Token take_token(int fd, int flags) noexcept {
    unsigned char byte = 0;
    const ssize_t size = recv(fd, &byte, sizeof(byte), flags);
    if (size > 0)
        return Token::got;
    if (size == 0)
        return Token::gone;
    if (errno == EINTR)
        return Token::interrupted;
    return errno == EAGAIN ? Token::none : Token::gone;
}

/// The byte of a response that was found by its pack_id. The server sends it just before or after
/// the slot is done.
void take_token_of(int fd) noexcept {
    if (take_token(fd, MSG_DONTWAIT) != Token::none)
        return;
    pollfd wait{fd, POLLIN, 0};
    if (poll(&wait, 1, 100) == 1)
        take_token(fd, MSG_DONTWAIT);
}

int take_by_pack_id(OpenFile& file, int fd, int pack_id, bool blocking, unsigned& slot) noexcept {
    Page& page = *file.page;
    if (!take_finished(page, pack_id, slot)) {
        if (page.detached.load())
            return ENODEV;
        if (!blocking)
            return EAGAIN;
        const auto ready = [&] {
            return page.detached.load() || take_finished(page, pack_id, slot);
        };
        slot = run::wire::slot_count;
        if (const int error = wait_until(page, fd, true, ready))
            return error;
        if (slot == run::wire::slot_count)
            return ENODEV;
    }
    take_token_of(fd);
    return 0;
}

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

} // namespace

int start_command(OpenFile& file, int fd, const sg_io_hdr_t& header, bool synchronous,
                  unsigned& slot) noexcept {
    if (const int error = check_header(file, header))
        return error;
    Page& page = *file.page;
    const bool mapped = (header.flags & SG_FLAG_MMAP_IO) != 0;
    if (const int error = claim_slot(page, slot))
        return error;
    std::int32_t unused = 0;
    if (mapped && !page.reserved_in_use.compare_exchange_strong(unused, 1)) {
        free_slot(page, slot);
        return EBUSY;
    }
    int error = 0;
    // FROM_DEV alone starts with what the memory holds; nobody can see what that is, because no
    // more than the transferred bytes are copied back.
    if (!mapped && header.dxfer_len != 0 &&
        (header.dxfer_direction == SG_DXFER_TO_DEV ||
         header.dxfer_direction == SG_DXFER_TO_FROM_DEV))
        error = copy_from_program(header, file.region(slot));
    if (error == 0) {
        fill_request(page.slots[slot], slot, header, synchronous);
        page.slots[slot].order = page.next_order.fetch_add(1);
        page.command_queuing.store(1);
        error = send_submit(fd, slot);
    }
    if (error != 0) {
        if (mapped)
            page.reserved_in_use.store(0);
        free_slot(page, slot);
    }
    return error;
}

int wait_for_slot(OpenFile& file, int fd, unsigned slot) noexcept {
    Page& page = *file.page;
    return wait_until(page, fd, false, [&] {
        return page.slots[slot].state.load(std::memory_order_acquire) == run::wire::slot_done;
    });
}

int finish_command(OpenFile& file, unsigned index, sg_io_hdr_t& header) noexcept {
    Slot& slot = file.page->slots[index];
    sg_io_hdr_t original;
    std::memcpy(&original, slot.header, sizeof(original));
    const int error = slot.outcome.error;
    if (error == 0) {
        copy_outcome(slot.outcome, original);
        if (slot.request.direction == Direction::from_device &&
            slot.request.region != run::wire::reserved_region &&
            slot.outcome.residual <= slot.request.data_length)
            copy_to_program(original, file.region(index),
                            slot.request.data_length - slot.outcome.residual);
        header = original;
    }
    if ((original.flags & SG_FLAG_MMAP_IO) != 0)
        file.page->reserved_in_use.store(0);
    free_slot(*file.page, index);
    return error;
}

int take_response(OpenFile& file, int fd, int pack_id, bool blocking, unsigned& slot) noexcept {
    if (pack_id != -1)
        return take_by_pack_id(file, fd, pack_id, blocking, slot);
    for (;;) {
        // The socket blocks or not just as the program has set it.
        switch (take_token(fd, 0)) {
        case Token::got:
            if (take_finished(*file.page, -1, slot))
                return 0;
            break; // left over from a response that was taken by its pack_id
        case Token::none:
            return EAGAIN;
        case Token::interrupted:
            return EINTR;
        case Token::gone:
            return ENODEV;
        }
    }
}

int run_command(OpenFile& file, int fd, sg_io_hdr_t& header) noexcept {
    unsigned slot = 0;
    if (const int error = start_command(file, fd, header, true, slot))
        return error;
    if (const int error = wait_for_slot(file, fd, slot))
        return error;
    return finish_command(file, slot, header);
}

int reset_lun(OpenFile& file, int fd) noexcept {
    Page& page = *file.page;
    unsigned slot = 0;
    if (page.detached.load())
        return ENODEV;
    if (const int error = claim_slot(page, slot))
        return error;
    Request& request = page.slots[slot].request;
    request = {};
    request.kind = Kind::reset_lun;
    request.synchronous = 1;
    int error = send_submit(fd, slot);
    if (error == 0)
        error = wait_for_slot(file, fd, slot);
    if (error == 0)
        error = page.slots[slot].outcome.error;
    free_slot(page, slot);
    return error;
}

} // namespace pvscsi::preload
