// Sources: Linux, Documentation/ABI (sysfs-block, sysfs-block-dm), proc_pid_mountinfo(5),
// Documentation/filesystems/proc.rst (swaps).
#include "backend/devices/users.hpp"

#include "backend/devices/layers.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "common/base/sysfs.hpp"
#include "common/base/unique_fd.hpp"

#include <cerrno>
#include <fcntl.h>
#include <fmt/ranges.h>
#include <sstream>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace pvscsi::devices {

namespace fs = std::filesystem;
using sysfs::first_line;
using sysfs::names_in;
using sysfs::only_name_in;

namespace {

/// mountinfo and swaps write blanks of a path as \040 and so on.
std::string unescaped(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool escape = text[i] == '\\' && i + 3 < text.size() &&
                            std::all_of(text.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                        text.begin() + static_cast<std::ptrdiff_t>(i) + 4,
                                        [](char c) { return c >= '0' && c <= '7'; });
        out += escape ? static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8)) : text[i];
        i += escape ? 3 : 0;
    }
    return out;
}

/// Where a file system on the device is mounted. btrfs has numbers of its own, but names its
/// source.
std::vector<std::string> mounts_of(const std::string& name, const std::string& number,
                                   const Roots& roots) {
    std::vector<std::string> places;
    std::ifstream table(roots.proc / "self" / "mountinfo");
    for (std::string line; std::getline(table, line);) {
        std::istringstream fields(line);
        std::string id, parent, device, root, place, word, kind, source;
        fields >> id >> parent >> device >> root >> place;
        while (fields >> word && word != "-") {
        }
        fields >> kind >> source;
        if (device == number || source == "/dev/" + name)
            places.push_back("mounted at " + unescaped(place));
    }
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
    return places;
}

bool is_swap(const std::string& name, const Roots& roots) {
    std::ifstream table(roots.proc / "swaps");
    for (std::string line; std::getline(table, line);)
        if (unescaped(line.substr(0, line.find_first_of(" \t"))) == "/dev/" + name)
            return true;
    return false;
}

std::string holder_text(const std::string& holder, const Roots& roots) {
    const fs::path dm = roots.sys / "class" / "block" / holder / "dm";
    const std::string uuid = first_line(dm / "uuid");
    const std::string name = first_line(dm / "name");
    if (uuid.starts_with("LVM-"))
        return "LVM volume " + name;
    if (uuid.starts_with("mpath-"))
        return "multipath " + name;
    if (uuid.starts_with("CRYPT-"))
        return "encrypted " + name;
    if (!name.empty())
        return "device mapper " + name;
    return (holder.starts_with("md") ? "RAID " : "") + holder;
}

/// Loop devices claim nothing: only they know what they lie on.
template <typename IsIt>
std::vector<std::string> loops_on(const IsIt& is_it, bool reads_only, const Roots& roots) {
    std::vector<std::string> users;
    for (const std::string& loop : names_in(roots.sys / "class" / "block")) {
        const auto file = loop.starts_with("loop") ? file_of_loop(loop, roots) : std::nullopt;
        if (!file || !is_it(*file) || (reads_only && file->read_only))
            continue;
        const auto its = users_of_disk(loop, roots);
        users.push_back("loop device " + loop +
                        (its.empty() ? "" : fmt::format(" ({})", fmt::join(its, ", "))));
    }
    return users;
}

/// Of the device or partition alone.
std::vector<std::string> users_of_one(const std::string& name, const Roots& roots) {
    const fs::path device = roots.sys / "class" / "block" / name;
    auto users = mounts_of(name, first_line(device / "dev"), roots);
    if (is_swap(name, roots))
        users.emplace_back("swap");
    for (const std::string& holder : names_in(device / "holders"))
        users.push_back(holder_text(holder, roots));
    const std::string number = first_line(device / "dev");
    const auto loops = loops_on(
        [&](const LoopFile& file) {
            return file.block && number == std::to_string(major(file.device)) + ":" +
                                               std::to_string(minor(file.device));
        },
        false, roots);
    users.insert(users.end(), loops.begin(), loops.end());
    return users;
}

