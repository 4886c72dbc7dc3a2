// Names below /dev/pvscsi: what they mean, and asking the server about them.
#pragma once

#include <cstdint>
#include <sys/stat.h>

namespace pvscsi::preload {

struct Address {
    std::uint32_t host;
    std::uint16_t channel;
    std::uint16_t target;
    std::uint16_t lun;
};

enum class Name { other, directory, node, unknown_node };

/// What a path is to us. `other` is everybody else's.
Name classify(const char* path, Address& address) noexcept;

/// Opens a node; a descriptor, or -1 with errno.
int open_node(const Address& address, int flags) noexcept;
/// The node's minor number. 0, or an errno.
int ask_minor(const Address& address, std::uint32_t& minor) noexcept;

} // namespace pvscsi::preload
