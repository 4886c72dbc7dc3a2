// An SgTarget over a device that does what the test says.
#pragma once

#include "tests/support/sg_bench.hpp"
#include "tests/support/sg_double.hpp"

#include <chrono>

namespace pvscsi::test {

struct SgUnit : SgBench {
    explicit SgUnit(bool read_only = false, std::uint8_t type = 0,
                    backend::SgPatience patience = {std::chrono::seconds(5),
                                                    std::chrono::milliseconds(20)},
                    std::chrono::seconds longest = {})
        : device(std::make_shared<SgDeviceDouble>()) {
        device->device_type = type;
        attach(device, read_only, patience, longest);
    }
    SgFileState& file(std::size_t i = 0) { return device->file(i); }

    std::shared_ptr<SgDeviceDouble> device;
};

} // namespace pvscsi::test
