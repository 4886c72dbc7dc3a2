#include "frontend/run/preload/commands.hpp"

#include "frontend/run/preload/outcome.hpp"
#include "frontend/run/preload/slots.hpp"
#include "frontend/run/preload/transfer.hpp"

#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>

namespace pvscsi::preload {

using run::wire::Direction;
using run::wire::Kind;
using run::wire::Page;
using run::wire::Request;
using run::wire::Slot;

namespace {

static_assert(sizeof(sg_io_hdr_t) == run::wire::header_size);

constexpr std::size_t shortest_cdb = 6;
constexpr std::size_t longest_sg_cdb = 252;     // SG_MAX_CDB_SIZE
constexpr unsigned default_timeout_ms = 60'000; // SG_DEFAULT_TIMEOUT

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

int run_command(OpenFile& file, int fd, sg_io_hdr_t& header) noexcept {
    unsigned slot = 0;
    if (const int error = start_command(file, fd, header, true, slot))
        return error;
    if (const int error = wait_for_slot(*file.page, fd, slot))
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
        error = wait_for_slot(*file.page, fd, slot);
    if (error == 0)
        error = page.slots[slot].outcome.error;
    free_slot(page, slot);
    return error;
}

} // namespace pvscsi::preload
