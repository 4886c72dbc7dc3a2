// The conditions that our own units report: sense key with additional sense code and qualifier
// (SPC-5 annex F).
#pragma once

#include "common/scsi/sense.hpp"

namespace pvscsi::scsi {

struct Condition {
    SenseKey key = SenseKey::no_sense;
    std::uint8_t asc = 0;
    std::uint8_t ascq = 0;
    friend bool operator==(const Condition&, const Condition&) = default;
};

[[nodiscard]] inline Sense sense_of(const Condition& c) noexcept {
    return Sense::fixed(c.key, c.asc, c.ascq);
}

namespace condition {
inline constexpr Condition none{};
inline constexpr Condition medium_not_present{SenseKey::not_ready, 0x3a, 0x00};
inline constexpr Condition tray_open{SenseKey::not_ready, 0x3a, 0x02};
inline constexpr Condition start_required{SenseKey::not_ready, 0x04, 0x02};
inline constexpr Condition unrecovered_read{SenseKey::medium_error, 0x11, 0x00};
inline constexpr Condition write_error{SenseKey::medium_error, 0x0c, 0x00};
inline constexpr Condition internal_failure{SenseKey::hardware_error, 0x44, 0x00};
inline constexpr Condition unit_failure{SenseKey::hardware_error, 0x3e, 0x01};
inline constexpr Condition parameter_list_length{SenseKey::illegal_request, 0x1a, 0x00};
inline constexpr Condition invalid_opcode{SenseKey::illegal_request, 0x20, 0x00};
inline constexpr Condition lba_out_of_range{SenseKey::illegal_request, 0x21, 0x00};
inline constexpr Condition invalid_field_in_cdb{SenseKey::illegal_request, 0x24, 0x00};
inline constexpr Condition invalid_parameter{SenseKey::illegal_request, 0x26, 0x00};
inline constexpr Condition saving_not_supported{SenseKey::illegal_request, 0x39, 0x00};
inline constexpr Condition removal_prevented{SenseKey::illegal_request, 0x53, 0x02};
inline constexpr Condition medium_changed{SenseKey::unit_attention, 0x28, 0x00};
inline constexpr Condition some_reset{SenseKey::unit_attention, 0x29, 0x00};
inline constexpr Condition unit_was_reset{SenseKey::unit_attention, 0x29, 0x03};
inline constexpr Condition internal_reset{SenseKey::unit_attention, 0x29, 0x04};
inline constexpr Condition mode_parameters_changed{SenseKey::unit_attention, 0x2a, 0x01};
inline constexpr Condition log_parameters_changed{SenseKey::unit_attention, 0x2a, 0x02};
inline constexpr Condition reservations_preempted{SenseKey::unit_attention, 0x2a, 0x03};
inline constexpr Condition reservations_released{SenseKey::unit_attention, 0x2a, 0x04};
inline constexpr Condition registrations_preempted{SenseKey::unit_attention, 0x2a, 0x05};
inline constexpr Condition access_state_changed{SenseKey::unit_attention, 0x2a, 0x06};
inline constexpr Condition capacity_changed{SenseKey::unit_attention, 0x2a, 0x09};
inline constexpr Condition timestamp_changed{SenseKey::unit_attention, 0x2a, 0x10};
inline constexpr Condition encryption_changed{SenseKey::unit_attention, 0x2a, 0x11};
inline constexpr Condition microcode_changed{SenseKey::unit_attention, 0x3f, 0x01};
inline constexpr Condition write_protected{SenseKey::data_protect, 0x27, 0x00};
inline constexpr Condition software_write_protected{SenseKey::data_protect, 0x27, 0x02};
inline constexpr Condition space_allocation_failed{SenseKey::data_protect, 0x27, 0x07};
inline constexpr Condition miscompare{SenseKey::miscompare, 0x1d, 0x00};
} // namespace condition

} // namespace pvscsi::scsi
