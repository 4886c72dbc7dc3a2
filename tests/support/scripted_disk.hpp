// A disk on a medium that does as the test says, and commands for it.
#pragma once

#include "backend/targets/disk.hpp"
#include "tests/support/scripted_medium.hpp"
#include "tests/support/target_host.hpp"

#include <catch2/catch.hpp>

namespace pvscsi::test {

inline constexpr std::size_t scripted_size = 1 << 20;
inline const Bytes read_2_at_5{0x28, 0, 0, 0, 0, 5, 0, 0, 2, 0};
inline const Bytes write_2_at_5{0x2a, 0, 0, 0, 0, 5, 0, 0, 2, 0};
inline const Bytes write_fua{0x2a, 0x08, 0, 0, 0, 5, 0, 0, 2, 0};
inline const Bytes sync_cache{0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0};
inline const Bytes verify{0x2f, 0, 0, 0, 0, 5, 0, 0, 2, 0};
inline const Bytes write_verify{0x2e, 0x02, 0, 0, 0, 5, 0, 0, 2, 0};
inline const Bytes write_same{0x41, 0, 0, 0, 0, 5, 0, 0, 2, 0};
inline const Bytes compare_and_write{0x89, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0};
inline const Bytes unmap{0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0};
inline const Bytes unmap_list{0, 22, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0,
                              0, 0,  0, 5,  0, 0, 0, 2, 0, 0, 0, 0};
inline const Bytes test_unit_ready(6);
inline const Bytes data(1024, 0x77);

struct ScriptedDisk {
    ScriptedMedium* medium;
    TargetHost host;
    std::vector<std::string> failures;
    ScriptedDisk() : ScriptedDisk(std::make_unique<ScriptedMedium>(scripted_size)) {}
    explicit ScriptedDisk(std::unique_ptr<ScriptedMedium> made)
        : medium(made.get()),
          host(std::make_unique<backend::Disk>(backend::UnitIdentity{"DISK", "serial", ""},
                                               std::move(made), false)) {
        host.target().on_failure = [this](const std::string& reason) {
            failures.push_back(reason);
        };
    }
};

} // namespace pvscsi::test
