#include "backend/ctl/vhost_attach.hpp"

#include "backend/ctl/attach_mark.hpp"
#include "backend/ctl/hotplug.hpp"
#include "backend/toolstack/backend_domains.hpp"
#include "common/base/printable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace pvscsi::ctl {

namespace {

using xenbus::State;

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

class VhostAttach {
  public:
    VhostAttach(Context& context, DomId guest, const std::vector<Lun>& luns)
        : context_(context), luns_(luns), vhost_{backend_of(context, luns.front()), guest,
                                                 DevId{luns.front().vdev.host}},
          deadline_(deadline_of(context)) {}

    std::vector<NotAttached> run() {
        Way way = change_vhost(context_, vhost_, deadline_,
                               [this](hv::StoreTxn txn, const std::optional<VhostEntry>& entry) {
                                   return add(txn, entry);
                               });
        if (way == Way::nodes && connected_without_them())
            way = announce();
        if (!waits())
            return {};
        if (way == Way::live)
            wait_for_guest();
        else
            wait_for_daemon(context_, {vhost_});
        end(failed());
        warn_if_closed();
        return std::move(refused_);
    }

  private:
    [[nodiscard]] bool waits() const { return context_.patience.count() != 0; }

    Result<Way> add(hv::StoreTxn txn, const std::optional<VhostEntry>& entry) {
        const auto way = add_luns(txn, entry);
        if (way && *way != Way::busy && waits())
            if (auto done = mark_attach(context_.store, txn, vhost_, numbers_, vhost_is_new_);
                !done)
                return unexpected(done.error());
        return way;
    }

    Result<Way> add_luns(hv::StoreTxn txn, const std::optional<VhostEntry>& entry) {
        numbers_.clear();
        vhost_is_new_ = !entry;
        if (!entry) {
            if (auto free = require_same_backend(context_, txn, vhost_); !free)
                return unexpected(free.error());
            if (auto done = write_vhost(context_.store, txn, vhost_, luns_); !done)
                return unexpected(done.error());
            while (numbers_.size() < luns_.size())
                numbers_.push_back(static_cast<unsigned>(numbers_.size()));
            return Way::nodes;
        }
        require_free(*entry, luns_);
        const Way way = way_of(entry->back);
        if (way == Way::busy)
            return way;
        for (const Lun& lun : luns_) {
            const auto number = write_lun(context_.store, txn, vhost_, lun);
            if (!number)
                return unexpected(number.error());
            numbers_.push_back(*number);
        }
        if (way == Way::live)
            if (auto done = write_state(context_.store, txn, vhost_.back(), State::reconfiguring);
                !done)
                return unexpected(done.error());
        return way;
    }

    /// A guest that connected just before our transaction may have been served without the new
    /// LUNs: its daemon looked before we wrote, and wrote after us.
    bool connected_without_them() {
        std::optional<VhostEntry> now;
        const auto still_connecting = [&] {
            return now && (now->front == State::initialised || now->front == State::connected) &&
                   (now->back == State::initialising || now->back == State::init_wait ||
                    now->back == State::initialised);
        };
        static_cast<void>(wait_for(context_, vhost_.back(), deadline_, [&] {
            now = vhost_now(context_, vhost_);
            return !still_connecting() || !any_is_new(*now);
        }));
        return now && now->back == State::connected && any_is_new(*now);
    }

    /// That nobody has looked at.
    [[nodiscard]] bool any_is_new(const VhostEntry& vhost) const {
        return std::any_of(luns_.begin(), luns_.end(), [&](const Lun& lun) {
            const LunEntry* const there = vhost.find(to_string(lun.vdev));
            return there != nullptr && there->state == State::initialising;
        });
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
        if (wait_settled(context_, vhost_, numbers_, {State::connected, State::closed}))
            return;
        if (withdraw(context_, vhost_, numbers_, {})) {
            for (const Lun& lun : luns_)
                refused_.push_back({to_string(lun.vdev), ExitCode::timed_out,
                                    fmt::format("the guest has not answered within {}; {} was "
                                                "not attached",
                                                patience_text(context_), to_string(lun.vdev))});
            return;
        }
        const auto vhost = vhost_now(context_, vhost_);
        for (const Lun& lun : luns_) {
            const LunEntry* const there = vhost ? vhost->find(to_string(lun.vdev)) : nullptr;
            if (there != nullptr && there->state != State::closed &&
                (there->state != State::connected || vhost->back != State::connected))
                refused_.push_back(late(to_string(lun.vdev)));
        }
    }

