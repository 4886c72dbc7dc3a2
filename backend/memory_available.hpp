// Thread: any. Errors: none.
#pragma once

#include <cstdint>
#include <optional>

namespace pvscsi::backend {

/// MemAvailable of /proc/meminfo, in bytes; nothing if the kernel does not say.
[[nodiscard]] std::optional<std::uint64_t> memory_available();

} // namespace pvscsi::backend
