#include "backend/ctl/devices.hpp"

#include "backend/ctl/cells.hpp"
#include "backend/ctl/table.hpp"
#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "backend/toolstack/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

namespace pvscsi::ctl {

namespace {

namespace fs = std::filesystem;
using Users = std::map<std::string, std::vector<std::string>>; ///< by the device's node

/// The node that a device is listed by: its sg node, else where its links lead.
std::string node_of(const std::string& path, const fs::path& sysfs) {
    if (const auto sg = backend::find_sg_node(path, sysfs))
        return *sg;
    std::error_code error;
    const auto real = fs::canonical(path, error);
    return error ? path : real.string();
}

/// "demo (3) 0:0:1:0"
Users guests_of(Context& context, const fs::path& sysfs) {
    std::map<DomId, std::string> names;
    for (const hv::DomainInfo& domain : context.domains.list())
        names[domain.id] = domain.name;
    Users users;
    for (const VhostEntry& vhost : read_vhosts(context.store, context.backend, {}))
        for (const LunEntry& lun : vhost.luns) {
            const auto pdev = config::parse_pdev(lun.pdev);
            const auto path = pdev ? backend::path_of(*pdev, sysfs) : std::string();
            if (path && !path->empty())
                users[node_of(*path, sysfs)].push_back(
                    fmt::format("guest {} ({}) {}", names[vhost.vhost.guest],
                                vhost.vhost.guest.value(), lun.vdev));
        }
    return users;
}

std::string to_table(const std::vector<devices::Device>& list) {
    Table table({"DEVICE", "TYPE", "ADDRESS", ">SIZE", "MODEL", "NODES", "CONTENT", "USED BY"});
    for (const devices::Device& device : list) {
        const std::string model = device.vendor +
                                  (device.vendor.empty() || device.model.empty() ? "" : " ") +
                                  device.model;
        table.add({printable(device.node), device.kind, or_dash(device.address),
                   capacity_text(device.size), or_dash(model),
                   or_dash(fmt::format("{}", fmt::join(device.nodes, " "))),
                   or_dash(device.content),
                   or_dash(fmt::format("{}", fmt::join(device.users, ", ")))});
        if (!device.link.empty())
            table.remark(printable(device.link));
        if (!device.name.empty())
            table.remark(printable(device.name));
        if (!device.paths.empty())
            table.remark(fmt::format("also by {}", fmt::join(device.paths, ", ")));
    }
    return table.text();
}

std::string to_json(const std::vector<devices::Device>& list) {
    auto array = nlohmann::ordered_json::array();
    for (const devices::Device& device : list)
        array.push_back({{"device", device.node},
                         {"link", device.link},
                         {"type", device.kind},
                         {"address", device.address},
                         {"vendor", device.vendor},
                         {"model", device.model},
                         {"name", device.name},
                         {"size", device.size},
                         {"read_only", device.read_only},
                         {"nodes", device.nodes},
                         {"content", device.content},
                         {"users", device.users},
                         {"paths", device.paths}});
    return array.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

} // namespace

std::string devices(Context* context, const DevicesOptions& options, const devices::Roots& roots,
                    const fs::path& dev) {
    auto list = devices::list_devices(roots, dev);
    const Users guests = context == nullptr ? Users() : guests_of(*context, roots.sys);
    for (devices::Device& device : list) {
        const auto users = guests.find(node_of(device.node, roots.sys));
        if (users != guests.end())
            device.users.insert(device.users.end(), users->second.begin(), users->second.end());
    }
    if (options.free_only)
        std::erase_if(list, [](const devices::Device& device) { return !device.users.empty(); });
    return options.json ? to_json(list) : to_table(list);
}

} // namespace pvscsi::ctl
