#include "backend/ctl/common.hpp"

#include "backend/ctl/attach_mark.hpp"
#include "backend/toolstack/backend_domains.hpp"
#include "backend/toolstack/host_check.hpp"
#include "backend/toolstack/served.hpp"
#include "common/base/printable.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace pvscsi::ctl {

namespace {

std::string names_of(const std::vector<hv::DomainInfo>& domains) {
    std::string text;
    for (const hv::DomainInfo& domain : domains)
        text += (text.empty() ? "" : ", ") + printable(domain.name);
    return text.empty() ? "there is none" : "there are " + text;
}

struct UsedLun {
    Lun lun;
    Vhost vhost;
    Backing backing; ///< if it is this domain's
};

/// Another domain's devices can't be looked at: there it is what is written that counts.
Backing backing_at(const Context& context, const Lun& lun, DomId backend) {
    if (backend == context.backend || !lun.vport.empty())
        return backing_of(lun);
    return {config::backing_key(lun.pdev), {}};
}

/// The LUNs of all guests, whoever serves them.
std::vector<UsedLun> luns_in_use(Context& context) {
    std::vector<UsedLun> luns;
    for (const VhostEntry& vhost : all_vhosts(context, {})) {
        for (const LunEntry& entry : vhost.luns) {
            if (auto lun = lun_of(entry)) {
                Backing backing = backing_at(context, *lun, vhost.vhost.backend);
                luns.push_back({std::move(*lun), vhost.vhost, std::move(backing)});
            }
        }
    }
    return luns;
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

namespace {

/// Closed by the daemon, which gives a reason where it could not open one.
bool is_let_go(const LunEntry& lun) {
    return lun.state == xenbus::State::closed && lun.error.empty();
}

/// While guest and daemon are at it, it is not for others to end it.
bool is_settled(xenbus::State back) {
    using xenbus::State;
    return back == State::connected || back == State::closed || back == State::init_wait;
}

/// By address as numbers; those that are damaged come last.
bool is_before(const LunEntry& a, const LunEntry& b) {
    const auto of_a = xenbus::parse_address(a.vdev), of_b = xenbus::parse_address(b.vdev);
    return of_a && (!of_b || *of_a < *of_b);
}

bool remove_let_go(Context& context, const Vhost& vhost) {
    return hv::transact(
               context.store,
               [&](hv::StoreTxn txn) -> Result<void> {
                   const auto now = read_vhost(context.store, txn, vhost);
                   if (!now)
                       return unexpected(now.error());
                   if (!*now || !is_settled((*now)->back))
                       return {};
                   for (const LunEntry& lun : (*now)->luns)
                       if (is_let_go(lun))
                           if (auto done = remove_lun(context.store, txn, vhost, lun.number); !done)
                               return done;
                   return {};
               })
        .has_value();
}

/// What the daemon could not open may be of an attach whose maker was killed. Reads it anew, if it
/// was; false: with its last LUN the vhost is gone, too.
bool end_killed(Context& context, VhostEntry& vhost) {
    bool changed = false;
    const auto done = hv::transact(context.store, [&](hv::StoreTxn txn) -> Result<void> {
        const auto now = read_vhost(context.store, txn, vhost.vhost);
        if (!now)
            return unexpected(now.error());
        const auto ended = *now ? end_killed_attaches(context.store, txn, **now) : true;
        if (!ended)
            return unexpected(ended.error());
        changed = *ended;
        return {};
    });
    if (!done || !changed) // who may only look is told what there is
        return true;
    auto now = read_vhost(context.store, hv::no_transaction, vhost.vhost);
    if (now && *now)
        vhost = std::move(**now);
    return !now || *now;
}

} // namespace

std::vector<VhostEntry> all_vhosts(Context& context, std::optional<DomId> guest) {
    auto vhosts = read_all_vhosts(context.store, context.backend, guest);
    for (VhostEntry& vhost : vhosts)
        if (!vhost.lost && is_settled(vhost.back) &&
            std::any_of(vhost.luns.begin(), vhost.luns.end(), is_let_go) &&
            remove_let_go(context, vhost.vhost))
            std::erase_if(vhost.luns, is_let_go);
    const auto has_failed = [](const LunEntry& lun) {
        return lun.state == xenbus::State::closed && !lun.error.empty();
    };
    std::erase_if(vhosts, [&](VhostEntry& vhost) {
        return !vhost.lost && std::any_of(vhost.luns.begin(), vhost.luns.end(), has_failed) &&
               !end_killed(context, vhost);
    });
    for (VhostEntry& vhost : vhosts)
        std::stable_sort(vhost.luns.begin(), vhost.luns.end(), is_before);
    return vhosts;
}

Vhost served_by(Context& context, DomId guest, DevId device) {
    const auto vhost =
        find_vhost(context.store, hv::no_transaction, context.backend, guest, device);
    if (!vhost)
        throw std::system_error(vhost.error(),
                                fmt::format("cannot read who serves vhost {}", device.value()));
    return *vhost;
}

std::vector<hv::DomainInfo> known_domains(Context& context) {
    if (context.backend == toolstack_domain)
        return context.domains.list();
    const auto node = [&](const std::string& path) {
        return context.store.read(path).value_or("");
    };
    std::map<DomId, std::string> names{
        {context.backend, node(xenbus::domain_path(context.backend) + "/name")}};
    for (const VhostEntry& vhost : read_vhosts(context.store, context.backend, {}))
        names[vhost.vhost.guest] = node(vhost.vhost.back() + "/domain");
    std::vector<hv::DomainInfo> domains;
    for (const auto& [id, name] : names)
        domains.push_back({id, name});
    return domains;
}

std::optional<hv::DomainInfo> domain_if_there(Context& context, const std::string& name) {
    if (context.backend == toolstack_domain)
        return context.domains.find(name);
    for (const hv::DomainInfo& domain : known_domains(context))
        if (domain.name == name || std::to_string(domain.id.value()) == name)
            return domain;
    return {};
}

hv::DomainInfo find_domain(Context& context, const std::string& name) {
    if (auto found = domain_if_there(context, name))
        return std::move(*found);
    throw Failure(ExitCode::not_found, fmt::format("there is no domain '{}'; {}", printable(name),
                                                   names_of(known_domains(context))));
}

std::string patience_text(const Context& context) {
    return fmt::format("{:g} s", std::chrono::duration<double>(context.patience).count());
}

EntryFindings look_at(Context& context, const std::vector<Lun>& luns) {
    EntryFindings findings{find_unserved(luns), {}, {}};
    auto& mistakes = findings.mistakes;
    SortedLuns sorted = BackendDomains(context.store, context.backend).sort(luns);
    for (auto&& more : {sorted.mistakes, check_backings(sorted.here)})
        mistakes.insert(mistakes.end(), more.begin(), more.end());
    for (const Lun& lun : sorted.elsewhere)
        findings.notes.push_back({lun.entry, lun.pdev_text,
                                  "it is a unit of domain '" + lun.backend +
                                      "', and that domain's devices are not looked at from here",
                                  "that domain's pvscsid to find it"});
    auto left_out = left_out_of_hosts(sorted.here);
    std::move(left_out.begin(), left_out.end(), std::back_inserter(findings.notes));
    findings.here = std::move(sorted.here);
    return findings;
}

Users find_users(Context& context, const std::vector<Lun>& luns, std::optional<DomId> own) {
    const auto in_use = luns_in_use(context);
    BackendDomains backends(context.store, context.backend);
    Users users;
    for (const Lun& lun : luns) {
        const auto backend = backends.find(lun.backend);
        if (!backend || lun.whole_host) // its units are looked at one by one when they are opened
            continue;
        const Backing backing = backing_at(context, lun, *backend);
        for (const UsedLun& used : in_use) {
            if (used.vhost.backend != *backend || !same_backing(backing, used.backing))
                continue;
            users.entries.insert(lun.entry);
            if (used.vhost.guest == own || may_share(lun, used.lun))
                continue;
            users.mistakes.push_back(
                {lun.entry, lun.pdev_text,
                 fmt::format("domain {} uses it as {}", used.vhost.guest.value(),
                             to_string(used.lun.vdev)),
                 sharing_remedy});
            break;
        }
    }
    return users;
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
    for (const VhostEntry& vhost : all_vhosts(context, guest))
        for (const LunEntry& other : vhost.luns)
            if (other.name == name && other.vdev != vdev)
                throw Failure(ExitCode::failed,
                              fmt::format("the name '{}' is taken by {}; choose another one",
                                          printable(name), printable(other.vdev)));
}

std::string daemon_of(Context& context, const Vhost& vhost) {
    return vhost.backend == context.backend
               ? "pvscsid"
               : "pvscsid of " + domain_text(context.store, vhost.backend);
}

std::vector<std::string> troubles_of(const VhostEntry& vhost) {
    std::vector<std::string> lines;
    if (!vhost.error.empty())
        lines.push_back(
            fmt::format("vhost {}: {}", vhost.vhost.device.value(), printable(vhost.error)));
    for (const LunEntry& lun : vhost.luns)
        if (lun.state == xenbus::State::closed || !lun.error.empty())
            lines.push_back(fmt::format("{} ({}): {}", printable(lun.vdev), printable(lun.pdev),
                                        printable(reason_of(lun))));
    return lines;
}

std::string reason_of(const LunEntry& lun) {
    return lun.error.empty() ? "the backend refused it without a reason" : lun.error;
}

void wait_for_daemon(Context& context, const std::vector<Vhost>& vhosts) {
    if (context.patience.count() == 0)
        return;
    const Deadline deadline = deadline_of(context);
    std::string late; // who has not answered
    for (const Vhost& vhost : vhosts) {
        const bool done = wait_for(context, vhost.back(), deadline, [&] {
            const auto entry = vhost_now(context, vhost);
            return !entry || settled(*entry);
        });
        if (!done && late.empty())
            late = daemon_of(context, vhost);
    }
    if (late.empty())
        return;
    context.status = ExitCode::no_daemon;
    context.warn(fmt::format("no answer from a backend daemon within {}: the LUNs appear when "
                             "{} runs",
                             patience_text(context), late));
}

} // namespace pvscsi::ctl
