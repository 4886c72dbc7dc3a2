#include "backend/ctl/common.hpp"
#include "backend/ctl/creation.hpp"
#include "backend/toolstack/backend_domains.hpp"
#include "backend/toolstack/changes.hpp"
#include "backend/toolstack/definitions.hpp"
#include "backend/toolstack/host_units.hpp"
#include "backend/toolstack/xl_file.hpp"
#include "common/base/printable.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <map>

namespace pvscsi::ctl {

namespace {

struct Plan {
    XlFile file;
    std::map<std::uint32_t, std::vector<Lun>> vhosts; ///< by vhost number
    std::size_t luns = 0;
};

/// A running domain of the same name has the same backings: that is the one thing to say then.
std::vector<Remark> used_elsewhere(Context& context, const XlFile& file,
                                   const std::vector<Lun>& luns) {
    if (context.domains.find(file.name))
        return {};
    return find_users(context, luns).mistakes;
}

std::size_t number_of_luns(const Lun& entry) {
    if (entry.pdev.kind == config::PdevKind::vport)
        return 0; // nobody knows yet what its port will see
    const auto host = entry.whole_host ? host_of(entry) : unexpected(config::Refusal{});
    return host ? units_of(*host, entry).luns.size() : 1;
}

/// Everything that can be wrong with the file is found here, before anything is changed.
Plan read_plan(Context& context, const std::string& path) {
    Plan plan{read_xl_file(path), {}, 0};
    std::vector<std::string> lines = plan.file.mistakes;
    auto entries = entries_of(plan.file, context.definitions);
    auto& list = entries.list;
    lines.insert(lines.end(), entries.mistakes.begin(), entries.mistakes.end());
    std::vector<Remark> mistakes = std::move(list.mistakes);
    for (auto&& more :
         {look_at(context, list.luns).mistakes, used_elsewhere(context, plan.file, list.luns)})
        mistakes.insert(mistakes.end(), more.begin(), more.end());
    std::stable_sort(mistakes.begin(), mistakes.end(),
                     [](const Remark& a, const Remark& b) { return a.entry < b.entry; });
    for (const Remark& mistake : mistakes)
        lines.push_back(path + ": vscsi: " + to_string(mistake));
    if (!lines.empty())
        throw Failure(ExitCode::configuration,
                      fmt::format("{}\nnothing was changed", fmt::join(lines, "\n")));
    for (const std::string& note : entries.notes)
        context.warn(note);
    for (const Remark& warning : list.warnings)
        context.warn(path + ": vscsi: " + to_string(warning));
    for (const Lun& lun : list.luns)
        plan.luns += number_of_luns(lun);
    plan.vhosts = by_vhost(std::move(list.luns));
    return plan;
}

std::string text_of(const std::optional<unsigned>& number) {
    return number ? std::to_string(*number) : "";
}

bool same_lun(const LunEntry& there, const Lun& wanted) {
    return there.vdev == xenbus::to_string(wanted.vdev) && there.pdev == wanted.pdev_text &&
           there.read_only == wanted.read_only && there.name == wanted.name &&
           there.queue_depth == text_of(wanted.queue_depth) &&
           there.timeout == text_of(wanted.timeout) &&
           there.exclusive == wanted.exclusive.value_or(true) && there.policy == wanted.policy &&
           there.vport == wanted.vport;
}

/// The daemon has given the new domain these LUNs already: it knows the file, too.
Result<bool> are_there(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost,
                       const std::vector<Lun>& luns) {
    const auto backend = store.read(vhost.front() + "/backend", txn);
    if (!backend && backend.error() == std::errc::no_such_file_or_directory)
        return false;
    if (!backend)
        return unexpected(backend.error());
    const auto entry = read_vhost(store, txn, vhost);
    if (!entry)
        return unexpected(entry.error());
    if (*entry && gives_whole_host(luns))
        return !(*entry)->host.empty(); // and its LUNs are those that the adapter has now
    if (!*entry || (*entry)->luns.size() != luns.size())
        return false;
    return std::all_of(luns.begin(), luns.end(), [&](const Lun& wanted) {
        const LunEntry* const there = (*entry)->find(xenbus::to_string(wanted.vdev));
        return there != nullptr && same_lun(*there, wanted);
    });
}

/// Who serves each vhost, now that it matters.
std::vector<Vhost> vhosts_of(Context& context, DomId guest, const Plan& plan) {
    BackendDomains backends(context.store, context.backend);
    std::vector<Vhost> vhosts;
    for (const auto& [number, luns] : plan.vhosts) {
        const auto backend = backends.find(luns.front().backend); // all of them have the same
        if (!backend)
            throw Failure(
                ExitCode::failed,
                fmt::format("domain '{}', which has LUNs of vhost {}, has ended meanwhile",
                            luns.front().backend, number));
        vhosts.push_back({*backend, guest, DevId{number}});
    }
    return vhosts;
}

/// One transaction for all vhosts. A domain that had the same number and left nodes behind must
/// not lend them to its successor.
std::vector<Vhost> write_vhosts(Context& context, DomId guest, const Plan& plan) {
    const auto vhosts = vhosts_of(context, guest, plan);
    const auto stale = domains_that_serve(context.store, context.backend);
    const auto done = hv::transact(context.store, [&](hv::StoreTxn txn) -> Result<void> {
        bool all_there = true;
        for (const Vhost& vhost : vhosts) {
            const auto there =
                are_there(context.store, txn, vhost, plan.vhosts.at(vhost.device.value()));
            if (!there)
                return unexpected(there.error());
            all_there = all_there && *there;
        }
        if (all_there)
            return {};
        for (const DomId backend : stale)
            if (auto removed = remove_guest(context.store, txn, backend, guest); !removed)
                return removed;
        for (const Vhost& vhost : vhosts)
            if (auto written =
                    write_vhost(context.store, txn, vhost, plan.vhosts.at(vhost.device.value()));
                !written)
                return written;
        return {};
    });
    require(done, "cannot write the vscsi nodes into the store");
    return vhosts;
}

void undo(Context& context, CreationMark& mark, DomId guest) noexcept {
    try {
        end_domain(context, guest);
    } catch (const std::exception& error) {
        mark.keep();
        context.warn(
            fmt::format("domain {} could not be removed again: {}", guest.value(), error.what()));
    }
}

/// Whoever starts the domain next, the guest itself with a reboot, does not call pvscsictl.
void warn_if_unknown(Context& context, const Plan& plan) {
    if (plan.vhosts.empty() || context.definition_files.empty())
        return;
    Definitions definitions(context.definition_files);
    definitions.refresh([](const std::string&) {});
    const auto known = definitions.files_naming(plan.file.name, plan.file.uuid);
    if (known.size() > 1) {
        context.warn("after a reboot of the guest: " +
                     contest_text(known, "'" + printable(plan.file.name) + "'"));
        return;
    }
    std::error_code error;
    if (!known.empty() && std::filesystem::equivalent(known.front(), plan.file.path, error))
        return;
    context.warn(!known.empty()
                     ? fmt::format("of domain '{}' the daemon knows {}: after a reboot the guest "
                                   "gets the LUNs of that",
                                   printable(plan.file.name), printable(known.front()))
                     : fmt::format("{} is no file that the daemon goes by: after a reboot the "
                                   "guest gets no LUNs; 'pvscsictl define {}' sees to it",
                                   plan.file.path, plan.file.path));
}

/// A guest without a disk that its file gives it would write elsewhere, or not come up.
void require_usable(Context& context, const std::vector<Vhost>& vhosts, Start start) {
    std::vector<std::string> lines;
    for (const Vhost& vhost : vhosts) {
        const auto entry = vhost_now(context, vhost);
        if (!entry)
            continue;
        // Of a whole host adapter the guest gets what it can have: which units are there is not in
        // its file. A port of its own comes when it comes.
        const bool as_can_be =
            !entry->host.empty() && (entry->error.empty() || entry->host.starts_with("vport:"));
        for (std::string& line : troubles_of(*entry)) {
            if (as_can_be)
                context.warn(line);
            else
                lines.push_back(std::move(line));
        }
    }
    if (lines.empty())
        return;
    if (start == Start::whole)
        throw Failure(ExitCode::failed,
                      fmt::format("{}\nthe domain was not started, and is gone again; with "
                                  "--start-anyway it runs without what fails",
                                  fmt::join(lines, "\n")));
    for (const std::string& line : lines)
        context.warn(line);
}

} // namespace

std::string create(Context& context, const std::string& path, Start start) {
    const Plan plan = read_plan(context, path);
    const std::string& name = plan.file.name;
    if (const auto taken = context.domains.find(name))
        throw Failure(ExitCode::failed,
                      fmt::format("domain '{}' runs already, with number {}; destroy it first, or "
                                  "give this one another name",
                                  printable(name), taken->id.value()));
    if (plan.vhosts.empty())
        context.warn(path + ": there is no vscsi= entry; the domain has no LUN");
    warn_if_unknown(context, plan);
    CreationMark mark(context, name);
    const DomId guest = context.domains.create(name, path, plan.file.uuid).id;
    try {
        mark.made(guest);
        const auto vhosts = write_vhosts(context, guest, plan);
        wait_for_daemon(context, vhosts);
        if (context.patience.count() != 0)
            require_usable(context, vhosts, start);
        mark.whole(guest);
        context.domains.unpause(guest);
    } catch (...) {
        undo(context, mark, guest);
        throw;
    }
    const bool has_port =
        std::any_of(plan.vhosts.begin(), plan.vhosts.end(), [](const auto& vhost) {
            return vhost.second.front().pdev.kind == config::PdevKind::vport;
        });
    return fmt::format("domain {} '{}' created with {} LUN{}{}", guest.value(), name, plan.luns,
                       plan.luns == 1 ? "" : "s", has_port ? ", and what its port will see" : "");
}

} // namespace pvscsi::ctl
