#include "backend/ctl/hotplug.hpp"
#include "backend/ctl/persist.hpp"
#include "common/base/printable.hpp"

#include <fmt/format.h>

namespace pvscsi::ctl {

namespace {

using xenbus::State;

xenbus::VirtualAddress checked_vdev(const std::string& text) {
    const auto vdev = parse_vdev(text);
    if (!vdev)
        throw Failure(ExitCode::configuration,
                      to_string(Remark{0, text, vdev.error().reason, vdev.error().remedy}));
    return *vdev;
}

[[noreturn]] void nothing_there(const std::optional<VhostEntry>& vhost, const std::string& vdev) {
    std::string there;
    if (vhost)
        for (const LunEntry& lun : vhost->luns)
            there += (there.empty() ? "" : ", ") + printable(lun.vdev);
    throw Failure(ExitCode::not_found,
                  fmt::format("there is no LUN {}; {}", vdev,
                              there.empty() ? "the vhost has none" : "the vhost has " + there));
}

class Detach {
  public:
    Detach(Context& context, const hv::DomainInfo& domain, const xenbus::VirtualAddress& vdev,
           bool force)
        : context_(context),
          vdev_(to_string(vdev)), vhost_{served_by(context, domain.id, DevId{vdev.host})},
          force_(force), deadline_(deadline_of(context)) {}

    void run() {
        const Way way =
            change_vhost(context_, vhost_, deadline_,
                         [this](hv::StoreTxn txn, const std::optional<VhostEntry>& entry) {
                             return begin(txn, entry);
                         });
        if (way == Way::nodes)
            return;
        if (!warning_.empty())
            context_.warn(fmt::format("{}: {}", vdev_, printable(warning_)));
        if (wait_settled(context_, vhost_, {number_}, {State::closed}))
            return remove();
        if (force_) {
            context_.warn(fmt::format("{} was not let go of within {}: {}; taken away", vdev_,
                                      patience_text(context_), late_party(context_, vhost_)));
            return force_away();
        }
        give_up();
    }

    /// It failed, but may happen yet.
    [[nodiscard]] bool may_come() const { return may_come_; }

  private:
    Result<Way> begin(hv::StoreTxn txn, const std::optional<VhostEntry>& entry) {
        if (!entry) {
            const auto record = read_record(context_.store, txn, vhost_.guest, vhost_.device);
            if (!record)
                return unexpected(record.error());
            if (*record)
                return forget(txn, **record);
        }
        const LunEntry* lun = entry ? entry->find(vdev_) : nullptr;
        if (lun == nullptr)
            nothing_there(entry, vdev_);
        if (!entry->host.empty())
            throw Failure(ExitCode::failed,
                          fmt::format("{} is a unit of a whole host adapter, of which the guest "
                                      "has all; detach {}:host instead",
                                      vdev_, vhost_.device.value()));
        number_ = lun->number;
        warning_ = lun->warning;
        Way way = way_of(entry->back);
        // An earlier attempt may be stuck with a guest that does not answer.
        if (force_ && entry->back == State::reconfiguring)
            way = Way::live;
        // The guest never had one that failed.
        if (way == Way::live && lun->state == State::closed)
            way = Way::nodes;
        if (way == Way::nodes) {
            if (auto done = remove_lun(context_.store, txn, vhost_, number_); !done)
                return unexpected(done.error());
        }
        if (way == Way::live) {
            for (const auto& [path, state] : {std::pair{vhost_.back_lun(number_), State::closing},
                                              std::pair{vhost_.back(), State::reconfiguring}})
                if (auto done = write_state(context_.store, txn, path, state); !done)
                    return unexpected(done.error());
        }
        return way;
    }

    /// The domain that served it has ended, and so has its use. With the last one the vhost goes:
    /// it can't be used again.
    Result<Way> forget(hv::StoreTxn txn, const VhostRecord& record) {
        const VhostEntry entry = lost_vhost(context_.store, record);
        const LunEntry* const lun = entry.find(vdev_);
        if (lun == nullptr)
            nothing_there(entry, vdev_);
        const auto done = record.luns.size() == 1
                              ? remove_vhost(context_.store, txn, vhost_)
                              : remove_lun(context_.store, txn, vhost_, lun->number);
        if (!done)
            return unexpected(done.error());
        return Way::nodes;
    }

    void remove() {
        require(hv::transact(context_.store,
                             [this](hv::StoreTxn txn) {
                                 return remove_lun(context_.store, txn, vhost_, number_);
                             }),
                "cannot remove " + vhost_.back_lun(number_));
    }

    /// The daemon stops serving a LUN whose nodes are gone.
    void force_away() {
        require(hv::transact(
                    context_.store,
                    [this](hv::StoreTxn txn) -> Result<void> {
                        const auto entry = read_vhost(context_.store, txn, vhost_);
                        if (!entry)
                            return unexpected(entry.error());
                        if (auto done = remove_lun(context_.store, txn, vhost_, number_); !done)
                            return done;
                        if (!*entry || (*entry)->back != State::reconfiguring ||
                            (*entry)->front != State::connected)
                            return {};
                        return write_state(context_.store, txn, vhost_.back(), State::connected);
                    }),
                "cannot remove " + vhost_.back_lun(number_));
    }