/// The kernel lets one have a device alone: a file system, swap, a volume.
bool is_claimed(const fs::path& disk) {
    const UniqueFd fd(adopt_fd, ::open(disk.c_str(), O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC));
    return !fd && errno == EBUSY;
}

fs::path scsi_folder(const std::string& sg, const Roots& roots) {
    return roots.sys / "class" / "scsi_generic" / sg / "device";
}

/// "sda" of "sg3"; empty if it has none: a tape, a changer.
std::string disk_of(const std::string& sg, const Roots& roots) {
    return only_name_in(scsi_folder(sg, roots) / "block");
}

std::vector<std::string> users_of_path(const std::string& sg, const Roots& roots) {
    const std::string disk = disk_of(sg, roots);
    return disk.empty() ? std::vector<std::string>() : users_of_disk(disk, roots);
}

std::string claimed(const std::string& disk) {
    return disk + " is open for somebody alone (EBUSY)";
}

void add_users_by_other_paths(std::vector<std::string>& users, const std::string& sg_node,
                              const Roots& roots, const fs::path& dev) {
    for (const fs::path other : backend::other_paths(sg_node, roots.sys)) {
        const std::string sg = other.filename();
        auto its = users_of_path(sg, roots);
        const std::string disk = disk_of(sg, roots);
        if (its.empty() && !disk.empty() && is_claimed(dev / disk))
            its.push_back(claimed(disk));
        for (const std::string& user : its)
            users.push_back("by its other path " + sg + ": " + user);
    }
}

bool is_swap_file(const struct stat& file, const Roots& roots) {
    std::ifstream table(roots.proc / "swaps");
    struct stat status {};
    for (std::string line; std::getline(table, line);)
        if (::stat(unescaped(line.substr(0, line.find_first_of(" \t"))).c_str(), &status) == 0 &&
            status.st_dev == file.st_dev && status.st_ino == file.st_ino)
            return true;
    return false;
}

} // namespace

std::vector<std::string> users_of_disk(const std::string& disk, const Roots& roots) {
    auto users = users_of_one(disk, roots);
    const fs::path device = roots.sys / "class" / "block" / disk;
    std::error_code error;
    for (const std::string& part : names_in(device))
        if (fs::exists(device / part / "partition", error))
            for (const std::string& user : users_of_one(part, roots))
                users.push_back(part + ": " + user);
    return users;
}

std::vector<std::string> users_of_block(const std::string& node, const Roots& roots) {
    struct stat status {};
    if (::stat(node.c_str(), &status) != 0 || !S_ISBLK(status.st_mode))
        return {};
    std::error_code error;
    const std::string number =
        std::to_string(::major(status.st_rdev)) + ":" + std::to_string(::minor(status.st_rdev));
    const std::string name = fs::canonical(roots.sys / "dev" / "block" / number, error).filename();
    return error ? std::vector<std::string>() : users_of_disk(name, roots);
}

std::vector<std::string> users_of_unit(const std::string& sg_node, const Roots& roots,
                                       const fs::path& dev) {
    const std::string own = fs::path(sg_node).filename();
    auto users = users_of_path(own, roots);
    const std::string disk = disk_of(own, roots);
    if (users.empty() && !disk.empty() && is_claimed(dev / disk))
        users.push_back(claimed(disk));
    add_users_by_other_paths(users, sg_node, roots, dev);
    return users;
}

std::vector<std::string> users_of_file(const std::string& path, bool reads_only,
                                       const Roots& roots) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
        return {};
    auto users = loops_on(
        [&](const LoopFile& file) {
            return !file.block && file.device == status.st_dev && file.inode == status.st_ino;
        },
        reads_only, roots);
    if (is_swap_file(status, roots))
        users.emplace_back("swap");
    return users;
}

std::vector<std::string> users_of_backing(const std::string& path, bool reads_only,
                                          const Roots& roots) {
    auto users = users_of_file(path, reads_only, roots);
    for (const std::string& user : users_of_block(path, roots))
        users.push_back(user);
    const Layers layers = layers_of(path, roots);
    for (const auto* const nodes : {&layers.own_sg_nodes, &layers.under_sg_nodes})
        for (const std::string& sg : *nodes)
            add_users_by_other_paths(users, sg, roots, roots.dev);
    return users;
}

} // namespace pvscsi::devices
