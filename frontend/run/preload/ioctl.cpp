#include "frontend/run/preload/ioctl.hpp"

#include "frontend/run/preload/commands.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/fs.h>
#include <scsi/scsi.h>

namespace pvscsi::preload {

using run::wire::Page;
using run::wire::Slot;

namespace {

constexpr int sg_version = 30536;    // 3.5.36, that of Linux 6
constexpr int queue_depth = 16;      // of the ring
constexpr int commands_per_lun = 10; // Linux' frontend
constexpr unsigned page_size = 4096;
constexpr unsigned char test_unit_ready[6] = {};

template <class Value>
int give(void* argument, const Value& value) noexcept {
    if (argument == nullptr)
        return EFAULT;
    std::memcpy(argument, &value, sizeof(value));
    return 0;
}

int take(const void* argument, int& value) noexcept {
    if (argument == nullptr)
        return EFAULT;
    std::memcpy(&value, argument, sizeof(value));
    return 0;
}

int store_flag(const void* argument, std::atomic<std::int32_t>& flag) noexcept {
    int value = 0;
    const int error = take(argument, value);
    if (error == 0)
        flag.store(value != 0);
    return error;
}

bool waits(const Slot& slot) noexcept {
    return slot.state.load(std::memory_order_acquire) == run::wire::slot_done &&
           slot.request.synchronous == 0;
}

sg_io_hdr_t header_of(const Slot& slot) noexcept {
    sg_io_hdr_t header;
    std::memcpy(&header, slot.header, sizeof(header));
    return header;
}

int get_pack_id(const Page& page, void* argument) noexcept {
    const Slot* oldest = nullptr;
    for (const Slot& slot : page.slots)
        if (waits(slot) &&
            (oldest == nullptr || static_cast<std::int32_t>(slot.order - oldest->order) < 0))
            oldest = &slot;
    return give(argument, oldest == nullptr ? -1 : header_of(*oldest).pack_id);
}

int get_num_waiting(const Page& page, void* argument) noexcept {
    int waiting = 0;
    for (const Slot& slot : page.slots)
        waiting += waits(slot);
    return give(argument, waiting);
}

int get_request_table(const Page& page, void* argument) noexcept {
    sg_req_info_t table[SG_MAX_QUEUE]{};
    unsigned used = 0;
    for (const Slot& slot : page.slots) {
        const std::uint32_t state = slot.state.load(std::memory_order_acquire);
        if (state == run::wire::slot_free)
            continue;
        const sg_io_hdr_t header = header_of(slot);
        sg_req_info_t& entry = table[used++];
        entry.req_state = state == run::wire::slot_done ? 2 : 1;
        entry.sg_io_owned = static_cast<char>(slot.request.synchronous);
        entry.pack_id = header.pack_id;
        entry.usr_ptr = header.usr_ptr;
        if (entry.req_state != 2)
            continue;
        entry.duration = slot.outcome.duration_ms;
        entry.problem = slot.outcome.status != 0 || slot.outcome.host != 0;
    }
    return give(argument, table);
}

/// The peripheral device type, by asking the device: nobody else knows it.
int device_type(OpenFile& file, int fd, int& type) noexcept {
    unsigned char cdb[] = {INQUIRY, 0, 0, 0, 36, 0};
    unsigned char data[36] = {};
    unsigned char sense[32];
    sg_io_hdr_t header{};
    header.interface_id = 'S';
    header.dxfer_direction = SG_DXFER_FROM_DEV;
    header.cmdp = cdb;
    header.cmd_len = sizeof(cdb);
    header.dxferp = data;
    header.dxfer_len = sizeof(data);
    header.sbp = sense;
    header.mx_sb_len = sizeof(sense);
    header.timeout = 10'000;
    if (const int error = run_command(file, fd, header))
        return error;
    type = header.info & SG_INFO_CHECK ? 0x1f : data[0] & 0x1f;
    return 0;
}

int get_scsi_id(OpenFile& file, int fd, void* argument) noexcept {
    const Page& page = *file.page;
    sg_scsi_id id{};
    id.host_no = static_cast<int>(page.host);
    id.channel = static_cast<int>(page.channel);
    id.scsi_id = static_cast<int>(page.target);
    id.lun = static_cast<int>(page.lun);
    id.h_cmd_per_lun = commands_per_lun;
    id.d_queue_depth = queue_depth;
    if (const int error = device_type(file, fd, id.scsi_type))
        return error;
    return give(argument, id);
}

int get_idlun(const Page& page, void* argument) noexcept {
    const struct {
        std::uint32_t four_in_one;
        std::uint32_t host_unique_id;
    } id{(page.target & 0xff) | (page.lun & 0xff) << 8 | (page.channel & 0xff) << 16 |
             (page.host & 0xff) << 24,
         page.host};
    return give(argument, id);
}

int max_transfer(const Page& page) noexcept {
    const std::uint32_t most = page.max_transfer.load();
    return static_cast<int>(most < page.region_size ? most : page.region_size);
}

int set_reserved_size(Page& page, const void* argument) noexcept {
    int size = 0;
    if (const int error = take(argument, size))
        return error;
    if (size < 0)
        return EINVAL;
    if (page.reserved_in_use.load())
        return EBUSY;
    const int most = max_transfer(page);
    page.reserved_size.store(size < most ? size : most);
    return 0;
}

int scsi_reset(OpenFile& file, int fd, const void* argument) noexcept {
    int what = 0;
    if (const int error = take(argument, what))
        return error;
    switch (what & ~SG_SCSI_RESET_NO_ESCALATE) {
    case SG_SCSI_RESET_NOTHING:
        return 0;
    case SG_SCSI_RESET_DEVICE:
        return reset_lun(file, fd);
    case SG_SCSI_RESET_TARGET:
    case SG_SCSI_RESET_BUS:
    case SG_SCSI_RESET_HOST:
        return EIO; // the protocol has a reset of a logical unit and no other
    default:
        return EINVAL;
    }
}

int sg_io(OpenFile& file, int fd, void* argument) noexcept {
    if (argument == nullptr)
        return EFAULT;
    return run_command(file, fd, *static_cast<sg_io_hdr_t*>(argument));
}

int send_test_unit_ready(OpenFile& file, int fd) noexcept {
    sg_io_hdr_t header{};
    header.interface_id = 'S';
    header.dxfer_direction = SG_DXFER_NONE;
    header.cmdp = const_cast<unsigned char*>(test_unit_ready);
    header.cmd_len = sizeof(test_unit_ready);
    header.timeout = 10'000;
    if (const int error = run_command(file, fd, header))
        return error;
    return (header.info & SG_INFO_CHECK) != 0 ? EIO : 0;
}

int probe_host(void* argument) noexcept {
    static constexpr char name[] = "pvscsi";
    int room = 0;
    if (const int error = take(argument, room))
        return error;
    const auto length = static_cast<std::size_t>(room < 0 ? 0 : room);
    std::memcpy(argument, name, length < sizeof(name) ? length : sizeof(name));
    return 0;
}

/// Settings and constants: no command goes to the device. ENOTTY: not one of these.
int local_ioctl(Page& page, unsigned long request, void* argument) noexcept {
    switch (request) {
    case SG_GET_VERSION_NUM:
        return give(argument, sg_version);
    case SG_SET_TIMEOUT: {
        int timeout = 0;
        const int error = take(argument, timeout);
        if (error != 0 || timeout < 0)
            return error != 0 ? error : EIO;
        page.timeout.store(timeout);
        return 0;
    }
    case SG_SET_RESERVED_SIZE:
        return set_reserved_size(page, argument);
    case SG_GET_RESERVED_SIZE:
        return give(argument, static_cast<int>(page.reserved_size.load()));
    case SG_SET_FORCE_PACK_ID:
        return store_flag(argument, page.force_pack_id);
    case SG_GET_PACK_ID:
        return get_pack_id(page, argument);
    case SG_GET_NUM_WAITING:
        return get_num_waiting(page, argument);
    case SG_SET_KEEP_ORPHAN:
        return store_flag(argument, page.keep_orphan);
    case SG_GET_KEEP_ORPHAN:
        return give(argument, static_cast<int>(page.keep_orphan.load()));
    case SG_SET_COMMAND_Q:
        return store_flag(argument, page.command_queuing);
    case SG_GET_COMMAND_Q:
        return give(argument, static_cast<int>(page.command_queuing.load()));
    case SG_GET_REQUEST_TABLE:
        return get_request_table(page, argument);
    case SG_GET_SG_TABLESIZE:
        return give(argument, max_transfer(page) / static_cast<int>(page_size));
    case BLKSECTGET: // in bytes, unlike a block device's
        return give(argument, max_transfer(page));
    case SG_EMULATED_HOST:
    case SG_GET_LOW_DMA:
        return give(argument, 0);
    case SG_GET_ACCESS_COUNT:
        return give(argument, 1);
    case SG_SET_FORCE_LOW_DMA:
    case SG_NEXT_CMD_LEN:
    case SG_SET_DEBUG:
        return 0;
    case SCSI_IOCTL_GET_IDLUN:
        return get_idlun(page, argument);
    case SCSI_IOCTL_GET_BUS_NUMBER:
        return give(argument, static_cast<int>(page.host));
    default:
        return ENOTTY;
    }
}

int device_ioctl(OpenFile& file, int fd, unsigned long request, void* argument) noexcept {
    switch (request) {
    case SG_IO:
        return sg_io(file, fd, argument);
    case SG_GET_SCSI_ID:
        return get_scsi_id(file, fd, argument);
    case SG_SCSI_RESET:
        return scsi_reset(file, fd, argument);
    case SCSI_IOCTL_TEST_UNIT_READY:
        return send_test_unit_ready(file, fd);
    default:
        return EINVAL;
    }
}

} // namespace

int node_ioctl(OpenFile& file, int fd, unsigned long request, void* argument) noexcept {
    // Two that answer with their return value.
    if (request == SG_GET_TIMEOUT)
        return file.page->timeout.load();
    int error = request == SCSI_IOCTL_PROBE_HOST ? probe_host(argument)
                                                 : local_ioctl(*file.page, request, argument);
    if (request == SCSI_IOCTL_PROBE_HOST && error == 0)
        return 1;
    if (error == ENOTTY)
        error = device_ioctl(file, fd, request, argument);
    if (error == 0)
        return 0;
    errno = error;
    return -1;
}

} // namespace pvscsi::preload
