// What a device says of itself when it is opened, before any guest has it.
//
// Only disks are asked, and only with commands that read nothing of the medium: a tape drive or
// robot may be in somebody's use, a CD drive does not know them, and what is behind USB may
// break on them (the kernel does not send them there either). A device that is busy is not asked:
// its commands may be a dead daemon's, and hang; nor one that the kernel has stopped.
//
// Thread: control; blocks for as long as the device takes, five seconds at most a command and what
// the kernel then needs to end it; one that does not answer gets no other command. Errors: none; a
// device that does not answer has said nothing.
#pragma once

#include "backend/targets/sg/device.hpp"
#include "backend/targets/sg/timeouts.hpp"
#include "common/scsi/sense.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pvscsi::backend {

struct SgAnswers {
    DeviceTimeouts timeouts;
    /// VPD page 83h, if the kernel knows the unit by one; empty: it has none. Nothing: not asked,
    /// or there is no unit.
    std::optional<std::vector<std::byte>> identification;
    /// Unit attentions that it told us in place of a guest, in order: the guest is to have them.
    std::vector<scsi::Sense> attentions;
};

[[nodiscard]] SgAnswers ask_device(SgDevice& device, const std::filesystem::path& sysfs = "/sys");

/// Throws std::runtime_error if it says that it is another unit than the one that the kernel found:
/// whoever names it by that one's name does not mean this one.
void require_known(const SgAnswers& answers, const std::string& node,
                   const std::filesystem::path& sysfs = "/sys");

} // namespace pvscsi::backend
