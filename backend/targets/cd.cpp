#include "backend/targets/cd.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>

namespace pvscsi::backend {

namespace condition = scsi::condition;
namespace op = scsi::opcode;

namespace {

constexpr std::uint8_t all = 0xff;
constexpr std::uint8_t dpo_fua = 0x18; // there is nothing but the medium to read from

/// Error recovery, control, informational exceptions, capabilities (MMC-6 7.2, MMC-3 for page 2Ah,
/// which Linux asks for).
ModePages cd_mode_pages() {
    constexpr std::uint8_t reads_dvd_rom = 0x08;
    constexpr std::uint8_t tray_eject_lock = 0x29;
    ModePage recovery{{0x01, 0x0a, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {}};
    ModePage controls{{0x0a, 0x0a, 0, 0x10, 0, 0, 0, 0, 0xff, 0xff, 0, 0}, {}};
    ModePage exceptions{{0x1c, 0x0a, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {}};
    ModePage capabilities{{0x2a,
                           0x14,
                           reads_dvd_rom,
                           0,
                           0,
                           0,
                           tray_eject_lock,
                           0,
                           0x16,
                           0,
                           0,
                           0,
                           0,
                           0,
                           0x16,
                           0,
                           0,
                           0,
                           0,
                           0,
                           0,
                           0},
                          {}};
    return ModePages({recovery, controls, exceptions, capabilities});
}

} // namespace

std::span<const CommandRow> Cd::cd_commands() noexcept {
    static constexpr CommandRow rows[] = {
        row({op::read_10, dpo_fua, all, all, all, all, 0x1f, all, all, 0}, needs_medium,
            handler<&Cd::read>),
        row({op::read_12, dpo_fua, all, all, all, all, all, all, all, all, 0x9f, 0}, needs_medium,
            handler<&Cd::read>),
        row({op::read_capacity_10, 0, 0, 0, 0, 0, 0, 0, 0, 0}, needs_medium,
            handler<&Cd::read_capacity>),
        row({op::start_stop_unit, 0x01, 0, 0x0f, 0xf7, 0}, plain, handler<&Cd::start_stop_unit>),
        row({op::prevent_allow, 0, 0, 0, 0x03, 0}, plain, handler<&Cd::prevent_allow>),
        row({op::read_toc, 0x02, 0x0f, 0, 0, 0, all, all, all, 0}, needs_medium,
            handler<&Cd::read_toc>),
        row({op::read_disc_information, 0x07, 0, 0, 0, 0, 0, all, all, 0}, needs_medium,
            handler<&Cd::read_disc_information>),
        row({op::read_track_information, 0x03, all, all, all, all, 0, all, all, 0}, needs_medium,
            handler<&Cd::read_track_information>),
        row({op::read_dvd_structure, 0x0f, all, all, all, all, all, all, all, all, 0xc0, 0},
            needs_medium, handler<&Cd::read_disc_structure>),
        // These tell of the tray, so they work while it is open and nothing comes between.
        row({op::get_configuration, 0x03, all, all, 0, 0, 0, all, all, 0}, ignores_attention,
            handler<&Cd::get_configuration>),
        row({op::get_event_status, 0x01, 0, 0, all, 0, 0, all, all, 0}, ignores_attention,
            handler<&Cd::get_event_status>),
        row({op::mechanism_status, 0, 0, 0, 0, 0, 0, 0, all, all, 0, 0}, plain,
            handler<&Cd::mechanism_status>),
    };
    return rows;
}

Cd::Cd(UnitIdentity identity, std::unique_ptr<Medium> medium)
    : EmulatedUnit(scsi::DeviceType::cd, std::move(identity), std::move(medium), cd_commands(),
                   cd_mode_pages()) {}

std::uint16_t Cd::command_set_version() const noexcept {
    return 0x04e0; // MMC-6
}

std::uint32_t Cd::blocks() const noexcept {
    // 32 bits hold the addresses of any disc; of a larger image the rest is out of reach.
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(limits().bytes / block_size, 0xffffffff));
}

void Cd::initial_state() noexcept {
    locked_ = false;
    if (tray_open_)
        set_tray(false);
}

void Cd::set_tray(bool open) noexcept {
    if (tray_open_ == open)
        return;
    tray_open_ = open;
    event_ = open ? MediaEvent::removal : MediaEvent::new_media;
    set_readiness(open ? condition::tray_open : condition::none);
}

void Cd::nexus_lost() noexcept {
    if (std::exchange(locked_, false))
        remember();
}

/// Bit 0: the tray is open, bit 1: it is locked, bits 2 on: the event not told yet.
std::uint8_t Cd::own_state() const noexcept {
    return static_cast<std::uint8_t>((tray_open_ ? 1u : 0u) | (locked_ ? 2u : 0u) |
                                     static_cast<unsigned>(event_) << 2);
}

void Cd::take_own_state(std::uint8_t state) noexcept {
    set_tray((state & 1) != 0);
    locked_ = (state & 2) != 0;
    event_ = static_cast<MediaEvent>(state >> 2);
}

Step Cd::read(Request& request) noexcept {
    const scsi::BlockRange range = scsi::block_range(request.cdb().padded());
    if (range.lba > blocks() || range.blocks > blocks() - range.lba)
        return fail(request, condition::lba_out_of_range);
    return read_blocks(request, range, false);
}

Step Cd::read_capacity(Request& request) noexcept {
    if (const scsi::Condition news = look_at_medium(); news != condition::none)
        return fail(request,
                    news == condition::capacity_changed ? condition::medium_changed : news);
    const auto data = parameter_data(request, 8);
    if (data.empty())
        return fail(request, condition::internal_failure);
    store_be32(data, 0, blocks() - 1);
    store_be32(data, 4, block_size);
    return answer(request, data, 8);
}

/// Without LOEJ it is about spinning, which no one can see. No unit attention follows a load: it
/// is the one initiator that asked for it, and the same image.
Step Cd::start_stop_unit(Request& request) noexcept {
    const std::uint8_t flags = request.cdb().padded()[4];
    const bool power_condition = (flags & 0xf0) != 0;
    const bool load_eject = (flags & 0x02) != 0;
    const bool start = (flags & 0x01) != 0;
    if (power_condition || !load_eject)
        return Step::done;
    if (!start && locked_)
        return fail(request, condition::removal_prevented);
    set_tray(!start);
    remember();
    return Step::done;
}

Step Cd::prevent_allow(Request& request) noexcept {
    locked_ = (request.cdb().padded()[4] & 0x01) != 0;
    remember();
    return Step::done;
}

} // namespace pvscsi::backend
