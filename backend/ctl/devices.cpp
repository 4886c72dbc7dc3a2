#include "backend/ctl/devices.hpp"

#include "backend/ctl/cells.hpp"
#include "backend/ctl/table.hpp"
#include "backend/devices/layers.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "common/base/printable.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <map>

namespace pvscsi::ctl {

namespace {

namespace fs = std::filesystem;

struct User {
    std::string text; ///< "guest demo (3) 0:0:1:0"
    devices::Layers layers;
};

/// Guests, with what they have.
std::vector<User> guests_of(Context& context, const devices::Roots& roots) {
    std::map<DomId, std::string> names;
    for (const hv::DomainInfo& domain : context.domains.list())
        names[domain.id] = domain.name;
    std::vector<User> users;
    for (const VhostEntry& vhost : read_vhosts(context.store, context.backend, {}))
        for (const LunEntry& lun : vhost.luns) {
            const auto pdev = pdev_of(lun);
            const auto path = pdev ? backend::path_of(*pdev, roots.sys) : std::string();
            if (path && !path->empty())
                users.push_back({fmt::format("guest {} ({}) {}", names[vhost.vhost.guest],
                                             vhost.vhost.guest.value(), lun.vdev),
                                 devices::layers_of(*path, roots)});
        }
    return users;
}

/// By whichever name, and also of a part of it.
void add_guests(devices::Device& device, const std::vector<User>& guests,
                const devices::Roots& roots) {
    const devices::Layers layers = devices::layers_of(device.node, roots);
    for (const User& guest : guests)
        if (devices::overlap(layers, guest.layers))
            device.users.push_back(guest.text);
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
    if (context != nullptr) {
        const auto guests = guests_of(*context, roots);
        for (devices::Device& device : list)
            add_guests(device, guests, roots);
    }
    if (options.free_only)
        std::erase_if(list, [](const devices::Device& device) { return !device.users.empty(); });
    return options.json ? to_json(list) : to_table(list);
}

} // namespace pvscsi::ctl
