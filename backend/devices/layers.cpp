// Sources: Linux, Documentation/ABI (sysfs-block: `slaves`; sysfs-block-loop), loop(4)
// (LOOP_GET_STATUS64).
#include "backend/devices/layers.hpp"

#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "common/base/sysfs.hpp"
#include "common/base/unique_fd.hpp"

#include <algorithm>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace pvscsi::devices {

namespace fs = std::filesystem;
using sysfs::first_line;
using sysfs::names_in;
using sysfs::only_name_in;

namespace {

/// Of layers upon layers: more than anybody builds, and a bound for a damaged sysfs.
constexpr unsigned deepest = 16;

std::string key_of_node(char kind, dev_t number) {
    return fmt::format("node {} {}:{}", kind, major(number), minor(number));
}

/// The kernel knows the file itself; its path may lead elsewhere by now, or here.
bool ask_loop(const fs::path& node, LoopFile& file) {
    const UniqueFd fd(adopt_fd, ::open(node.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    ::loop_info64 info{};
    if (!fd || ::ioctl(fd.get(), LOOP_GET_STATUS64, &info) != 0)
        return false;
    file.block = info.lo_rdevice != 0;
    file.device = static_cast<dev_t>(file.block ? info.lo_rdevice : info.lo_device);
    file.inode = file.block ? 0 : static_cast<ino_t>(info.lo_inode);
    return true;
}

bool look_at_path(LoopFile& file) {
    struct stat status {};
    if (::stat(file.path.c_str(), &status) != 0)
        return false;
    file.block = S_ISBLK(status.st_mode);
    file.device = file.block ? status.st_rdev : status.st_dev;
    file.inode = file.block ? 0 : status.st_ino;
    return true;
}

class Look {
  public:
    explicit Look(const Roots& roots) : roots_(roots) {}

    Layers layers;

    void at(const std::string& path) {
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0)
            return;
        if (S_ISREG(status.st_mode)) {
            add_file(key_of_file(status.st_dev, status.st_ino), path, true);
            return;
        }
        if (const auto sg = backend::find_sg_node(path, roots_.sys))
            add_unit(*sg, true);
        if (S_ISBLK(status.st_mode))
            at_block(status.st_rdev, true, 0);
        else
            layers.own.insert(key_of_node('c', status.st_rdev));
    }

  private:
    void add_file(const std::string& key, const std::string& path, bool own) {
        (own ? layers.own : layers.under).insert(key);
        (own ? layers.own_files : layers.under_files).emplace(key, path);
    }

    /// By whichever node, and whichever path.
    void add_unit(const std::string& sg, bool own) {
        auto& keys = own ? layers.own : layers.under;
        auto& nodes = own ? layers.own_sg_nodes : layers.under_sg_nodes;
        keys.insert("sg " + sg);
        nodes.insert(sg);
        if (const std::string unit = backend::unit_key(sg, roots_.sys); !unit.empty())
            keys.insert("unit " + unit);
        const std::string disk = only_name_in(roots_.sys / "class" / "scsi_generic" /
                                              fs::path(sg).filename() / "device" / "block");
        const std::string number = first_line(roots_.sys / "class" / "block" / disk / "dev");
        if (!disk.empty() && !number.empty())
            keys.insert("node b " + number);
    }

    void at_block(dev_t number, bool own, unsigned depth) {
        (own ? layers.own : layers.under).insert(key_of_node('b', number));
        std::error_code error;
        const fs::path device = fs::canonical(
            roots_.sys / "dev" / "block" / fmt::format("{}:{}", major(number), minor(number)),
            error);
        if (!error)
            at_folder(device, own, depth);
    }

    /// `device`: its folder in sysfs.
    void at_folder(const fs::path& device, bool own, unsigned depth) {
        if (depth > deepest)
            return;
        const std::string name = device.filename();
        if (const std::string sg = only_name_in(device / "device" / "scsi_generic"); !sg.empty())
            add_unit("/dev/" + sg, own);
        std::error_code error;
        if (fs::exists(device / "partition", error))
            below(first_line(device.parent_path() / "dev"), device.parent_path(), depth);
        for (const std::string& slave : names_in(device / "slaves")) {
            const fs::path folder = roots_.sys / "class" / "block" / slave;
            below(first_line(folder / "dev"), fs::canonical(folder, error), depth);
        }
        if (const auto file = file_of_loop(name, roots_))
            at_file_of_loop(*file, own, depth);
    }

    void below(const std::string& number, const fs::path& folder, unsigned depth) {
        if (number.empty() || !layers.under.insert("node b " + number).second)
            return; // seen by another way
        at_folder(folder, false, depth + 1);
    }

    void at_file_of_loop(const LoopFile& file, bool own, unsigned depth) {
        if (file.block)
            at_block(file.device, own && file.whole, depth + 1);
        else
            add_file(key_of_file(file.device, file.inode), file.path, own && file.whole);
    }

    const Roots& roots_;
};

bool any_of_them(const std::set<std::string>& some, const std::set<std::string>& others) {
    return std::any_of(some.begin(), some.end(),
                       [&](const std::string& key) { return others.contains(key); });
}

} // namespace

std::string key_of_file(dev_t device, ino_t inode) {
    return fmt::format("file {}:{} {}", major(device), minor(device), inode);
}

std::optional<LoopFile> file_of_loop(const std::string& loop, const Roots& roots) {
    const fs::path folder = roots.sys / "class" / "block" / loop / "loop";
    LoopFile file;
    file.path = first_line(folder / "backing_file");
    if (file.path.empty())
        return {};
    const auto plain = [&](const char* name) {
        const std::string number = first_line(folder / name);
        return number.empty() || number == "0";
    };
    file.whole = plain("offset") && plain("sizelimit");
    file.read_only = first_line(folder.parent_path() / "ro") == "1";
    if (!ask_loop(roots.dev / loop, file) && !look_at_path(file))
        return {};
    return file;
}

Layers layers_of(const std::string& path, const Roots& roots) {
    Look look(roots);
    look.at(path);
    return std::move(look.layers);
}

bool overlap(const Layers& a, const Layers& b) {
    return any_of_them(a.own, b.own) || any_of_them(a.own, b.under) || any_of_them(a.under, b.own);
}

} // namespace pvscsi::devices