    [[noreturn]] void give_up() {
        if (withdraw(context_, vhost_, {number_}, State::connected))
            throw Failure(ExitCode::timed_out,
                          fmt::format("the guest has not let go of {} within {}; it is still "
                                      "attached; --force takes it away all the same",
                                      vdev_, patience_text(context_)));
        may_come_ = true;
        throw Failure(ExitCode::timed_out,
                      fmt::format("the removal of {} is not finished after {}: {}; try again, or "
                                  "--force",
                                  vdev_, patience_text(context_), late_party(context_, vhost_)));
    }

    Context& context_;
    const std::string vdev_;
    const Vhost vhost_;
    const bool force_;
    const Deadline deadline_;
    unsigned number_ = 0;
    std::string warning_; ///< what the daemon has remarked of it
    bool may_come_ = false;
};

constexpr std::string_view host_suffix = ":host";

/// "2:host" is the vhost 2 that has a whole host adapter.
std::optional<DevId> host_vhost(std::string_view text) {
    if (!text.ends_with(host_suffix))
        return {};
    const auto number =
        xenbus::parse_number(text.substr(0, text.size() - host_suffix.size()), UINT32_MAX);
    if (!number)
        throw Failure(ExitCode::configuration,
                      fmt::format("'{}' is no vhost with a whole host adapter; expected N:host",
                                  printable(std::string(text))));
    return DevId{static_cast<std::uint32_t>(*number)};
}

/// First nothing follows the adapter any more, then its units go as any others.
std::string detach_host(Context& context, const hv::DomainInfo& domain, DevId device, bool force) {
    const Vhost vhost{context.backend, domain.id, device};
    std::vector<std::string> vdevs;
    require(hv::transact(context.store,
                         [&](hv::StoreTxn txn) -> Result<void> {
                             const auto entry = read_vhost(context.store, txn, vhost);
                             if (!entry)
                                 return unexpected(entry.error());
                             if (!*entry || (*entry)->host.empty())
                                 throw Failure(ExitCode::not_found,
                                               fmt::format("domain '{}' has no whole host adapter "
                                                           "by vhost {}",
                                                           printable(domain.name), device.value()));
                             vdevs.clear();
                             for (const LunEntry& lun : (*entry)->luns)
                                 vdevs.push_back(lun.vdev);
                             for (const char* const node : {"/host", "/host-place"})
                                 if (auto done =
                                         remove_if_there(context.store, txn, vhost.back() + node);
                                     !done)
                                     return done;
                             return context.store.write(vhost.back() + "/feature-host", "0", txn);
                         }),
            "cannot change " + vhost.back());
    for (const std::string& vdev : vdevs)
        Detach(context, domain, checked_vdev(vdev), force).run();
    return fmt::format("the host adapter by vhost {} detached from domain {} '{}'", device.value(),
                       domain.id.value(), printable(domain.name));
}

/// By its address, else by its name=.
xenbus::VirtualAddress vdev_of(Context& context, const hv::DomainInfo& domain,
                               const std::string& text) {
    if (parse_vdev(text))
        return checked_vdev(text);
    for (const VhostEntry& vhost : all_vhosts(context, domain.id))
        for (const LunEntry& lun : vhost.luns)
            if (lun.name == text && !text.empty())
                return checked_vdev(lun.vdev);
    if (text.empty() || text.find(':') != std::string::npos)
        return checked_vdev(text); // which says what is wrong with it
    throw Failure(ExitCode::configuration,
                  fmt::format("'{}' is not an address (h:c:t:l), and domain '{}' has no LUN with "
                              "name={}; pvscsictl list {} shows both",
                              printable(text), printable(domain.name), printable(text),
                              printable(domain.name)));
}

} // namespace

std::string detach(Context& context, const std::string& name, const std::string& text, bool force,
                   Keep keep) {
    if (const auto device = host_vhost(text)) {
        if (keep == Keep::always)
            throw Failure(ExitCode::configuration,
                          "a whole host adapter can't be detached for later lives; change the "
                          "domain's file; nothing was changed");
        return detach_host(context, find_domain(context, name), *device, force);
    }
    const auto domain = find_domain(context, name);
    const auto vdev = vdev_of(context, domain, text);
    std::string said = fmt::format("{} detached from domain {} '{}'", to_string(vdev),
                                   domain.id.value(), printable(domain.name));
    std::optional<PersistentChange> kept;
    if (keep == Keep::always)
        kept.emplace(context, domain).make({}, {to_string(vdev)});
    Detach detach(context, domain, vdev, force);
    try {
        detach.run();
    } catch (const Failure& failure) {
        if (!kept || !detach.may_come())
            throw;
        throw Failure(failure.code(), failure.what() + kept->keep());
    }
    return kept ? said + kept->keep() : said;
}

} // namespace pvscsi::ctl
