// Disks of a test, and the bytes that commands to them are made of.
#pragma once

#include "backend/target.hpp"
#include "tests/support/target_host.hpp"
#include "tests/support/temp_file.hpp"

#include <memory>
#include <string>

namespace pvscsi::test {

inline constexpr std::uint64_t disk_blocks = 4096;

inline std::unique_ptr<backend::Target> open(const std::string& pdev, bool read_only = false) {
    return backend::make_target({pdev, read_only, "test disk", "serial-1"});
}

/// The same disk on memory and on a file.
struct Disks {
    TempFile file{disk_blocks * 512};
    std::string pdev(bool in_memory) const { return in_memory ? "ram:2M" : "file:" + file.path(); }
};

inline Bytes be(std::uint64_t value, unsigned size) {
    Bytes bytes(size);
    for (unsigned i = 0; i < size; ++i)
        bytes[i] = static_cast<std::uint8_t>(value >> (8 * (size - 1 - i)));
    return bytes;
}

/// A command of one of the families that come in sizes of 6 to 16.
inline Bytes sized(unsigned opcode, unsigned options, std::uint64_t lba, std::uint32_t blocks) {
    const Bytes head = be(opcode << 8 | options, 2);
    switch (opcode >> 5) {
    case 0:
        return be(opcode, 1) + be(lba, 3) + be(blocks & 0xff, 1) + Bytes{0};
    case 4:
        return head + be(lba, 8) + be(blocks, 4) + Bytes{0, 0};
    case 5:
        return head + be(lba, 4) + be(blocks, 4) + Bytes{0, 0};
    default:
        return head + be(lba, 4) + Bytes{0} + be(blocks, 2) + Bytes{0};
    }
}

inline Bytes pattern(std::size_t size, unsigned seed = 1) {
    Bytes bytes(size);
    unsigned value = seed;
    for (auto& byte : bytes)
        byte = static_cast<std::uint8_t>(value = value * 1103515245 + 12345, value >> 16);
    return bytes;
}

} // namespace pvscsi::test
