// A vhost may have thousands of LUNs, and it is not the only one: what takes long is done in turns
// of the control thread's loop, and what is known is not looked for again.
#include "backend/vhost.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace pvscsi::backend {

using xenbus::State;

namespace {
constexpr std::string_view units = "vscsi-devs/";
} // namespace

bool Vhost::heed(std::string_view below) {
    if (below == "error" || below == "feature-sg-grant" || below == "attaching")
        return false;
    if (!below.starts_with(units))
        return true;
    below.remove_prefix(units.size());
    const auto leaf = below.substr(std::min(below.find('/'), below.size()));
    if (leaf == "/name")
        return false;
    if (leaf == "/queue-depth" || leaf == "/timeout") {
        limit_lun(std::string(below.substr(0, below.size() - leaf.size())));
        return false;
    }
    return nodes_.is_news(below);
}

/// Closes LUNs that are to go and opens what is new. False: not all of it yet, and it is looked at
/// again: there are many, or a dead predecessor's commands still hold the backing of one.
bool Vhost::tend_luns() {
    if (going_on_)
        return open_new_luns();
    const auto nodes = nodes_.list();
    close_removed_luns(nodes);
    to_open_.clear();
    std::erase_if(opening_, [&](const auto& begun) {
        return std::none_of(nodes.begin(), nodes.end(),
                            [&](const LunNode& node) { return node.name == begun.first; });
    });
    std::erase_if(reached_, [&](const auto& reached) {
        return std::none_of(nodes.begin(), nodes.end(),
                            [&](const LunNode& node) { return node.name == reached.first; });
    });
    settled_ = true;
    for (const LunNode& node : nodes) {
        // 6 without an error was removed; with one it failed, and may do better for the next
        // connection, but not for every look.
        const bool removed =
            node.state == State::closing || (node.state == State::closed && !node.has_error);
        if (!removed && !luns_.contains(node.name) && !failed_.contains(node.name))
            to_open_.push_back(node);
    }
    return open_new_luns();
}

bool Vhost::open_new_luns() {
    const auto end = std::chrono::steady_clock::now() + turn;
    while (!to_open_.empty()) {
        const LunNode node = std::move(to_open_.front());
        to_open_.pop_front();
        // What has changed since it was listed is listed again: there is an event.
        if (nodes_.state(node.name) == node.state && !open_lun(node))
            settled_ = false;
        if (!to_open_.empty() && std::chrono::steady_clock::now() >= end) {
            go_on_later();
            return false;
        }
    }
    if (!settled_)
        look_again_soon();
    return settled_;
}

void Vhost::go_on_later() {
    if (std::exchange(will_go_on_, true))
        return;
    boost::asio::post(around_.control, [weak = weak_from_this()] {
        if (const auto self = weak.lock())
            self->go_on();
    });
}

/// Whoever waits for the LUNs, or nobody any more: the states tell.
void Vhost::go_on() {
    will_go_on_ = false;
    if (to_open_.empty() && !inherited_luns_)
        return; // done by a look meanwhile
    // Else a take-over goes on, and nothing has been listed.
    going_on_ = !to_open_.empty();
    try {
        look();
    } catch (const std::exception& error) {
        log_.warning("a look failed error=\"{}\"", error.what());
    }
    going_on_ = false;
}

} // namespace pvscsi::backend
