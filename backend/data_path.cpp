#include "backend/data_path.hpp"

#include <array>
#include <boost/asio/post.hpp>
#include <fmt/format.h>
#include <string_view>
#include <system_error>

namespace pvscsi::backend {

namespace {

std::string_view remedy(hv::GrantStatus status) noexcept {
    return status == hv::GrantStatus::no_space
               ? " (what bounds them: /sys/module/xen_gntdev/parameters/limit here, and "
                 "gnttab_max_maptrack_frames of Xen)"
               : "";
}
std::string_view remedy(const std::error_code& error) noexcept {
    return error == std::errc::no_space_on_device
               ? " (all of this domain's event channels are in use: max_event_channels= in its xl "
                 "file bounds them)"
               : "";
}

} // namespace

void DataPath::add_lun(const ring::Address& address, std::shared_ptr<Target> target, bool shared,
                       std::shared_ptr<flight::Recorder> recorder) {
    target->attach(worker_);
    auto lun = std::make_shared<Lun>();
    lun->address = address;
    lun->target = std::move(target);
    lun->shared = shared;
    lun->recorder = std::move(recorder);
    luns_.add(std::move(lun));
}

void DataPath::limit_lun(const ring::Address& address, unsigned queue_depth,
                         std::chrono::seconds longest) noexcept {
    Lun* const lun = luns_.find(address);
    if (lun == nullptr)
        return;
    lun->queue_depth = queue_depth == 0 ? ring::ring_size : queue_depth;
    lun->target->limit_time(longest);
}

void DataPath::mistrust(const ring::Address& address) {
    if (Lun* const lun = luns_.find(address))
        lun->unsettled = true;
}

void DataPath::settle_by_reset(const ring::Address& address) {
    mistrust(address);
    if (Lun* const lun = luns_.find(address))
        lun->target->end_leftovers();
}

void DataPath::remove_lun(const ring::Address& address) {
    let_go_of(address, true);
}

void DataPath::let_go_of(const ring::Address& address, bool nexus_ends) {
    auto lun = luns_.remove(address);
    if (!lun)
        return;
    auto let_go = [self = shared_from_this(), lun, nexus_ends] {
        if (nexus_ends)
            lun->target->nexus_lost();
        lun->target->detach();
    };
    if (lun->in_flight == 0)
        return let_go();
    // The last command's end is no place to take the target away from under its feet.
    lun->when_idle = [this, let_go] { boost::asio::post(worker_.context(), let_go); };
}

Expected<void, std::string> DataPath::connect(GrantRef ring_ref, EvtchnPort port,
                                              const ring::Limits& limits,
                                              std::unique_ptr<Journal> journal,
                                              std::function<void(std::string)> on_fault) {
    Connection connection;
    connection.grants = hypervisor_.open_grant_mapper(guest_);
    auto page = connection.grants->map(std::array{ring_ref}, hv::Access::read_write);
    if (!page)
        return unexpected(fmt::format("can't map the frontend's ring-ref {}: {}{}",
                                      ring_ref.value(), hv::to_string(page.error()),
                                      remedy(page.error())));
    connection.ring_page = std::move(*page);
    ring::SharedPage shared(connection.ring_page->bytes());
    if (!journal->inherited()) {
        shared.set_stamp(journal->stamp());
        for (const auto& lun : luns_.all())
            lun->target->nexus_lost();
    } else if (shared.stamp() != journal->stamp()) {
        return unexpected(std::string("the frontend has another ring than before"));
    }
    connection.journal = std::move(journal);
    auto channel = hypervisor_.bind_interdomain(guest_, port);
    if (!channel)
        return unexpected(fmt::format("can't bind to the frontend's event-channel {}: {}{}",
                                      port.value(), channel.error().message(),
                                      remedy(channel.error())));
    connection.channel = std::move(*channel);
    queue_ =
        std::make_shared<Queue>(worker_, luns_, limits, std::move(connection), std::move(on_fault));
    queue_->start();
    return {};
}

void DataPath::disconnect(std::function<void()> drained) {
    auto queue = std::exchange(queue_, nullptr);
    if (!queue)
        return drained();
    // The queue owns the buffers that devices may still use: it lives until they have ended, and
    // is let go of from the loop, not from inside its own call.
    auto& context = worker_.context();
    Queue& stopping = *queue;
    stopping.stop([self = shared_from_this(), queue = std::move(queue), &context,
                   drained = std::move(drained)]() mutable {
        boost::asio::post(context, [self, queue = std::move(queue), drained = std::move(drained)] {
            for (const auto& lun : self->luns_.all())
                lun->target->nexus_lost();
            drained();
        });
    });
}

void DataPath::keep_house() noexcept {
    if (queue_)
        queue_->trim();
    for (const auto& lun : luns_.all()) {
        lun->target->keep_house();
        if (lun->recorder)
            lun->recorder->set_clock();
    }
}

std::vector<LunStatistics> DataPath::statistics() const {
    std::vector<LunStatistics> rows;
    for (const auto& lun : luns_.all()) {
        const auto* const injector = lun->target->injector();
        rows.push_back({guest_, device_, lun->address, lun->in_flight, lun->queue_depth,
                        lun->counters, injector == nullptr ? 0 : injector->hits()});
    }
    return rows;
}

inject::Answer DataPath::change_faults(const ring::Address& address, const inject::Change& change) {
    const Lun* const lun = luns_.find(address);
    if (lun == nullptr)
        return {"it is not served now", {}};
    auto* const injector = lun->target->injector();
    if (injector == nullptr)
        return {"it was opened before faults were allowed; attach it again", {}};
    const auto before = change.clear ? 0 : injector->report().size();
    if (before + change.rules.size() > inject::most_rules)
        return {fmt::format("a LUN has {} rules at most", inject::most_rules), {}};
    if (change.clear)
        injector->clear();
    injector->add(change.rules);
    return {"", injector->report()};
}

void DataPath::stop_injecting() noexcept {
    for (const auto& lun : luns_.all())
        if (auto* const injector = lun->target->injector())
            injector->clear();
}

void DataPath::hand_over(std::function<void()> quiet) {
    if (!queue_) {
        let_go_of_all(false);
        return quiet();
    }
    queue_->quiesce([self = shared_from_this(), quiet = std::move(quiet)] {
        // Not from inside the queue's own call.
        boost::asio::post(self->worker_.context(), [self, quiet] {
            self->queue_->stop([] {});
            self->queue_.reset();
            self->let_go_of_all(false);
            quiet();
        });
    });
}

void DataPath::let_go_of_all(bool nexus_ends) {
    while (!luns_.all().empty())
        let_go_of(luns_.all().front()->address, nexus_ends);
}

void DataPath::close(std::function<void()> closed) {
    disconnect([self = shared_from_this(), closed = std::move(closed)] {
        self->let_go_of_all(true);
        closed();
    });
}

} // namespace pvscsi::backend
