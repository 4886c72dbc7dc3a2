#include "tests/support/mock_backend.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace pvscsi::test {

ring::WireResponse good(const ring::WireRequest& request) {
    if (request.act != static_cast<std::uint8_t>(ring::WireAction::cdb))
        return ring::make_task_management_response(ring::tag_of(request), ring::Action::abort,
                                                   true);
    return ring::make_response(ring::tag_of(request), 0, 0, {}, 0);
}

MockBackend::MockBackend(FakeHost& host, unsigned device)
    : answer(good), front(xenbus::frontend_path(guest_domain, DevId{device})),
      back(xenbus::backend_path(backend_domain, guest_domain, DevId{device})), host_(host),
      hypervisor_(host, backend_domain), store_(std::make_unique<FakeStore>(host)),
      mapper_(hypervisor_.open_grant_mapper(guest_domain)) {
    store_->hook = [this](const hv::WatchEvent&) {
        if (alive)
            follow();
    };
    (void)store_->watch(front + "/state", "");
}

void MockBackend::create_vhost(const std::vector<std::string>& luns) {
    set("/frontend", front);
    set("/online", "1");
    for (unsigned i = 0; i < luns.size(); ++i)
        set_lun(i, luns[i], State::initialising);
    set_state(State::init_wait);
    host_.set(front + "/backend", back);
    host_.set(front + "/backend-id", "0");
    host_.set(front + "/state", "1");
}

void MockBackend::remove_vhost() {
    set("/online", "0");
    set_state(State::closing);
}

void MockBackend::set_lun(unsigned number, const std::string& address, State state) {
    const std::string device = "/vscsi-devs/dev-" + std::to_string(number);
    set(device + "/v-dev", address);
    set(device + "/state", xenbus::to_node(state));
}

void MockBackend::look() {
    if (!ring_ || looking_)
        return;
    looking_ = true;
    do {
        const unsigned count = ring_->available().value_or(0);
        for (unsigned i = 0; i < count; ++i)
            ring_->take(requests.emplace_back());
        while (serving && !requests.empty())
            respond(answer(next_request()));
        ring_->arm();
    } while (ring_->available().value_or(0) > 0);
    looking_ = false;
}

void MockBackend::respond(const ring::WireResponse& response) {
    ring_->put(response);
    if (ring_->publish())
        channel_->notify();
}

ring::WireRequest MockBackend::next_request() {
    if (requests.empty())
        throw std::runtime_error("no request has come");
    const ring::WireRequest request = requests.front();
    requests.pop_front();
    return request;
}

void MockBackend::set_state(State state) {
    set("/state", xenbus::to_node(state));
}
void MockBackend::set(const std::string& node, const std::string& value) {
    host_.set(back + node, value);
}
MockBackend::State MockBackend::front_state() const {
    return xenbus::state_from_node(host_.get(front + "/state")).value_or(State::unknown);
}
std::string MockBackend::lun_state(unsigned number) const {
    return host_.get(front + "/vscsi-devs/dev-" + std::to_string(number) + "/state");
}

void MockBackend::follow() {
    const auto state = xenbus::state_from_node(host_.get(back + "/state"));
    switch (front_state()) {
    case State::initialising:
        if (state == State::closed && invites)
            set_state(State::init_wait);
        break;
    case State::initialised:
        if (!ring_) {
            connect();
            devices(State::initialising, State::initialised);
            set_state(State::connected);
        }
        break;
    case State::connected:
        devices(State::initialised, State::connected);
        if (state == State::reconfigured)
            set_state(State::connected);
        break;
    case State::reconfiguring:
        if (state == State::reconfiguring) {
            devices(State::initialising, State::initialised);
            devices(State::closing, State::closed);
            set_state(State::reconfigured);
        }
        break;
    case State::closing:
        disconnect();
        set_state(State::closing);
        break;
    case State::closed:
        disconnect();
        if (state != State::closed)
            set_state(State::closed);
        break;
    default:
        break;
    }
}

void MockBackend::devices(State from, State to) {
    const auto names = store_->list(back + "/vscsi-devs", hv::no_transaction);
    for (const std::string& name : names.value_or(std::vector<std::string>{})) {
        const std::string node = "/vscsi-devs/" + name + "/state";
        if (host_.get(back + node) == xenbus::to_node(from))
            set(node, xenbus::to_node(to));
    }
}

void MockBackend::connect() {
    const GrantRef ref{static_cast<std::uint32_t>(std::stoul(host_.get(front + "/ring-ref")))};
    page_ = std::move(*mapper_->map({&ref, 1}, hv::Access::read_write));
    const EvtchnPort port{
        static_cast<std::uint32_t>(std::stoul(host_.get(front + "/event-channel")))};
    auto channel = hypervisor_.bind_interdomain(guest_domain, port);
    channel_.reset(static_cast<FakeChannel*>(channel->release()));
    channel_->hook = [this] { look(); };
    ring_.emplace(ring::SharedPage(page_->bytes()));
    ++connections;
}

void MockBackend::disconnect() {
    if (ring_ && serving)
        look();
    die();
}

void MockBackend::die() {
    ring_.reset();
    channel_.reset();
    page_.reset();
    requests.clear();
}

void MockBackend::store_index(std::size_t offset, std::uint32_t value) {
    std::memcpy(page() + offset, &value, sizeof value);
}

std::vector<ring::WireSegment> MockBackend::segments(const ring::WireRequest& request) {
    const unsigned count = request.nr_segments & 0x7fu;
    const std::vector<ring::WireSegment> listed(request.seg.begin(), request.seg.begin() + count);
    if ((request.nr_segments & ring::indirect_flag) == 0)
        return listed;
    std::vector<ring::WireSegment> all;
    for (const ring::WireSegment& page : listed) {
        std::vector<ring::WireSegment> described(page.length / sizeof(ring::WireSegment));
        hv::GrantCopy copy{GrantRef{page.gref}, page.offset,
                           page.length,         hv::GrantCopy::Direction::from_peer,
                           hv::GrantStatus::ok, reinterpret_cast<std::byte*>(described.data())};
        if (mapper_->copy({&copy, 1}) != 0)
            throw std::runtime_error("a descriptor page is not granted");
        all.insert(all.end(), described.begin(), described.end());
    }
    return all;
}

std::string MockBackend::read_data(const ring::WireRequest& request) {
    std::string data;
    for (const ring::WireSegment& segment : segments(request)) {
        std::string piece(segment.length, '\0');
        hv::GrantCopy copy{GrantRef{segment.gref}, segment.offset,
                           segment.length,         hv::GrantCopy::Direction::from_peer,
                           hv::GrantStatus::ok,    reinterpret_cast<std::byte*>(piece.data())};
        if (mapper_->copy({&copy, 1}) != 0)
            throw std::runtime_error("a data page is not granted");
        data += piece;
    }
    return data;
}

void MockBackend::write_data(const ring::WireRequest& request, const std::string& data) {
    std::size_t done = 0;
    for (const ring::WireSegment& segment : segments(request)) {
        std::string piece = data.substr(done, segment.length);
        if (piece.empty())
            break;
        hv::GrantCopy copy{GrantRef{segment.gref},
                           segment.offset,
                           static_cast<std::uint16_t>(piece.size()),
                           hv::GrantCopy::Direction::to_peer,
                           hv::GrantStatus::ok,
                           reinterpret_cast<std::byte*>(piece.data())};
        if (mapper_->copy({&copy, 1}) != 0)
            throw std::runtime_error("a data page is not granted for writing");
        done += piece.size();
    }
}

} // namespace pvscsi::test
