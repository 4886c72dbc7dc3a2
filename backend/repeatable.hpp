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

#include "ring/command.hpp"

#include <cstdint>

namespace pvscsi::backend {

/// `device_type`: peripheral device type (SPC-5 table 141). `shared`: other guests may write to the
/// unit.
[[nodiscard]] bool may_repeat(std::uint8_t device_type, const ring::Cdb& cdb, bool shared) noexcept;

} // namespace pvscsi::backend
