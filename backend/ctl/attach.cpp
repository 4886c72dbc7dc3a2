#include "backend/ctl/hotplug.hpp"
#include "backend/ctl/persist.hpp"
#include "backend/toolstack/backend_domains.hpp"
#include "backend/toolstack/text.hpp"

#include <fmt/format.h>

namespace pvscsi::ctl {

namespace {

using xenbus::State;

Lun checked_entry(Context& context, const std::string& text) {
    auto list = parse_vscsi({text});
    std::vector<Remark> mistakes = std::move(list.mistakes);
    for (auto&& more :
         {look_at(context, list.luns).mistakes, find_users(context, list.luns).mistakes})
        mistakes.insert(mistakes.end(), more.begin(), more.end());
    std::string lines;
    for (Remark& mistake : mistakes) {
        mistake.entry = 0; // there is only one
        lines += to_string(mistake) + "\n";
    }
    if (!lines.empty())
        throw Failure(ExitCode::configuration, lines + "nothing was changed");
    for (Remark& warning : list.warnings) {
        warning.entry = 0;
        context.warn(to_string(warning));
    }
    return std::move(list.luns.front());
}

void require_free(const VhostEntry& vhost, const Lun& lun) {
    if (const LunEntry* taken = vhost.find(to_string(lun.vdev)))
        throw Failure(ExitCode::failed,
                      fmt::format("{} is taken by {} ({}); detach it first, or choose another VDEV",
                                  taken->vdev, printable(taken->pdev), lun_state(vhost, *taken)));
}

DomId backend_of(Context& context, const Lun& lun) {
    if (const auto domain = BackendDomains(context.store, context.backend).find(lun.backend))
        return *domain;
    throw Failure(ExitCode::failed,
                  fmt::format("domain '{}' has ended meanwhile; nothing was changed", lun.backend));
}

/// A vhost is served by one domain.
Result<void> require_same_backend(Context& context, hv::StoreTxn txn, const Vhost& vhost) {
    const auto own = read_vhost(context.store, txn, {context.backend, vhost.guest, vhost.device});
    if (!own)
        return unexpected(own.error());
    const auto now = find_vhost(context.store, txn, context.backend, vhost.guest, vhost.device);
    if (!now)
        return unexpected(now.error());
    const bool there = *own || now->backend != context.backend;
    if (!there || now->backend == vhost.backend)
        return {};
    const bool ended = !context.store.domain_exists(now->backend);
    throw Failure(ExitCode::failed,
                  fmt::format("vhost {} is served by {}{}", vhost.device.value(),
                              domain_text(context.store, now->backend),
                              ended ? ", which has ended; detach what the guest had of it first"
                                    : "; an entry of another domain needs a vhost of its own"));
}

class Attach {
  public:
    Attach(Context& context, const hv::DomainInfo& domain, Lun lun)
        : context_(context),
          lun_(std::move(lun)), vhost_{backend_of(context, lun_), domain.id, DevId{lun_.vdev.host}},
          deadline_(deadline_of(context)) {}

    void run() {
        Way way = change_vhost(context_, vhost_, deadline_,
                               [this](hv::StoreTxn txn, const std::optional<VhostEntry>& entry) {
                                   return add(txn, entry);
                               });
        if (way == Way::nodes && connected_without_it())
            way = announce();
        if (context_.patience.count() == 0)
            return;
        if (way == Way::live)
            wait_for_guest();
        else
            wait_for_daemon(context_, {vhost_}, Warn::no_answer);
        check_opened();
    }

    /// It failed, but may happen yet.
    [[nodiscard]] bool may_come() const { return may_come_; }

  private:
    Result<Way> add(hv::StoreTxn txn, const std::optional<VhostEntry>& entry) {
        if (!entry) {
            if (auto free = require_same_backend(context_, txn, vhost_); !free)
                return unexpected(free.error());
            const auto done = write_vhost(context_.store, txn, vhost_, {&lun_, 1});
            if (!done)
                return unexpected(done.error());
            number_ = 0;
            vhost_is_new_ = true;
            return Way::nodes;
        }
        vhost_is_new_ = false;
        require_free(*entry, lun_);
        const Way way = way_of(entry->back);
        if (way == Way::busy)
            return way;
        const auto number = write_lun(context_.store, txn, vhost_, lun_);
        if (!number)
            return unexpected(number.error());
        number_ = *number;
        if (way == Way::live)
            if (auto done = write_state(context_.store, txn, vhost_.back(), State::reconfiguring);
                !done)
                return unexpected(done.error());
        return way;
    }

