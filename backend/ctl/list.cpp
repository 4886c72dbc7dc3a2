#include "backend/ctl/list.hpp"

#include "backend/ctl/common.hpp"
#include "backend/ctl/definition_warnings.hpp"
#include "backend/devices/catalogue.hpp"
#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "backend/toolstack/host_check.hpp"
#include "common/base/printable.hpp"

#include <fmt/format.h>

namespace pvscsi::ctl {

namespace {

/// As it is now; of a device that is gone, or another domain's, as it was.
std::string target_now(bool here, const LunEntry& lun) {
    const auto pdev = config::parse_pdev(lun.pdev);
    if (!pdev)
        return "unknown";
    std::string target = here ? target_of(*pdev) : target_by_name(*pdev);
    return target == "unknown" && !lun.target.empty() ? printable(lun.target) : target;
}

std::string name_of(const std::map<DomId, std::string>& names, DomId domain) {
    const auto place = names.find(domain);
    return place == names.end() ? "" : place->second;
}

/// What ails a vhost is told with its LUNs; one that has all that a port sees may have none yet.
void warn_of_empty(Context& context, const std::vector<VhostEntry>& vhosts,
                   const std::map<DomId, std::string>& names) {
    for (const VhostEntry& vhost : vhosts)
        if (vhost.luns.empty() && !vhost.error.empty())
            context.warn(fmt::format("domain '{}' has no LUNs of vhost {}: {}",
                                     printable(name_of(names, vhost.vhost.guest)),
                                     vhost.vhost.device.value(), printable(vhost.error)));
}

} // namespace

std::map<DomId, std::string> domain_names(Context& context) {
    std::map<DomId, std::string> names;
    for (const hv::DomainInfo& domain : known_domains(context))
        names[domain.id] = domain.name;
    return names;
}

devices::Device device_of(const Context& context, const Vhost& vhost, const LunEntry& lun) {
    const auto pdev = pdev_of(lun);
    if (vhost.backend != context.backend || !pdev || pdev->kind == config::PdevKind::file ||
        pdev->kind == config::PdevKind::iso)
        return {};
    const auto path = backend::path_of(*pdev);
    if (!path || path->empty())
        return {};
    return devices::find_device(backend::find_sg_node(*path).value_or(*path));
}

std::vector<LunRow> rows_of(const Context& context, const std::vector<VhostEntry>& vhosts,
                            const std::map<DomId, std::string>& names) {
    std::vector<LunRow> rows;
    for (const VhostEntry& vhost : vhosts) {
        const bool here = vhost.vhost.backend == context.backend;
        for (const LunEntry& lun : vhost.luns) {
            devices::Device device = device_of(context, vhost.vhost, lun);
            rows.push_back({name_of(names, vhost.vhost.guest), vhost.vhost.guest.value(),
                            vhost.vhost.device.value(), lun.vdev, lun.pdev, target_now(here, lun),
                            lun_state(vhost, lun), lun.name, lun.read_only, std::move(device.nodes),
                            std::move(device.name), lun.error.empty() ? vhost.error : lun.error,
                            lun.warning, name_of(names, vhost.vhost.backend),
                            vhost.vhost.backend.value(), lun.exclusive, !here});
        }
    }
    return rows;
}

std::string list(Context& context, const ListOptions& options) {
    std::optional<DomId> guest;
    const auto found = options.domain ? domain_if_there(context, *options.domain) : std::nullopt;
    warn_of_links(context, found ? found->name : options.domain.value_or(""));
    if (options.domain)
        guest = find_domain(context, *options.domain).id;
    const auto names = domain_names(context);
    const auto vhosts = all_vhosts(context, guest);
    warn_of_empty(context, vhosts, names);
    const auto rows = rows_of(context, vhosts, names);
    switch (options.form) {
    case ListForm::json:
        return to_json(rows);
    case ListForm::plain:
        return to_plain(rows);
    default:
        return to_table(rows);
    }
}

} // namespace pvscsi::ctl
