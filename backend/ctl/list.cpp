#include "backend/ctl/list.hpp"

#include "backend/ctl/common.hpp"
#include "backend/devices/catalogue.hpp"
#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "backend/toolstack/host_check.hpp"
#include "backend/toolstack/text.hpp"

namespace pvscsi::ctl {

namespace {

/// As it is now; of a device that is gone as it was.
std::string target_now(const LunEntry& lun) {
    const auto pdev = config::parse_pdev(lun.pdev);
    if (!pdev)
        return "unknown";
    std::string target = target_of(*pdev);
    return target == "unknown" && !lun.target.empty() ? printable(lun.target) : target;
}

} // namespace

std::map<DomId, std::string> domain_names(Context& context) {
    std::map<DomId, std::string> names;
    for (const hv::DomainInfo& domain : context.domains.list())
        names[domain.id] = domain.name;
    return names;
}

devices::Device device_of(const LunEntry& lun) {
    const auto pdev = config::parse_pdev(lun.pdev);
    if (!pdev || pdev->kind == config::PdevKind::file || pdev->kind == config::PdevKind::iso)
        return {};
    const auto path = backend::path_of(*pdev);
    if (!path || path->empty())
        return {};
    return devices::find_device(backend::find_sg_node(*path).value_or(*path));
}

std::vector<LunRow> rows_of(const std::vector<VhostEntry>& vhosts,
                            const std::map<DomId, std::string>& names) {
    std::vector<LunRow> rows;
    for (const VhostEntry& vhost : vhosts) {
        const auto name = names.find(vhost.vhost.guest);
        for (const LunEntry& lun : vhost.luns) {
            devices::Device device = device_of(lun);
            rows.push_back({name == names.end() ? "" : name->second, vhost.vhost.guest.value(),
                            vhost.vhost.device.value(), lun.vdev, lun.pdev, target_now(lun),
                            lun_state(vhost, lun), lun.name, lun.read_only, std::move(device.nodes),
                            std::move(device.name), lun.error.empty() ? vhost.error : lun.error,
                            lun.warning});
        }
    }
    return rows;
}

std::string list(Context& context, const ListOptions& options) {
    std::optional<DomId> guest;
    if (options.domain)
        guest = find_domain(context, *options.domain).id;
    const auto rows =
        rows_of(read_vhosts(context.store, context.backend, guest), domain_names(context));
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
