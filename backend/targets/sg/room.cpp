#include "backend/targets/sg/room.hpp"

#include "backend/targets/sg/attributes.hpp"
#include "common/base/sysfs.hpp"

#include <algorithm>
#include <map>
#include <mutex>

namespace pvscsi::backend {

namespace {

namespace fs = std::filesystem;

constexpr unsigned unbounded = 65536; // more than any number of guests can have under way

void bound(unsigned& value, std::uint64_t by) {
    if (by != 0)
        value = static_cast<unsigned>(std::min<std::uint64_t>(value, by));
}

/// Devices of the adapter are "H:C:T:L" of its number, also those that nobody gave to a guest.
std::uint64_t devices_of(const std::string& host, const fs::path& sysfs) {
    const std::string prefix = host.substr(std::string_view("host").size()) + ":";
    std::uint64_t devices = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(sysfs / "class/scsi_device", error))
        devices += entry.path().filename().string().starts_with(prefix);
    return devices;
}

/// Tags that it has for itself; 0: none.
std::uint64_t own_tags(const fs::path& device) {
    const std::string block = sysfs::only_name_in(device / "block");
    if (block.empty())
        return 0;
    const fs::path queue = device / "block" / block / "queue";
    const std::string schedulers = sysfs::first_line(queue / "scheduler");
    const bool scheduled =
        schedulers.find('[') != std::string::npos && schedulers.find("[none]") == std::string::npos;
    return scheduled ? number_in(queue / "nr_requests") : 0;
}

} // namespace

unsigned device_room(const std::string& node, const fs::path& sysfs) {
    const fs::path device = device_folder(node, sysfs);
    unsigned room = unbounded;
    bound(room, number_in(device / "queue_depth"));
    if (const std::uint64_t own = own_tags(device); own != 0) {
        bound(room, own);
        return room;
    }
    const std::string host = host_of(device);
    if (host.empty())
        return room;
    const std::uint64_t tags = number_in(sysfs / "class/scsi_host" / host / "can_queue");
    if (tags != 0)
        bound(room, std::max<std::uint64_t>(
                        tags / std::max<std::uint64_t>(devices_of(host, sysfs), 1), 1));
    return room;
}

unsigned SgRoom::Part::size() const noexcept {
    if (!room_)
        return unbounded;
    return std::max(room_->size_ / std::max(room_->parts_.load(), 1u), 1u);
}

std::shared_ptr<SgRoom> room_at(const std::string& node) {
    static std::mutex mutex;
    static std::map<std::string, std::weak_ptr<SgRoom>> all;
    const std::lock_guard lock(mutex);
    std::erase_if(all, [](const auto& entry) { return entry.second.expired(); });
    auto room = all[node].lock();
    if (!room)
        all[node] = room = std::make_shared<SgRoom>();
    room->resize(device_room(node));
    return room;
}

} // namespace pvscsi::backend
