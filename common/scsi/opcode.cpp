#include "common/scsi/opcode.hpp"

#include <algorithm>
#include <utility>

namespace pvscsi::scsi {

namespace {
constexpr std::pair<std::uint8_t, std::string_view> names[] = {
    {opcode::test_unit_ready, "TEST UNIT READY"},
    {opcode::request_sense, "REQUEST SENSE"},
    {opcode::read_6, "READ(6)"},
    {opcode::write_6, "WRITE(6)"},
    {opcode::inquiry, "INQUIRY"},
    {opcode::mode_select_6, "MODE SELECT(6)"},
    {opcode::reserve_6, "RESERVE(6)"},
    {opcode::release_6, "RELEASE(6)"},
    {opcode::mode_sense_6, "MODE SENSE(6)"},
    {opcode::start_stop_unit, "START STOP UNIT"},
    {opcode::send_diagnostic, "SEND DIAGNOSTIC"},
    {opcode::prevent_allow, "PREVENT ALLOW MEDIUM REMOVAL"},
    {opcode::read_capacity_10, "READ CAPACITY(10)"},
    {opcode::read_10, "READ(10)"},
    {opcode::write_10, "WRITE(10)"},
    {opcode::write_and_verify_10, "WRITE AND VERIFY(10)"},
    {opcode::verify_10, "VERIFY(10)"},
    {opcode::pre_fetch_10, "PRE-FETCH(10)"},
    {opcode::synchronize_cache_10, "SYNCHRONIZE CACHE(10)"},
    {opcode::write_same_10, "WRITE SAME(10)"},
    {opcode::unmap, "UNMAP"},
    {opcode::read_toc, "READ TOC/PMA/ATIP"},
    {opcode::read_header, "READ HEADER"},
    {opcode::get_configuration, "GET CONFIGURATION"},
    {opcode::get_event_status, "GET EVENT STATUS NOTIFICATION"},
    {opcode::log_sense, "LOG SENSE"},
    {opcode::read_disc_information, "READ DISC INFORMATION"},
    {opcode::read_track_information, "READ TRACK INFORMATION"},
    {opcode::mode_select_10, "MODE SELECT(10)"},
    {opcode::reserve_10, "RESERVE(10)"},
    {opcode::release_10, "RELEASE(10)"},
    {opcode::mode_sense_10, "MODE SENSE(10)"},
    {opcode::persistent_reserve_in, "PERSISTENT RESERVE IN"},
    {opcode::persistent_reserve_out, "PERSISTENT RESERVE OUT"},
    {opcode::read_16, "READ(16)"},
    {opcode::compare_and_write, "COMPARE AND WRITE"},
    {opcode::write_16, "WRITE(16)"},
    {opcode::or_write_16, "ORWRITE(16)"},
    {opcode::write_and_verify_16, "WRITE AND VERIFY(16)"},
    {opcode::verify_16, "VERIFY(16)"},
    {opcode::pre_fetch_16, "PRE-FETCH(16)"},
    {opcode::synchronize_cache_16, "SYNCHRONIZE CACHE(16)"},
    {opcode::write_same_16, "WRITE SAME(16)"},
    {opcode::service_action_in_16, "SERVICE ACTION IN(16)"},
    {opcode::report_luns, "REPORT LUNS"},
    {opcode::maintenance_in, "MAINTENANCE IN"},
    {opcode::read_12, "READ(12)"},
    {opcode::write_12, "WRITE(12)"},
    {opcode::read_dvd_structure, "READ DISC STRUCTURE"},
    {opcode::write_and_verify_12, "WRITE AND VERIFY(12)"},
    {opcode::verify_12, "VERIFY(12)"},
    {opcode::mechanism_status, "MECHANISM STATUS"},
};
} // namespace

std::string_view opcode_name(std::uint8_t opcode) noexcept {
    const auto* found = std::find_if(std::begin(names), std::end(names),
                                     [opcode](const auto& name) { return name.first == opcode; });
    return found == std::end(names) ? "?" : found->second;
}

} // namespace pvscsi::scsi
