#include "backend/ctl/common.hpp"
#include "backend/ctl/lun_rows.hpp"
#include "backend/toolstack/host_check.hpp"
#include "backend/toolstack/text.hpp"

#include <map>

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

std::vector<LunRow> rows_of(const std::vector<VhostEntry>& vhosts,
                            const std::map<DomId, std::string>& names) {
    std::vector<LunRow> rows;
    for (const VhostEntry& vhost : vhosts) {
        const auto name = names.find(vhost.vhost.guest);
        for (const LunEntry& lun : vhost.luns) {
            rows.push_back({name == names.end() ? "" : name->second, vhost.vhost.guest.value(),
                            vhost.vhost.device.value(), lun.vdev, lun.pdev, target_now(lun),
                            lun_state(vhost, lun), lun.name, lun.read_only,
                            lun.error.empty() ? vhost.error : lun.error, lun.warning});
        }
    }
    return rows;
}

} // namespace

std::string list(Context& context, const ListOptions& options) {
    std::optional<DomId> guest;
    if (options.domain)
        guest = find_domain(context, *options.domain).id;
    std::map<DomId, std::string> names;
    for (const hv::DomainInfo& domain : context.domains.list())
        names[domain.id] = domain.name;
    const auto rows = rows_of(read_vhosts(context.store, context.backend, guest), names);
    return options.json ? to_json(rows) : to_table(rows);
}

} // namespace pvscsi::ctl
