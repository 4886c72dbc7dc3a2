#include "frontend/run/vhost_watch.hpp"
#include "common/base/standard_descriptors.hpp"

#include "common/xenbus/nodes.hpp"
#include "common/xenbus/state.hpp"

#include <fmt/core.h>
#include <limits>

namespace pvscsi::run {

VhostWatch::VhostWatch(Loop& loop, Server& server, std::unique_ptr<hv::Store> store, DomId guest,
                       Open open)
    : loop_(loop), server_(server), store_(std::move(store)), root_(xenbus::frontend_root(guest)),
      open_(std::move(open)) {
    if (const auto watched = store_->watch(root_, "vhosts"); !watched)
        throw std::system_error(watched.error(), "watching " + root_);
    loop_.watch(store_->fd(), [this] {
        while (store_->next_event()) {
        }
        look();
    });
    server_.on_closed([this] { look(); });
}

VhostWatch::~VhostWatch() {
    server_.on_closed(nullptr);
    loop_.unwatch(store_->fd());
}

void VhostWatch::look() {
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
    const auto names = store_->list(root_);
    if (!names)
        return; // the last device is gone, or the store: there is nothing to open
    for (const std::string& name : *names) {
        const auto parsed = xenbus::parse_number(name, most);
        const auto number = static_cast<std::uint32_t>(parsed.value_or(0));
        if (!parsed || server_.has_vhost(number) || !is_new(number))
            continue;
        try {
            server_.add_vhost(number, open_(number));
        } catch (const std::exception& error) {
            say_error(fmt::format("pvscsi-run: vhost {}: {}\n", number, error.what()));
        }
    }
}

bool VhostWatch::is_new(std::uint32_t number) {
    const auto state = store_->read(root_ + "/" + std::to_string(number) + "/state");
    return state && xenbus::state_from_node(*state) == xenbus::State::initialising;
}

} // namespace pvscsi::run
