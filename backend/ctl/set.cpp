#include "backend/ctl/common.hpp"
#include "backend/toolstack/host_check.hpp"
#include "common/base/printable.hpp"
#include "common/config/options.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace pvscsi::ctl {

namespace {

/// Options whose node can change while the unit is in use; they are called as their nodes.
constexpr std::array<std::string_view, 3> changeable{"name", "queue-depth", "timeout"};

struct Change {
    std::string node;
    std::string value; ///< empty: as without the option
};

std::vector<Change> checked(const std::vector<std::string>& options) {
    std::vector<Change> changes;
    config::EntryOptions all;
    for (const std::string& option : options) {
        const auto equals = option.find('=');
        const std::string name = option.substr(0, equals);
        if (std::find(changeable.begin(), changeable.end(), name) == changeable.end() ||
            equals == std::string::npos)
            throw Failure(ExitCode::configuration,
                          fmt::format("'{}' cannot be set while the LUN is there; expected one of "
                                      "{}=; for others detach it and attach it anew",
                                      printable(option), fmt::join(changeable, "=, ")));
        std::string value = option.substr(equals + 1);
        if (!value.empty())
            if (const auto refusal = config::set_option(all, option))
                throw Failure(ExitCode::configuration,
                              to_string(Remark{0, option, refusal->reason, refusal->remedy}));
        changes.push_back({name, std::move(value)});
    }
    return changes;
}

void require_timed(const Vhost& vhost, const LunEntry& lun, const Change& change) {
    if (change.node != "timeout" || change.value.empty())
        return;
    const auto pdev = config::parse_pdev(lun.pdev);
    const std::string target = vhost.served_elsewhere() ? lun.target
                               : pdev                   ? target_of(*pdev)
                                                        : "none";
    // Of another domain's device it may not be known yet.
    if (target != "sg" && !(vhost.served_elsewhere() && target == "unknown"))
        throw Failure(ExitCode::configuration,
                      fmt::format("there is no SCSI device behind {}, so it has no timeout",
                                  printable(lun.vdev)));
}

void require_served(const VhostEntry& vhost, const std::string& lun_name) {
    for (const LunEntry& lun : vhost.luns)
        if (vhost.lost && (lun.vdev == lun_name || lun.name == lun_name))
            throw Failure(ExitCode::failed,
                          fmt::format("{}: {}", printable(lun_name), printable(vhost.error)));
}

Result<void> write(hv::Store& store, hv::StoreTxn txn, const std::string& lun,
                   const Change& change) {
    const std::string path = lun + "/" + change.node;
    return change.value.empty() ? remove_if_there(store, txn, path)
                                : store.write(path, change.value, txn);
}

/// What dom0 keeps of a unit of another domain says the same.
Result<void> remember(hv::Store& store, hv::StoreTxn txn, const Vhost& vhost, unsigned number,
                      const std::vector<Change>& changes) {
    const auto record = read_record(store, txn, vhost.guest, vhost.device);
    if (!record)
        return unexpected(record.error());
    if (!*record || !(*record)->luns.contains(number))
        return {};
    Lun lun = (*record)->luns.at(number);
    for (const Change& change : changes) {
        if (change.node == "name")
            lun.name.clear();
        else
            (change.node == "timeout" ? lun.timeout : lun.queue_depth).reset();
        if (!change.value.empty())
            (void)config::set_option(lun, change.node + "=" + change.value); // checked before
    }
    return remember_lun(store, txn, vhost, number, lun);
}

} // namespace

std::string set(Context& context, const std::string& name, const std::string& lun_name,
                const std::vector<std::string>& options) {
    const auto changes = checked(options);
    const auto domain = find_domain(context, name);
    std::string vdev;
    const auto change_one = [&](hv::StoreTxn txn, const Vhost& vhost) -> Result<void> {
        vdev.clear(); // it may be tried again
        const auto entry = read_vhost(context.store, txn, vhost);
        if (!entry)
            return unexpected(entry.error());
        if (!*entry)
            return {};
        for (const LunEntry& lun : (*entry)->luns) {
            if (lun.vdev != lun_name && lun.name != lun_name)
                continue;
            vdev = lun.vdev;
            for (const Change& change : changes) {
                if (change.node == "name")
                    require_free_name(context, domain.id, change.value, lun.vdev);
                require_timed(vhost, lun, change);
                if (auto done = write(context.store, txn, vhost.back_lun(lun.number), change);
                    !done)
                    return done;
            }
            if (auto done = remember(context.store, txn, vhost, lun.number, changes); !done)
                return done;
        }
        return {};
    };
    for (const VhostEntry& vhost : all_vhosts(context, domain.id)) {
        require_served(vhost, lun_name);
        if (vdev.empty() && !vhost.lost)
            require(hv::transact(context.store,
                                 [&](hv::StoreTxn txn) { return change_one(txn, vhost.vhost); }),
                    "cannot change " + vhost.vhost.back());
    }
    if (vdev.empty())
        no_such_lun(domain.name, lun_name);
    return fmt::format("{} of domain {} '{}': {}", vdev, domain.id.value(), printable(domain.name),
                       printable(fmt::format("{}", fmt::join(options, ", "))));
}

} // namespace pvscsi::ctl
