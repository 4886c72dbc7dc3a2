#include "backend/ctl/persist.hpp"
#include "backend/ctl/vhost_attach.hpp"
#include "backend/toolstack/definitions.hpp"
#include "common/base/printable.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

namespace pvscsi::ctl {

namespace {

using Entries = std::vector<std::string>;

std::vector<Lun> checked(Context& context, const Entries& entries) {
    auto list = parse_vscsi(entries);
    std::vector<Remark> mistakes = std::move(list.mistakes);
    for (auto&& more :
         {look_at(context, list.luns).mistakes, find_users(context, list.luns).mistakes})
        mistakes.insert(mistakes.end(), more.begin(), more.end());
    std::stable_sort(mistakes.begin(), mistakes.end(),
                     [](const Remark& a, const Remark& b) { return a.entry < b.entry; });
    const auto text = [&](Remark remark) {
        if (entries.size() == 1)
            remark.entry = 0; // there is only one
        return to_string(remark);
    };
    std::string lines;
    for (const Remark& mistake : mistakes)
        lines += text(mistake) + "\n";
    if (!lines.empty())
        throw Failure(ExitCode::configuration, lines + "nothing was changed");
    for (const Remark& warning : list.warnings)
        context.warn(text(warning));
    return std::move(list.luns);
}

/// Before anything is changed; each vhost looks once more when it is.
void require_room(Context& context, DomId guest, const std::vector<Lun>& luns) {
    for (const Lun& lun : luns) {
        require_free_name(context, guest, lun.name, to_string(lun.vdev));
        const Vhost vhost = served_by(context, guest, DevId{lun.vdev.host});
        if (const auto now = vhost_now(context, vhost))
            require_free(*now, {lun});
    }
}

/// A vhost whose change was refused as a whole is no reason to forget those before it.
std::vector<NotAttached> attach_all(Context& context, DomId guest, const std::vector<Lun>& luns) {
    std::vector<NotAttached> refused;
    std::size_t tried = 0;
    for (const auto& [number, of_vhost] : by_vhost(luns)) {
        try {
            for (NotAttached& lun : attach_to_vhost(context, guest, of_vhost))
                refused.push_back(std::move(lun));
        } catch (const Failure& failure) {
            if (tried == 0 && of_vhost.size() == luns.size())
                throw;
            for (const Lun& lun : of_vhost)
                refused.push_back({to_string(lun.vdev), failure.code(),
                                   to_string(lun.vdev) + ": " + failure.what()});
        }
        tried += of_vhost.size();
    }
    return refused;
}

/// Keeps the change for the domain's next start, of what it has or may have yet.
class Kept {
  public:
    Kept(Context& context, const hv::DomainInfo& domain, const Entries& entries, Keep keep)
        : entries_(entries) {
        if (keep == Keep::always)
            change_.emplace(context, domain);
    }
    void keep(const std::vector<Lun>& luns) {
        Entries kept;
        for (const Lun& lun : luns)
            kept.push_back(entries_.at(lun.entry - 1));
        if (change_)
            change_->make(kept, {});
    }
    /// What to say of it.
    std::string done() { return change_ ? change_->keep() : ""; }

  private:
    const Entries& entries_;
    std::optional<PersistentChange> change_;
};

std::string attached_text(const std::vector<Lun>& luns, const hv::DomainInfo& domain) {
    std::string text;
    for (const Lun& lun : luns)
        text += fmt::format("{}{} as {} attached to domain {} '{}'", text.empty() ? "" : "\n",
                            printable(lun.pdev_text), to_string(lun.vdev), domain.id.value(),
                            printable(domain.name));
    return text;
}

/// Throws for those that were not attached, and says which were.
[[noreturn]] void complain_of(const std::vector<NotAttached>& refused, std::vector<Lun> luns,
                              const hv::DomainInfo& domain, Kept& kept) {
    std::set<std::string> lost, gone;
    std::vector<std::string> lines;
    for (const NotAttached& lun : refused) {
        lines.push_back(lun.why);
        gone.insert(lun.vdev);
        if (!lun.may_come)
            lost.insert(lun.vdev);
    }
    const auto in = [](const std::set<std::string>& set) {
        return [&set](const Lun& lun) { return set.contains(to_string(lun.vdev)); };
    };
    std::erase_if(luns, in(lost));
    kept.keep(luns);
    const std::string of_next_start = luns.empty() ? "" : kept.done();
    std::erase_if(luns, in(gone));
    if (!luns.empty())
        lines.push_back(attached_text(luns, domain));
    throw Failure(refused.front().code, fmt::format("{}{}", fmt::join(lines, "\n"), of_next_start));
}

/// A whole adapter makes a vhost of its own.
std::string attach_host(Context& context, const hv::DomainInfo& domain,
                        const std::vector<Lun>& luns, const Entries& entries, Keep keep) {
    if (luns.size() != 1)
        throw Failure(ExitCode::configuration,
                      "a whole host adapter is attached by itself; nothing was changed");
    const Vhost vhost{context.backend, domain.id, DevId{luns.front().vdev.host}};
    Kept kept(context, domain, entries, keep);
    kept.keep(luns);
    require(hv::transact(context.store,
                         [&](hv::StoreTxn txn) -> Result<void> {
                             const auto there = find_vhost(context.store, txn, context.backend,
                                                           domain.id, vhost.device);
                             const auto entry = read_vhost(context.store, txn, vhost);
                             if (!there || !entry)
                                 return unexpected(there ? entry.error() : there.error());
                             if (*entry || there->backend != vhost.backend)
                                 throw Failure(ExitCode::failed,
                                               fmt::format("vhost {} is there already; a whole "
                                                           "host adapter has one of its own",
                                                           vhost.device.value()));
                             return write_vhost(context.store, txn, vhost, luns);
                         }),
            "cannot write the nodes of " + vhost.back());
    wait_for_daemon(context, {vhost});
    if (const auto entry = vhost_now(context, vhost))
        for (const std::string& line : troubles_of(*entry)) // its other units are there
            context.warn(line);
    return fmt::format("the host adapter of {} as vhost {} attached to domain {} '{}'",
                       printable(luns.front().pdev_text), vhost.device.value(), domain.id.value(),
                       printable(domain.name)) +
           kept.done();
}

} // namespace

std::string attach(Context& context, const std::string& name,
                   const std::vector<std::string>& entries, Keep keep) {
    const auto luns = checked(context, entries);
    const auto domain = find_domain(context, name);
    if (std::any_of(luns.begin(), luns.end(), [](const Lun& lun) { return lun.whole_host; }))
        return attach_host(context, domain, luns, entries, keep);
    require_room(context, domain.id, luns);
    Kept kept(context, domain, entries, keep);
    kept.keep(luns);
    const auto refused = attach_all(context, domain.id, luns);
    if (!refused.empty())
        complain_of(refused, luns, domain, kept);
    return attached_text(luns, domain) + kept.done();
}

} // namespace pvscsi::ctl
