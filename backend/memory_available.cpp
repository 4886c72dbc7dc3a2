#include "backend/memory_available.hpp"

#include <fstream>
#include <string>

namespace pvscsi::backend {

std::optional<std::uint64_t> memory_available() {
    std::ifstream info("/proc/meminfo");
    std::string key;
    std::uint64_t kibibytes = 0;
    for (std::string rest; info >> key >> kibibytes && std::getline(info, rest);)
        if (key == "MemAvailable:")
            return kibibytes * 1024;
    return {};
}

} // namespace pvscsi::backend
