// Which commands may be sent to a device a second time when nobody knows whether it has executed
// them: those whose second execution leaves the unit as the first one did and answers the same.
//
// A WRITE of a disk is one: the guest has not had its answer, so it has sent nothing that depends
// on it. Other guests of a unit that is shared may have: they have read what it wrote, and written
// there themselves. What moves a position (tapes, changers), takes something away by being read
// (REQUEST SENSE, logs that are cleared, unit attentions of TEST UNIT READY), or compares before it
// writes is none. What is not known is none.
//
// Source: the commands' descriptions in SPC-5, SBC-4, MMC-6.
#pragma once

#include "backend/request.hpp"
#include "ring/command.hpp"

#include <cstdint>

namespace pvscsi::backend {

/// `device_type`: peripheral device type (SPC-5 table 141). `shared`: other guests may write to the
/// unit.
[[nodiscard]] bool may_repeat(std::uint8_t device_type, const ring::Cdb& cdb, bool shared) noexcept;

/// Of a command of a tape or a changer that must not be repeated: it may have moved the tape or an
/// element, or changed a setting. What is not known to leave all as it was may have.
[[nodiscard]] bool may_have_moved(const ring::Cdb& cdb) noexcept;

/// Of a unit whose commands must not be repeated: an end that leaves open whether a command was
/// executed (transport_disrupted, time_out) becomes one after which no guest sends it again,
/// HARDWARE ERROR, INTERNAL TARGET FAILURE. Linux' drivers repeat a changer's commands after any
/// host code that would say so, and after a unit attention, and reset a unit after a timeout; not
/// after this.
void forbid_repetition(std::uint8_t device_type, Outcome& outcome) noexcept;

} // namespace pvscsi::backend
