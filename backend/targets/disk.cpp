// What a disk is: its table of commands, its pages. The commands are in disk_*.cpp.
#include "backend/targets/disk.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>
#include <bit>

namespace pvscsi::backend {

namespace condition = scsi::condition;
namespace op = scsi::opcode;

namespace {

constexpr std::uint8_t all = 0xff;
constexpr std::uint8_t dpo = 0x10;
constexpr std::uint8_t dpo_fua = 0x18;
constexpr unsigned reads = needs_medium;
constexpr unsigned writes = needs_medium | changes_medium;
/// Nobody else writes between what is read and what is written for it.
constexpr unsigned atomic_writes = writes | needs_it_alone;

constexpr std::uint8_t group = 0x1f;

// The commands come in sizes whose fields are in the same places; RDPROTECT and WRPROTECT are in
// no mask, so that they are refused. GROUP NUMBER is taken and means nothing (GROUP_SUP is 0).
constexpr CommandRow ten(std::uint8_t opcode, std::uint8_t options, unsigned traits,
                         CommandHandler handler) {
    return row({opcode, options, all, all, all, all, group, all, all, 0}, traits, handler);
}
constexpr CommandRow twelve(std::uint8_t opcode, std::uint8_t options, unsigned traits,
                            CommandHandler handler) {
    return row({opcode, options, all, all, all, all, all, all, all, all, group, 0}, traits,
               handler);
}
constexpr CommandRow sixteen(std::uint8_t opcode, std::uint8_t options, unsigned traits,
                             CommandHandler handler) {
    return row(
        {opcode, options, all, all, all, all, all, all, all, all, all, all, all, all, group, 0},
        traits, handler);
}
constexpr CommandRow six(std::uint8_t opcode, unsigned traits, CommandHandler handler) {
    return row({opcode, 0x1f, all, all, all, 0}, traits, handler);
}

constexpr std::uint8_t caching = 0x08;
constexpr std::uint8_t control = 0x0a;

/// Read-write error recovery, caching, control, informational exceptions (SBC-4 6.5, SPC-5 7.5).
ModePages disk_mode_pages(bool volatile_cache) {
    const std::uint8_t wce = volatile_cache ? 0x04 : 0x00;
    ModePage recovery{{0x01, 0x0a, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {}}; // AWRE, ARRE
    ModePage cache{{caching, 0x12, wce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
                   {0, 0, wce}};
    // No task set of its own for anybody (there is one initiator), restricted reordering off.
    ModePage controls{{control, 0x0a, 0, 0x10, 0, 0, 0, 0, 0xff, 0xff, 0, 0}, {0, 0, 0, 0, 0x08}};
    ModePage exceptions{{0x1c, 0x0a, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {}}; // DEXCPT
    return ModePages({recovery, cache, controls, exceptions});
}

} // namespace

std::span<const CommandRow> Disk::disk_commands() noexcept {
    static constexpr CommandRow rows[] = {
        six(op::read_6, reads, handler<&Disk::read>),
        ten(op::read_10, dpo_fua, reads, handler<&Disk::read>),
        twelve(op::read_12, dpo_fua, reads, handler<&Disk::read>),
        sixteen(op::read_16, dpo_fua, reads, handler<&Disk::read>),
        six(op::write_6, writes, handler<&Disk::write>),
        ten(op::write_10, dpo_fua, writes, handler<&Disk::write>),
        twelve(op::write_12, dpo_fua, writes, handler<&Disk::write>),
        sixteen(op::write_16, dpo_fua, writes, handler<&Disk::write>),
        ten(op::verify_10, dpo | 0x06, reads, handler<&Disk::verify>),
        twelve(op::verify_12, dpo | 0x06, reads, handler<&Disk::verify>),
        sixteen(op::verify_16, dpo | 0x06, reads, handler<&Disk::verify>),
        ten(op::write_and_verify_10, dpo | 0x06, writes, handler<&Disk::write_and_verify>),
        twelve(op::write_and_verify_12, dpo | 0x06, writes, handler<&Disk::write_and_verify>),
        sixteen(op::write_and_verify_16, dpo | 0x06, writes, handler<&Disk::write_and_verify>),
        ten(op::pre_fetch_10, 0x02, reads, handler<&Disk::pre_fetch>),
        sixteen(op::pre_fetch_16, 0x02, reads, handler<&Disk::pre_fetch>),
        row({op::compare_and_write, dpo_fua, all, all, all, all, all, all, all, all, 0, 0, 0, all,
             0, 0},
            atomic_writes, handler<&Disk::compare_and_write>),
        sixteen(op::or_write_16, dpo_fua, atomic_writes, handler<&Disk::or_write>),
        ten(op::write_same_10, 0x08, writes, handler<&Disk::write_same>),
        sixteen(op::write_same_16, 0x09, writes, handler<&Disk::write_same>),
        row({op::unmap, 0, 0, 0, 0, 0, 0, all, all, 0}, writes, handler<&Disk::unmap>),
        service_row(
            {op::service_action_in_16, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, all, all, all, all, 0, 0},
            reads, handler<&Disk::read_capacity_16>),
        row({op::read_capacity_10, 0, 0, 0, 0, 0, 0, 0, 0, 0}, reads,
            handler<&Disk::read_capacity_10>),
        ten(op::synchronize_cache_10, 0x06, reads, handler<&Disk::synchronize_cache>),
        sixteen(op::synchronize_cache_16, 0x06, reads, handler<&Disk::synchronize_cache>),
        row({op::start_stop_unit, 0x01, 0, 0, 0xf5, 0}, plain, handler<&Disk::start_stop_unit>),
        row({op::prevent_allow, 0, 0, 0, 0x03, 0}, plain, handler<&Disk::prevent_allow>),
    };
    return rows;
}

Disk::Disk(UnitIdentity identity, std::unique_ptr<Medium> medium, bool read_only)
    : EmulatedUnit(scsi::DeviceType::disk, std::move(identity), std::move(medium), disk_commands(),
                   disk_mode_pages(false)),
      shift_(static_cast<unsigned>(std::countr_zero(limits().block_size))),
      read_only_(read_only || !limits().writable), blocks_(limits().bytes >> shift_),
      memory_(this->medium().memory()), moves_nothing_(this->medium().moves_nothing()) {
    mode_pages() = disk_mode_pages(limits().volatile_cache);
    mode_changed();
}

std::uint8_t Disk::device_specific_parameter() const noexcept {
    constexpr std::uint8_t wp = 0x80;
    constexpr std::uint8_t dpofua = 0x10;
    return write_protection() == condition::none ? dpofua : wp | dpofua;
}

std::uint16_t Disk::command_set_version() const noexcept {
    return 0x04c0; // SBC-3
}

std::span<const std::uint8_t> Disk::own_vpd_pages() const noexcept {
    static constexpr std::uint8_t pages[] = {0xb0, 0xb1, 0xb2};
    return pages;
}

std::optional<std::size_t> Disk::vpd(std::uint8_t page,
                                     std::span<std::uint8_t> body) const noexcept {
    switch (page) {
    case 0xb0:
        put_block_limits(body);
        return 0x3c;
    case 0xb1:
        store_be16(body, 0, limits().rotational ? 0 : 1); // not reported; not a rotating medium
        return 0x3c;
    case 0xb2:
        put_provisioning(body);
        return 4;
    default:
        return {};
    }
}

/// Block limits (SBC-4 6.6.4). Offsets are those of the page less its header of 4.
void Disk::put_block_limits(std::span<std::uint8_t> body) const noexcept {
    const std::uint32_t physical = limits().physical_block_size >> shift_;
    body[0] = 0x01; // WSNZ
    body[1] = static_cast<std::uint8_t>(limits().shared ? 0 : atomic_limit());
    store_be16(body, 2, physical);
    if (limits().discard) {
        store_be32(body, 16, unmap_limit());
        store_be32(body, 20, 255);
        store_be32(body, 24, physical);
        store_be32(body, 28, 0x80000000); // the alignment is valid, and 0
    }
    store_be64(body, 32, write_same_limit());
}

/// Logical block provisioning (SBC-4 6.6.7).
void Disk::put_provisioning(std::span<std::uint8_t> body) const noexcept {
    if (!limits().discard)
        return;                          // fully provisioned
    body[1] = 0x80 | 0x40 | 0x20 | 0x04; // LBPU, LBPWS, LBPWS10, LBPRZ
    body[2] = 0x02;                      // thin provisioned
}

std::size_t Disk::block_descriptor(bool long_lba, std::span<std::uint8_t> to) const noexcept {
    if (long_lba) {
        store_be64(to, 0, blocks());
        store_be32(to, 12, limits().block_size);
        return 16;
    }
    store_be32(to, 0, std::min<std::uint64_t>(blocks(), 0xffffffff));
    store_be24(to, 5, limits().block_size);
    return 8;
}

void Disk::initial_state() noexcept {
    set_readiness(condition::none);
}

/// Whether it was stopped.
std::uint8_t Disk::own_state() const noexcept {
    return readiness() == condition::start_required ? 1 : 0;
}

void Disk::take_own_state(std::uint8_t state) noexcept {
    set_readiness(state == 0 ? condition::none : condition::start_required);
}

void Disk::mode_changed() noexcept {
    write_cache_ = mode_pages().bit(caching, 2, 2);
    set_write_protection(read_only_                        ? condition::write_protected
                         : mode_pages().bit(control, 4, 3) ? condition::software_write_protected
                                                           : condition::none);
}

} // namespace pvscsi::backend
