#include "backend/targets/sg/attributes.hpp"

#include "common/base/sysfs.hpp"
#include "common/config/text.hpp"

#include <limits>

namespace pvscsi::backend {

namespace fs = std::filesystem;

fs::path device_folder(const std::string& node, const fs::path& sysfs) {
    return sysfs / "class/scsi_generic" / node.substr(node.rfind('/') + 1) / "device";
}

std::string host_of(const fs::path& device) {
    std::error_code error;
    for (const fs::path& part : fs::canonical(device, error)) {
        const std::string name = part.string();
        if (name.starts_with("host") && config::parse_decimal(name.substr(4), 1'000'000))
            return name;
    }
    return {};
}

std::uint64_t number_in(const fs::path& file) {
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
    return config::parse_decimal(sysfs::first_line(file), most).value_or(0);
}

} // namespace pvscsi::backend
