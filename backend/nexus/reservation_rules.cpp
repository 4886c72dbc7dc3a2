#include "backend/nexus/reservation_rules.hpp"

#include "common/scsi/opcode.hpp"

namespace pvscsi::backend {

namespace op = scsi::opcode;

namespace {

enum Type : std::uint8_t { tape = 0x01, cd = 0x05, changer = 0x08 };

/// Service actions of MAINTENANCE IN that tell about the unit: target port groups, supported
/// commands and task management functions, identifying information, priority, timestamp.
Use use_of_maintenance_in(std::uint8_t action) noexcept {
    switch (action) {
    case 0x05:
    case 0x0a:
    case 0x0b:
    case 0x0c:
    case 0x0d:
    case 0x0e:
    case 0x0f:
        return Use::harmless;
    default:
        return Use::reads;
    }
}

/// SERVICE ACTION IN(16): READ CAPACITY(16) and REPORT REFERRALS are harmless.
Use use_of_service_action_in(std::uint8_t action) noexcept {
    return action == 0x10 || action == 0x13 ? Use::harmless : Use::reads;
}

/// Opcodes that are another command at a tape than at a disk, or only there.
std::optional<Use> use_at_tape(std::uint8_t opcode) noexcept {
    switch (opcode) {
    case 0x05: // READ BLOCK LIMITS
    case 0x34: // READ POSITION
    case 0x44: // REPORT DENSITY SUPPORT
        return Use::harmless;
    case 0x08: // READ(6), READ REVERSE, VERIFY, RECOVER BUFFERED DATA, READ and READ REVERSE(16)
    case 0x0f:
    case 0x13:
    case 0x14:
    case 0x81:
    case 0x88:
        return Use::reads;
    case 0x1b: // LOAD UNLOAD
        return Use::writes;
    default:
        return {};
    }
}

std::optional<Use> use_at_changer(const ring::Cdb& cdb) noexcept {
    constexpr std::uint8_t read_element_status = 0xb8;
    if (cdb.opcode() != read_element_status)
        return {};
    const bool current_data = (cdb.padded()[6] & 0x02) != 0; // no motion
    return current_data ? Use::harmless : Use::reads;
}

std::optional<Use> use_at_cd(std::uint8_t opcode) noexcept {
    switch (opcode) {
    case op::get_configuration:
    case op::get_event_status:
        return Use::harmless;
    case op::read_sub_channel:
    case op::read_toc:
    case op::read_header:
    case op::read_disc_information:
    case op::read_track_information:
    case op::read_dvd_structure:
    case op::mechanism_status:
    case 0xb9: // READ CD MSF
    case 0xbe: // READ CD
        return Use::reads;
    default:
        return {};
    }
}

Use use_anywhere(const ring::Cdb& cdb) noexcept {
    const auto& bytes = cdb.padded();
    switch (cdb.opcode()) {
    case op::test_unit_ready:
    case op::request_sense:
    case op::inquiry:
    case op::report_luns:
    case op::log_sense:
    case op::read_capacity_10:
    case op::persistent_reserve_in:
    case op::persistent_reserve_out: // judged by itself
    case op::release_6:
    case op::release_10:
    case 0xab: // SERVICE ACTION IN(12): READ MEDIA SERIAL NUMBER
        return Use::harmless;
    case op::prevent_allow:
        return (bytes[4] & 0x03) == 0 ? Use::harmless : Use::writes;
    case op::start_stop_unit: // START with no power condition
        return (bytes[4] & 0xf3) == 0x01 ? Use::harmless : Use::writes;
    case op::maintenance_in:
        return use_of_maintenance_in(bytes[1] & 0x1f);
    case op::service_action_in_16:
        return use_of_service_action_in(bytes[1] & 0x1f);
    case op::read_6:
    case op::read_10:
    case op::read_12:
    case op::read_16:
    case op::verify_10:
    case op::verify_12:
    case op::verify_16:
    case op::pre_fetch_10:
    case op::pre_fetch_16:
    case op::mode_sense_6:
    case op::mode_sense_10:
    case 0x1c: // RECEIVE DIAGNOSTIC RESULTS
    case 0x37: // READ DEFECT DATA(10)
    case 0x3c: // READ BUFFER
    case 0x3e: // READ LONG(10)
    case 0x84: // RECEIVE COPY RESULTS
    case 0x8c: // READ ATTRIBUTE
    case 0x95: // REPORT ZONES
    case 0xa2: // SECURITY PROTOCOL IN
    case 0xb7: // READ DEFECT DATA(12)
        return Use::reads;
    default:
        return Use::writes;
    }
}

} // namespace

std::optional<ReservationType> reservation_type(std::uint8_t field) noexcept {
    switch (const auto type = static_cast<ReservationType>(field)) {
    case ReservationType::write_exclusive:
    case ReservationType::exclusive_access:
    case ReservationType::write_exclusive_registrants:
    case ReservationType::exclusive_access_registrants:
    case ReservationType::write_exclusive_all:
    case ReservationType::exclusive_access_all:
        return type;
    case ReservationType::none:
        break;
    }
    return {};
}

Use use_of(std::uint8_t device_type, const ring::Cdb& cdb) noexcept {
    std::optional<Use> special;
    if (device_type == tape)
        special = use_at_tape(cdb.opcode());
    else if (device_type == changer)
        special = use_at_changer(cdb);
    else if (device_type == cd)
        special = use_at_cd(cdb.opcode());
    return special ? *special : use_anywhere(cdb);
}

bool refuses(ReservationType type, bool registered, Use use) noexcept {
    if (type == ReservationType::none || use == Use::harmless)
        return false;
    if (registered && registrants_may(type))
        return false;
    switch (type) {
    case ReservationType::write_exclusive:
    case ReservationType::write_exclusive_registrants:
    case ReservationType::write_exclusive_all:
        return use == Use::writes;
    default:
        return true;
    }
}

bool passes_reserve(const ring::Cdb& cdb) noexcept {
    switch (cdb.opcode()) {
    case op::inquiry:
    case op::report_luns:
    case op::request_sense:
    case op::release_6:
    case op::release_10:
        return true;
    case op::prevent_allow:
        return (cdb.padded()[4] & 0x03) == 0;
    default:
        return false;
    }
}

} // namespace pvscsi::backend
