#include "backend/targets/sg/capacity.hpp"

#include "common/base/bytes.hpp"
#include "common/base/sysfs.hpp"
#include "common/base/unique_fd.hpp"

#include <array>
#include <charconv>
#include <fcntl.h>
#include <unistd.h>

namespace pvscsi::backend {

namespace {

constexpr std::uint64_t sector = 512;
constexpr std::uint8_t read_capacity10 = 0x25, service_action_in16 = 0x9e;
constexpr std::uint8_t read_capacity16 = 0x10;

/// What the guest has just been told; 0: nothing, or to ask by READ CAPACITY (16).
std::uint64_t told_by(const Request& request) noexcept {
    const auto& outcome = request.outcome;
    if (outcome.host != scsi::HostCode::ok || outcome.status != scsi::Status::good)
        return 0;
    const std::span data(reinterpret_cast<const std::uint8_t*>(outcome.data_in.data()),
                         std::min<std::size_t>(outcome.data_in.size(), request.length()));
    const auto& cdb = request.cdb().padded();
    if (cdb[0] == read_capacity10 && data.size() >= 8) {
        const std::uint32_t last = load_be32(data, 0);
        return last == UINT32_MAX ? 0 : (std::uint64_t{last} + 1) * load_be32(data, 4);
    }
    if (cdb[0] == service_action_in16 && (cdb[1] & 0x1f) == read_capacity16 && data.size() >= 12)
        return (load_be64(data, 0) + 1) * load_be32(data, 8);
    return 0;
}

} // namespace

std::string fixed_size_attribute(const std::string& node, const std::filesystem::path& sysfs) {
    const auto disks =
        sysfs / "class" / "scsi_generic" / std::filesystem::path(node).filename() / "device/block";
    const std::string disk = sysfs::only_name_in(disks);
    const bool fixed = !disk.empty() && sysfs::first_line(disks / disk / "removable") == "0";
    return fixed ? (disks / disk / "size").string() : std::string();
}

CapacityWatch::CapacityWatch(std::unique_ptr<Target> inner, std::string size)
    : Decorator(std::move(inner)), size_(std::move(size)), seen_(bytes_now()) {}

/// Of sysfs, which asks nobody: it does not block.
std::uint64_t CapacityWatch::bytes_now() const noexcept {
    const UniqueFd file(adopt_fd, ::open(size_.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 32> text{};
    const ssize_t length = file ? ::read(file.get(), text.data(), text.size()) : 0;
    std::uint64_t sectors = 0;
    if (length > 0)
        std::from_chars(text.data(), text.data() + length, sectors);
    return sectors * sector;
}

void CapacityWatch::keep_house() noexcept {
    const std::uint64_t now = bytes_now();
    if (now != 0 && now != seen_) {
        if (seen_ != 0 && now != told_)
            inner().tell(scsi::condition::capacity_changed);
        seen_ = now;
    }
    Decorator::keep_house();
}

bool CapacityWatch::ended(Request& request) noexcept {
    if (const std::uint64_t told = told_by(request); told != 0)
        told_ = told;
    return true;
}

} // namespace pvscsi::backend