    /// A guest that connected just before our transaction may have been served without the new
    /// LUN: its daemon looked before we wrote, and wrote after us.
    bool connected_without_it() {
        std::optional<VhostEntry> now;
        const auto still_connecting = [&] {
            return now && (now->front == State::initialised || now->front == State::connected) &&
                   (now->back == State::initialising || now->back == State::init_wait ||
                    now->back == State::initialised);
        };
        static_cast<void>(wait_for(context_, vhost_.back(), deadline_, [&] {
            now = vhost_now(context_, vhost_);
            return !still_connecting() || state_of(*now) != State::initialising;
        }));
        return now && now->back == State::connected && state_of(*now) == State::initialising;
    }

    /// Of our LUN; unknown if it is gone.
    [[nodiscard]] State state_of(const VhostEntry& vhost) const {
        const LunEntry* lun = vhost.find(to_string(lun_.vdev));
        return lun == nullptr ? State::unknown : lun->state;
    }

    /// Tells the guest that there is something new.
    Way announce() {
        return change_vhost(
            context_, vhost_, deadline_,
            [this](hv::StoreTxn txn, const std::optional<VhostEntry>& entry) -> Result<Way> {
                const Way way = entry ? way_of(entry->back) : Way::nodes;
                if (way != Way::live)
                    return way;
                if (auto done =
                        write_state(context_.store, txn, vhost_.back(), State::reconfiguring);
                    !done)
                    return unexpected(done.error());
                return way;
            });
    }

    void wait_for_guest() {
        if (wait_settled(context_, vhost_, number_, deadline_, {State::connected, State::closed}))
            return;
        if (withdraw(context_, vhost_, number_, {}))
            throw Failure(ExitCode::timed_out,
                          fmt::format("the guest has not answered within {}; {} was not attached",
                                      patience_text(context_), to_string(lun_.vdev)));
        may_come_ = true;
        throw Failure(ExitCode::timed_out,
                      fmt::format("{} was not taken up within {}: {}; it may still come, see "
                                  "'pvscsictl list', or 'pvscsictl detach' gives up",
                                  to_string(lun_.vdev), patience_text(context_),
                                  late_party(context_, vhost_)));
    }

    void check_opened() {
        const auto vhost = vhost_now(context_, vhost_);
        const LunEntry* lun = vhost ? vhost->find(to_string(lun_.vdev)) : nullptr;
        if (lun == nullptr || (lun->state != State::closed && lun->error.empty()))
            return;
        const std::string reason =
            lun->error.empty() ? "the backend refused it without a reason" : lun->error;
        take_away();
        throw Failure(ExitCode::failed,
                      fmt::format("{} ({}): {}; it was not attached", printable(lun_.pdev_text),
                                  to_string(lun_.vdev), printable(reason)));
    }

    /// With its vhost, if that is ours and nobody has put another LUN there.
    Result<void> take_away(hv::StoreTxn txn) {
        const auto entry = read_vhost(context_.store, txn, vhost_);
        if (!entry)
            return unexpected(entry.error());
        const bool alone = *entry && (*entry)->luns.size() <= 1;
        return vhost_is_new_ && alone ? remove_vhost(context_.store, txn, vhost_)
                                      : remove_lun(context_.store, txn, vhost_, number_);
    }

    void take_away() {
        require(hv::transact(context_.store, [this](hv::StoreTxn txn) { return take_away(txn); }),
                "cannot remove " + vhost_.back_lun(number_));
    }

    Context& context_;
    const Lun lun_;
    const Vhost vhost_;
    const Deadline deadline_;
    unsigned number_ = 0;
    bool vhost_is_new_ = false;
    bool may_come_ = false;
};

} // namespace

std::string attach(Context& context, const std::string& name, const std::string& entry, Keep keep) {
    Lun lun = checked_entry(context, entry);
    const auto domain = find_domain(context, name);
    require_free_name(context, domain.id, lun.name, to_string(lun.vdev));
    std::string said = fmt::format("{} as {} attached to domain {} '{}'", printable(lun.pdev_text),
                                   to_string(lun.vdev), domain.id.value(), printable(domain.name));
    std::optional<PersistentChange> kept;
    if (keep == Keep::always)
        kept.emplace(context, domain, [&](Changes& changes, const XlFile& file) {
            keep_attached(changes, file, entry, lun.vdev);
        });
    Attach attach(context, domain, std::move(lun));
    run_kept(kept, attach);
    return kept ? said + kept->keep() : said;
}

} // namespace pvscsi::ctl
