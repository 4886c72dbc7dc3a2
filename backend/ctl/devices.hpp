// The verb `devices`: what this host has to give, and who has it already.
// Thread: any. Errors: as verbs.hpp.
#pragma once

#include "backend/ctl/verbs.hpp"
#include "backend/devices/catalogue.hpp"

namespace pvscsi::ctl {

struct DevicesOptions {
    bool json = false;
    bool free_only = false; ///< only those that nobody uses
};

/// `context` may be null: no host can be reached, so nobody knows which guests have what.
std::string devices(Context* context, const DevicesOptions& options,
                    const devices::Roots& roots = {}, const std::filesystem::path& dev = "/dev");

} // namespace pvscsi::ctl
