#include "backend/ctl/common.hpp"

#include "backend/toolstack/host_check.hpp"
#include "backend/toolstack/text.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace pvscsi::ctl {

namespace {

std::string names_of(const std::vector<hv::DomainInfo>& domains) {
    std::string text;
    for (const hv::DomainInfo& domain : domains)
        text += (text.empty() ? "" : ", ") + printable(domain.name);
    return text.empty() ? "there is none" : "there are " + text;
}

/// The LUNs of all guests, as the parser would have given them.
std::vector<Lun> luns_in_use(const std::vector<VhostEntry>& vhosts, std::vector<DomId>& owners) {
    std::vector<Lun> luns;
    for (const VhostEntry& vhost : vhosts) {
        for (const LunEntry& entry : vhost.luns) {
            const auto pdev = config::parse_pdev(entry.pdev);
            if (!pdev)
                continue;
            Lun lun;
            lun.pdev = *pdev;
            lun.pdev_text = entry.pdev;
            lun.vdev = xenbus::parse_address(entry.vdev).value_or(xenbus::VirtualAddress{});
            lun.read_only = entry.read_only;
            luns.push_back(std::move(lun));
            owners.push_back(vhost.vhost.guest);
        }
    }
    return luns;
}

void warn_of_errors(Context& context, const VhostEntry& vhost) {
    if (!vhost.error.empty())
        context.warn(
            fmt::format("vhost {}: {}", vhost.vhost.device.value(), printable(vhost.error)));
    for (const LunEntry& lun : vhost.luns)
        if (!lun.error.empty())
            context.warn(fmt::format("{} ({}): {}", printable(lun.vdev), printable(lun.pdev),
                                     printable(lun.error)));
}

/// Whether the daemon has said something about every LUN.
bool settled(const VhostEntry& vhost) {
    return vhost.taken_up &&
           std::none_of(vhost.luns.begin(), vhost.luns.end(), [](const LunEntry& lun) {
               return lun.state == xenbus::State::initialising;
           });
}

} // namespace

std::optional<VhostEntry> vhost_now(Context& context, const Vhost& vhost) {
    auto entry = read_vhost(context.store, hv::no_transaction, vhost);
    if (!entry)
        throw std::system_error(entry.error(), "cannot read " + vhost.back());
    return std::move(*entry);
}

hv::DomainInfo find_domain(Context& context, const std::string& name) {
    if (auto found = context.domains.find(name))
        return std::move(*found);
    throw Failure(ExitCode::not_found, fmt::format("there is no domain '{}'; {}", printable(name),
                                                   names_of(context.domains.list())));
}

std::string patience_text(const Context& context) {
    return fmt::format("{:g} s", std::chrono::duration<double>(context.patience).count());
}

std::vector<Remark> find_users(Context& context, const std::vector<Lun>& luns) {
    std::vector<DomId> owners;
    const auto used = luns_in_use(read_vhosts(context.store, context.backend, {}), owners);
    std::vector<Remark> mistakes;
    for (const Lun& lun : luns) {
        for (std::size_t i = 0; i < used.size(); ++i) {
            if (!same_backing(lun, used[i]) || (reads_only(lun) && reads_only(used[i])))
                continue;
            mistakes.push_back(
                {lun.entry, lun.pdev_text,
                 fmt::format("domain {} uses it as {}", owners[i].value(), to_string(used[i].vdev)),
                 "another backing, or 'ro' on both"});
            break;
        }
    }
    return mistakes;
}

void no_such_lun(const std::string& domain, const std::string& lun) {
    throw Failure(ExitCode::not_found,
                  fmt::format("domain '{}' has no LUN {}; 'pvscsictl list' shows what it has",
                              printable(domain), printable(lun)));
}

void require_free_name(Context& context, DomId guest, const std::string& name,
                       const std::string& vdev) {
    if (name.empty())
        return;
    for (const VhostEntry& vhost : read_vhosts(context.store, context.backend, guest))
        for (const LunEntry& other : vhost.luns)
            if (other.name == name && other.vdev != vdev)
                throw Failure(ExitCode::failed,
                              fmt::format("the name '{}' is taken by {}; choose another one",
                                          printable(name), printable(other.vdev)));
}

void wait_for_daemon(Context& context, const std::vector<Vhost>& vhosts, Warn warn) {
    if (context.patience.count() == 0)
        return;
    const Deadline deadline = deadline_of(context);
    bool answered = true;
    for (const Vhost& vhost : vhosts) {
        std::optional<VhostEntry> entry;
        const bool done = wait_for(context.store, vhost.back(), deadline, [&] {
            entry = vhost_now(context, vhost);
            return !entry || settled(*entry);
        });
        answered = answered && done;
        if (entry && warn == Warn::errors)
            warn_of_errors(context, *entry);
    }
    if (answered)
        return;
    context.status = ExitCode::no_daemon;
    context.warn(fmt::format("no answer from a backend daemon within {}: the LUNs appear when "
                             "pvscsid runs",
                             patience_text(context)));
}

} // namespace pvscsi::ctl