    /// It is served, and the guest does not look at it.
    void warn_if_closed() {
        const auto vhost = vhost_now(context_, vhost_);
        if (vhost && vhost->front == State::closed && refused_.size() < luns_.size())
            context_.warn(fmt::format("the guest's driver has closed vhost {}: it has the LUN when "
                                      "it connects again, with a reboot at the latest; its own log "
                                      "says why it did",
                                      vhost_.device.value()));
    }

    NotAttached late(const std::string& vdev) {
        return {vdev, ExitCode::timed_out,
                fmt::format("{} was not taken up within {}: {}; it may still come, see "
                            "'pvscsictl list', or 'pvscsictl detach' gives up",
                            vdev, patience_text(context_), late_party(context_, vhost_)),
                true};
    }

    /// Of our LUNs; notes why.
    std::vector<unsigned> failed() {
        std::vector<unsigned> numbers;
        const auto vhost = vhost_now(context_, vhost_);
        for (std::size_t i = 0; vhost && i < luns_.size(); ++i) {
            const LunEntry* const lun = vhost->find(to_string(luns_[i].vdev));
            if (lun == nullptr || (lun->state != State::closed && lun->error.empty()))
                continue;
            refused_.push_back(
                {to_string(luns_[i].vdev), ExitCode::failed,
                 fmt::format("{} ({}): {}; it was not attached", printable(lun->pdev),
                             to_string(luns_[i].vdev), printable(reason_of(*lun)))});
            numbers.push_back(numbers_.at(i));
        }
        return numbers;
    }

    /// The last step: takes these away, with the vhost if that is ours and has no others.
    void end(const std::vector<unsigned>& numbers) {
        const auto remove = [&](hv::StoreTxn txn) -> Result<void> {
            const auto entry = read_vhost(context_.store, txn, vhost_);
            if (!entry)
                return unexpected(entry.error());
            if (!*entry)
                return {};
            if (auto done = unmark_attach(context_.store, txn, vhost_); !done)
                return done;
            if (numbers.empty())
                return {};
            if (vhost_is_new_ && (*entry)->luns.size() <= numbers.size())
                return remove_vhost(context_.store, txn, vhost_);
            for (const unsigned number : numbers)
                if (auto done = remove_lun(context_.store, txn, vhost_, number); !done)
                    return done;
            return {};
        };
        require(hv::transact(context_.store, remove), "cannot end the attach to " + vhost_.back());
    }

    Context& context_;
    const std::vector<Lun>& luns_;
    const Vhost vhost_;
    const Deadline deadline_;
    std::vector<unsigned> numbers_; ///< dev-N of each of them
    bool vhost_is_new_ = false;
    std::vector<NotAttached> refused_;
};

} // namespace

void require_free(const VhostEntry& vhost, const std::vector<Lun>& luns) {
    for (const Lun& lun : luns)
        if (const LunEntry* taken = vhost.find(to_string(lun.vdev)))
            throw Failure(
                ExitCode::failed,
                fmt::format("{} is taken by {} ({}); detach it first, or choose another VDEV",
                            taken->vdev, printable(taken->pdev), lun_state(vhost, *taken)));
}

std::vector<NotAttached> attach_to_vhost(Context& context, DomId guest,
                                         const std::vector<Lun>& luns) {
    return VhostAttach(context, guest, luns).run();
}

} // namespace pvscsi::ctl
