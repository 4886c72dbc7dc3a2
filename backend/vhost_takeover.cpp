// A frontend that is connected to a daemon which is no more: its connection is taken up where that
// one left it, without a word to the guest. That needs the predecessor's journal, the same ring,
// and units that the predecessor's commands have left.
#include "backend/lun_identity.hpp"
#include "backend/toolstack/guest_life.hpp"
#include "backend/vhost.hpp"

#include <cerrno>
#include <filesystem>
#include <unistd.h>
#include <utility>

namespace pvscsi::backend {

namespace {

/// A killed process's commands end by themselves, mostly at once; a device that keeps one longer
/// is reset.
constexpr std::chrono::seconds settle_patience{10};
constexpr std::chrono::milliseconds settle_interval{20};
/// While a LUN waits for its guest's port: its nodes are read each time.
constexpr std::chrono::milliseconds port_interval{100};

} // namespace

std::chrono::steady_clock::time_point settled_by(const std::string& state_dir) {
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(state_dir, none))
        if (entry.path().extension() == Journal::suffix)
            return std::chrono::steady_clock::now() + settle_patience;
    return {};
}

/// One that has died and left a journal may have left commands in the kernel as well.
void Vhost::await_predecessor() {
    if (::access(journal_path_.c_str(), F_OK) == 0)
        settled_by_ = std::chrono::steady_clock::now() + settle_patience;
}

/// A domain that migrates within this host keeps its units until it is destroyed, which is a moment
/// after its successor has begun to run.
void Vhost::await_source() {
    if (toolstack::is_there_twice(around_.store, guest_))
        settled_by_ = std::chrono::steady_clock::now() + settle_patience;
}

bool Vhost::may_be_free_soon(const std::exception& error) const {
    const auto* const system = dynamic_cast<const std::system_error*>(&error);
    return patient() && system != nullptr && system->code() == std::errc::device_or_resource_busy;
}

/// Called with every look until the connection is up, or is not to be had.
void Vhost::take_over(State ours, State theirs) {
    if (!taking_over()) {
        auto journal = Journal::reopen(journal_path_);
        if (!journal || !was_served(ours))
            return start_anew(ours, theirs,
                              "the backend was restarted" +
                                  (journal ? "" : ": " + journal.error()));
        inherited_ = std::move(*journal);
    }
    if (!luns_are_free())
        return;
    busy_.clear();
    inherited_luns_.reset();
    if (const auto linked = link_up(std::move(inherited_)); !linked)
        return start_anew(ours, theirs, linked.error());
    link_ = Link::up;
    confirmed_ = theirs != State::initialised;
    clear_error();
    changes_.info("taken over luns={}", luns_.size());
    look();
}

/// A frontend at Initialised has a new ring and waits for us to connect to it: it was bound again
/// while no daemon was there. One that is Connected has to let go first.
void Vhost::start_anew(State ours, State theirs, const std::string& reason) {
    if (theirs != State::initialised)
        return end_from_our_side(ours, reason);
    forget_connection();
    if (move(ours, State::init_wait))
        connect(State::init_wait, theirs);
}

unsigned Vhost::offered_segments() {
    const auto node = around_.store.read(backend_ + "/feature-sg-grant");
    const auto value =
        node ? xenbus::parse_number(*node, ring::max_indirect_segments) : std::nullopt;
    return std::max(value ? static_cast<unsigned>(*value) : 0u, around_.limits.max_segments);
}

/// Opens all units, in turns; false while that goes on, or one waits for the predecessor's commands
/// to end. It is looked at again then.
bool Vhost::luns_are_free() {
    if (!inherited_luns_) {
        inherited_luns_.emplace();
        for (const LunNode& node : nodes_.list()) {
            // What is to be removed is served until the frontend says that it has let go.
            const bool served = node.state == State::initialised ||
                                node.state == State::connected || node.state == State::closing;
            if (served && !luns_.contains(node.name) && !failed_.contains(node.name))
                inherited_luns_->push_back(node);
        }
    }
    const auto end = std::chrono::steady_clock::now() + turn;
    for (auto left = inherited_luns_->size(); left > 0; --left) {
        const LunNode node = std::move(inherited_luns_->front());
        inherited_luns_->pop_front();
        if (!is_free(node))
            inherited_luns_->push_back(node);
        if (left > 1 && std::chrono::steady_clock::now() >= end) {
            go_on_later();
            return false;
        }
    }
    if (!inherited_luns_->empty())
        look_again_soon();
    return inherited_luns_->empty();
}

/// Throws std::runtime_error if it is not what the guest had: another file or device under the
/// same name, or a memory that ended with the dead daemon.
void Vhost::require_same(const std::string& node_name, const std::string& pdev) {
    if (ends_with_the_daemon(pdev))
        throw std::runtime_error("its contents ended with the daemon that held them");
    const std::string now = identity_of(pdev);
    if (!now.empty() && now != nodes_.identity(node_name))
        throw std::runtime_error(pdev + " is not what the guest was connected to any more");
}

bool Vhost::is_free(const LunNode& node) {
    try {
        const auto config = config_when_reached(node.name);
        if (!config)
            return false;
        auto& target = busy_[node.name];
        if (!target) {
            require_same(node.name, config->pdev);
            target = open_target(node.name, *config);
        }
        if (target->opening())
            return false;
        const Leftovers left = target->leftovers();
        if (left == Leftovers::resetting || (left == Leftovers::some && patient()))
            return false;
        if (serve_lun(node, node.state, {*config, std::move(target)}) && left != Leftovers::none)
            go_on_with(node.name, left);
    } catch (const std::exception& error) {
        if (may_be_free_soon(error))
            return false;
        not_opened(node.name, error.what());
    }
    return true;
}

/// A unit at whose device a dead daemon's commands are, or were when it was reset.
void Vhost::go_on_with(const std::string& node_name, Leftovers left) {
    const ring::Address address = luns_.at(node_name).address;
    if (left == Leftovers::disowned)
        return data_->worker().call([&] { data_->mistrust(address); });
    log_.warning("lun={} reset: a dead daemon's commands do not end", node_name);
    data_->worker().call([&] { data_->settle_by_reset(address); });
}

/// Of a unit that nobody takes over: its device may be one that the dead daemon served, to this
/// guest or to others, who could not tell its commands from this one's any more.
bool Vhost::must_wait_for(Leftovers left) const {
    return left == Leftovers::resetting ||
           (left == Leftovers::some && std::chrono::steady_clock::now() < around_.settled_by);
}

void Vhost::look_again_soon() {
    takeover_timer_.expires_after(std::exchange(port_waits_, false) ? port_interval
                                                                    : settle_interval);
    takeover_timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (self && !error)
            self->look();
    });
}

/// The connection, be it ours or a predecessor's, is over for good.
void Vhost::forget_connection() {
    takeover_timer_.cancel();
    busy_.clear();
    inherited_luns_.reset();
    inherited_.reset();
    ::unlink(journal_path_.c_str());
}

} // namespace pvscsi::backend
