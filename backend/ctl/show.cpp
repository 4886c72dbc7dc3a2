#include "backend/ctl/common.hpp"
#include "backend/ctl/definition_warnings.hpp"
#include "backend/ctl/list.hpp"
#include "common/base/printable.hpp"
#include "ring/abi.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pvscsi::ctl {

namespace {

/// A line "  key   text", if there is a text.
void add(std::string& text, const char* key, const std::string& value) {
    if (!value.empty())
        text += fmt::format("  {:<12} {}\n", key, printable(value));
}

std::string end_text(const char* who, xenbus::State state) {
    return fmt::format("{} is at {}", who, to_string(state));
}

std::string device_text(const devices::Device& device) {
    if (device.kind.empty())
        return {};
    return fmt::format("{} {} {} {}", device.kind, device.vendor, device.model,
                       fmt::join(device.nodes, " "));
}

/// Nothing of what this domain serves.
std::string backend_text(const LunRow& row) {
    if (!row.elsewhere)
        return {};
    return fmt::format("domain {} '{}'", row.backend_domid,
                       row.backend.empty() ? "(gone)" : row.backend);
}

std::string lun_text(const LunRow& row, const VhostEntry& vhost, const LunEntry& lun,
                     const devices::Device& device, const LunCountsOf& counts) {
    std::string text =
        fmt::format("{} of domain {} '{}': {}\n", printable(row.vdev), row.domid,
                    row.domain.empty() ? "(gone)" : printable(row.domain), row.state);
    add(text, "entry", row.pdev);
    add(text, "name", row.name);
    add(text, "served as",
        fmt::format("{}, {}{}", row.target, row.read_only ? "read only" : "read and write",
                    row.exclusive ? "" : ", shared with all that say exclusive=no"));
    add(text, "served by", backend_text(row));
    add(text, "device", device_text(device));
    add(text, "unit", row.unit);
    add(text, "queue depth",
        lun.queue_depth.empty() ? fmt::format("{}, the ring's", ring::ring_size) : lun.queue_depth);
    add(text, "timeout", lun.timeout.empty() ? "the guest's" : "at most " + lun.timeout + " s");
    add(text, "policy", lun.policy);
    add(text, "port", lun.vport.empty() ? "" : printable(lun.vport + " " + lun.port));
    add(text, "vhost",
        fmt::format("{}; {}, {}", row.vhost, end_text("the guest", vhost.front),
                    end_text("the backend", vhost.back)));
    for (const std::string& line : counts(row.domid, row.vdev))
        add(text, "", line);
    add(text, "error", row.error);
    add(text, "warning", row.warning);
    return text;
}

struct Wanted {
    std::optional<DomId> domain;
    std::string lun; ///< VDEV or name; empty: all
};

/// One word may be a domain or the name of a LUN; domains go first.
Wanted wanted(Context& context, const ShowOptions& options) {
    if (options.lun.empty() && !domain_if_there(context, options.what))
        return {{}, options.what};
    return {find_domain(context, options.what).id, options.lun};
}

} // namespace

std::string show(Context& context, const ShowOptions& options, const LunCountsOf& counts) {
    const auto found = domain_if_there(context, options.what);
    warn_of_links(context, found ? found->name : options.what);
    const auto [domain, lun_wanted] = wanted(context, options);
    const auto names = domain_names(context);
    std::string text;
    for (const VhostEntry& vhost : all_vhosts(context, domain)) {
        const auto rows = rows_of(context, {vhost}, names);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const bool is_it = domain ? rows[i].vdev == lun_wanted || rows[i].name == lun_wanted
                                      : rows[i].name == lun_wanted;
            if (lun_wanted.empty() || is_it)
                text += (text.empty() ? "" : "\n") +
                        lun_text(rows[i], vhost, vhost.luns[i],
                                 device_of(context, vhost.vhost, vhost.luns[i]), counts);
        }
    }
    if (!text.empty())
        return text;
    if (!domain)
        find_domain(context, options.what); // fails, with the domains that there are
    if (!lun_wanted.empty())
        no_such_lun(options.what, lun_wanted);
    throw Failure(ExitCode::not_found,
                  fmt::format("domain '{}' has no LUNs", printable(options.what)));
}

} // namespace pvscsi::ctl
