// Disks on real files, and the commands for their blocks.
#pragma once

#include "common/base/bytes.hpp"
#include "tests/support/target_host.hpp"
#include "tests/support/temp_file.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace pvscsi::test {

inline constexpr std::uint64_t mib = 1 << 20;

inline std::unique_ptr<backend::Target> open_file(const std::string& path, bool read_only = false) {
    return backend::make_target({"file:" + path, read_only, "", "serial"});
}

inline Bytes read_10(std::uint32_t lba, std::uint16_t blocks) {
    Bytes cdb{0x28, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    store_be32(cdb, 2, lba);
    store_be16(cdb, 7, blocks);
    return cdb;
}
inline Bytes write_10(std::uint32_t lba, std::uint16_t blocks) {
    Bytes cdb = read_10(lba, blocks);
    cdb[0] = 0x2a;
    return cdb;
}

} // namespace pvscsi::test
