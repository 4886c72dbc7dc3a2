// What a SCSI unit says when it is asked whether a guest could use it now: is it ready, how large
// is it, has somebody reserved it. Sends TEST UNIT READY, READ CAPACITY and PERSISTENT RESERVE IN
// (READ RESERVATION), which change nothing; but a unit attention is told only once, so a unit that
// is in use is not to be asked. Thread: any that may wait for the device, 10 s for a command.
// Errors: as text, in the result.
#pragma once

#include <cstdint>
#include <string>

namespace pvscsi::devices {

struct UnitLook {
    bool answers = false;
    std::string trouble; ///< why it could not be used: "not ready: medium not present"
    std::string
        reservation; ///< "write exclusive, by key 0x1234"; "another host's (RESERVE)"; empty: none
    std::uint64_t blocks = 0;
    std::uint32_t block_size = 0; ///< 0: it has no blocks, or did not say
};

/// `node`: an sg node. `has_blocks`: it is a disk or an optical drive; READ CAPACITY's code means
/// something else to other types.
[[nodiscard]] UnitLook look_at_unit(const std::string& node, bool has_blocks);

} // namespace pvscsi::devices
