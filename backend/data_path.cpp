#include "backend/data_path.hpp"

#include <array>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

namespace pvscsi::backend {

void DataPath::add_lun(const ring::Address& address, std::shared_ptr<Target> target, bool shared) {
    target->attach(worker_);
    auto lun = std::make_shared<Lun>();
    lun->address = address;
    lun->target = std::move(target);
    lun->shared = shared;
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
    auto lun = luns_.remove(address);
    if (!lun)
        return;
    auto let_go = [self = shared_from_this(), lun] { lun->target->detach(); };
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
        return unexpected(fmt::format("can't map the frontend's ring-ref {}: {}", ring_ref.value(),
                                      hv::to_string(page.error())));
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
        return unexpected(fmt::format("can't bind to the frontend's event-channel {}: {}",
                                      port.value(), channel.error().message()));
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
        boost::asio::post(
            context, [self, queue = std::move(queue), drained = std::move(drained)] { drained(); });
    });
}

void DataPath::keep_house() noexcept {
    if (queue_)
        queue_->trim();
    for (const auto& lun : luns_.all())
        lun->target->keep_house();
}

std::vector<LunStatistics> DataPath::statistics() const {
    std::vector<LunStatistics> rows;
    for (const auto& lun : luns_.all())
        rows.push_back({guest_, device_, lun->address, lun->in_flight, lun->counters});
    return rows;
}

void DataPath::hand_over(std::function<void()> quiet) {
    if (!queue_) {
        remove_all_luns();
        return quiet();
    }
    queue_->quiesce([self = shared_from_this(), quiet = std::move(quiet)] {
        // Not from inside the queue's own call.
        boost::asio::post(self->worker_.context(), [self, quiet] {
            self->queue_->stop([] {});
            self->queue_.reset();
            self->remove_all_luns();
            quiet();
        });
    });
}

void DataPath::remove_all_luns() {
    while (!luns_.all().empty())
        remove_lun(luns_.all().front()->address);
}

void DataPath::close(std::function<void()> closed) {
    disconnect([self = shared_from_this(), closed = std::move(closed)] {
        self->remove_all_luns();
        closed();
    });
}

} // namespace pvscsi::backend
