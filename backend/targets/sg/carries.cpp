#include "backend/targets/sg/carries.hpp"

#include "backend/targets/sg/attributes.hpp"
#include "common/base/sysfs.hpp"

namespace pvscsi::backend {

namespace fs = std::filesystem;

namespace {

void bound(std::uint64_t& value, std::uint64_t by) {
    if (by != 0 && (value == 0 || by < value))
        value = by;
}

} // namespace

Carries carries_of(const std::string& node, const fs::path& sysfs) {
    const fs::path device = device_folder(node, sysfs);
    Carries carries;
    const std::uint64_t elements =
        number_in(sysfs / "class/scsi_host" / host_of(device) / "sg_tablesize");
    const std::uint64_t element = number_in(sysfs / "module/sg/parameters/scatter_elem_sz");
    constexpr std::uint64_t page = 4096;
    bound(carries.most_bytes, elements * (element == 0 ? page : element));
    const std::string block = sysfs::only_name_in(device / "block");
    if (block.empty())
        return carries;
    const fs::path queue = device / "block" / block / "queue";
    bound(carries.most_bytes, number_in(queue / "max_hw_sectors_kb") * 1024);
    carries.block_size = static_cast<std::uint32_t>(number_in(queue / "logical_block_size"));
    return carries;
}

} // namespace pvscsi::backend
