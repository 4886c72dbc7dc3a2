#include "backend/devices/openers.hpp"

#include "common/base/sysfs.hpp"
#include "common/base/unique_fd.hpp"
#include "common/scsi/device_type.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <map>
#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace pvscsi::devices {

namespace fs = std::filesystem;
using sysfs::first_line;
using sysfs::names_in;

namespace {

fs::path folder_of(const std::string& sg_node, const Roots& roots) {
    return roots.sys / "class" / "scsi_generic" / fs::path(sg_node).filename() / "device";
}

bool is_guarded(const fs::path& unit) {
    const std::string type = first_line(unit / "type");
    return !type.empty() &&
           scsi::keeps_position(static_cast<std::uint8_t>(std::strtoul(type.c_str(), nullptr, 10)));
}

/// The unit's character devices: "21:3" is "sg3".
std::map<std::string, std::string> nodes_of(const fs::path& unit) {
    std::map<std::string, std::string> nodes;
    for (const char* kind : {"scsi_generic", "scsi_tape", "scsi_changer", "bsg"})
        for (const std::string& name : names_in(unit / kind))
            if (const std::string number = first_line(unit / kind / name / "dev"); !number.empty())
                nodes[number] = name;
    return nodes;
}

bool is_process(const std::string& name) {
    return name.find_first_not_of("0123456789") == std::string::npos;
}

/// The node of `nodes` that the process has open; empty if none.
std::string open_node(const fs::path& process, const std::map<std::string, std::string>& nodes) {
    for (const std::string& file : names_in(process / "fd")) {
        struct ::stat status {};
        if (::stat((process / "fd" / file).c_str(), &status) != 0 || !S_ISCHR(status.st_mode))
            continue;
        const auto node =
            nodes.find(fmt::format("{}:{}", major(status.st_rdev), minor(status.st_rdev)));
        if (node != nodes.end())
            return node->second;
    }
    return {};
}

} // namespace

std::vector<std::string> openers_of_unit(const std::string& sg_node, const Roots& roots) {
    const fs::path unit = folder_of(sg_node, roots);
    std::vector<std::string> openers;
    if (!is_guarded(unit))
        return openers;
    const auto nodes = nodes_of(unit);
    for (const std::string& pid : names_in(roots.proc)) {
        if (!is_process(pid))
            continue;
        const std::string program = first_line(roots.proc / pid / "comm");
        if (program == "pvscsid")
            continue;
        if (const std::string node = open_node(roots.proc / pid, nodes); !node.empty())
            openers.push_back(fmt::format("{} (pid {}) has {} open", program, pid, node));
    }
    return openers;
}

bool is_held(const std::string& sg_node, const Roots& roots) {
    if (!is_guarded(folder_of(sg_node, roots)))
        return false;
    const UniqueFd fd(adopt_fd, ::open(sg_node.c_str(), O_RDWR | O_EXCL | O_NONBLOCK | O_CLOEXEC));
    return !fd && errno == EBUSY;
}

} // namespace pvscsi::devices
