#include "tests/hostile/guest.hpp"

#include <cstring>
#include <poll.h>

namespace pvscsi::hostile {

using ring::PageLayout;
using ring::WireAction;
using ring::WireDirection;
using ring::WireRequest;
using ring::WireResponse;
using xenbus::State;

Guest::Guest(Machine& machine, const Vhost& vhost)
    : machine_(machine), vhost_(vhost),
      hypervisor_(hv::open_hypervisor({machine.host_dir(), vhost.guest})),
      store_(hypervisor_->open_store()), sharer_(hypervisor_->open_grant_sharer()),
      data_(share(data_pages, hv::Access::read_write)) {}

std::unique_ptr<hv::SharedPages> Guest::share(std::size_t pages, hv::Access access, DomId with) {
    auto shared = sharer_->share(with, pages, access);
    expect(shared.has_value(), "a guest can grant pages");
    return std::move(*shared);
}

Result<void> Guest::set(const std::string& node, const std::string& value) {
    return store_->write(vhost_.frontend + "/" + node, value);
}

void Guest::make_ring(hv::Access access) {
    channel_.reset();
    ring_ = share(1, access);
    auto channel = hypervisor_->alloc_unbound(DomId{0});
    expect(channel.has_value(), "a guest can allocate an event channel");
    channel_ = std::move(*channel);
    produced_ = consumed_ = 0;
    store_index(PageLayout::req_event, 1);
    store_index(PageLayout::rsp_event, 1);
}

void Guest::announce() {
    set("ring-ref", std::to_string(ring_ref().value()));
    set("event-channel", std::to_string(channel_->port().value()));
    set_state(State::initialised);
}

void Guest::connect() {
    make_ring();
    announce();
    machine_.wait_for_backend(vhost_, State::connected);
    be_connected();
}

/// Returns when the backend has seen it: it compares the ring's reference with the one that it
/// serves when it learns of a new state, and not later.
void Guest::be_connected() {
    set_state(State::connected);
    machine_.wait_until("the backend has seen its guest connected", [&] {
        return machine_.backend_state(vhost_) != State::connected ||
               machine_.unit_state(vhost_) == State::connected;
    });
}

void Guest::disconnect() {
    set_state(State::closing);
    machine_.wait_until("the backend follows a closing frontend",
                        [&] { return machine_.backend_has_ended(vhost_); });
    settle();
}

bool Guest::try_to_connect() {
    make_ring();
    announce();
    bool connected = false;
    machine_.wait_until("the backend of " + vhost_.name + " connects or closes", [&] {
        const State state = machine_.backend_state(vhost_);
        connected = state == State::connected;
        return connected || state == State::closing;
    });
    if (connected)
        be_connected();
    return connected;
}

void Guest::recover() {
    // What the backend is still doing about the states before may end an attempt or two.
    for (int attempt = 0; attempt < 10; ++attempt) {
        settle();
        if (try_to_connect())
            return;
    }
    throw Broken("the backend connects again");
}

void Guest::be_thrown_out(const std::string& attack) {
    machine_.wait_until("the backend closes after " + attack,
                        [&] { return machine_.backend_has_ended(vhost_); });
    expect(!machine_.error(vhost_).empty(), "there is a reason in B/error after " + attack);
    settle();
}

void Guest::settle() {
    set_state(State::closed);
    machine_.wait_until("the backend is closed or offers anew", [&] {
        const State state = machine_.backend_state(vhost_);
        return state == State::closed || state == State::init_wait;
    });
    set_state(State::initialising);
    machine_.wait_for_backend(vhost_, State::init_wait);
}

namespace {
std::atomic_ref<std::uint32_t> word(std::span<std::byte> page, std::size_t offset) {
    return std::atomic_ref<std::uint32_t>(*reinterpret_cast<std::uint32_t*>(page.data() + offset));
}
std::byte* slot(std::span<std::byte> page, std::uint32_t index) {
    return page.data() + PageLayout::entries + index % ring::ring_size * PageLayout::entry_size;
}
} // namespace

std::uint32_t Guest::load(std::size_t offset) {
    return word(ring_bytes(), offset).load();
}

void Guest::store_index(std::size_t offset, std::uint32_t value) {
    word(ring_bytes(), offset).store(value);
}

void Guest::put(const WireRequest& request) {
    std::memcpy(slot(ring_bytes(), produced_++), &request, sizeof request);
}

void Guest::publish() {
    store_index(PageLayout::req_prod, produced_);
    kick();
}

void Guest::send(const WireRequest& request) {
    put(request);
    publish();
}

std::optional<WireResponse> Guest::take() {
    if (load(PageLayout::rsp_prod) == consumed_)
        return {};
    expect(load(PageLayout::rsp_prod) - consumed_ <= owed(), "no response without a request");
    WireResponse response;
    std::memcpy(&response, slot(ring_bytes(), consumed_++), sizeof response);
    return response;
}

WireResponse Guest::receive() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    for (;;) {
        if (const auto response = take())
            return *response;
        expect(std::chrono::steady_clock::now() < deadline, "a response comes in time");
        store_index(PageLayout::rsp_event, consumed_ + 1);
        channel_->unmask();
        if (load(PageLayout::rsp_prod) != consumed_)
            continue;
        // An attack may have spoilt the event index: look again without an event, too.
        pollfd event{channel_->fd(), POLLIN, 0};
        ::poll(&event, 1, 20);
        channel_->take();
    }
}

WireResponse Guest::ask(const WireRequest& request) {
    send(request);
    return receive();
}

WireRequest Guest::cdb(std::span<const std::uint8_t> bytes, WireDirection direction) {
    WireRequest request{};
    request.rqid = ++tag_;
    request.act = static_cast<std::uint8_t>(WireAction::cdb);
    request.cmd_len = static_cast<std::uint8_t>(bytes.size());
    std::memcpy(request.cmnd.data(), bytes.data(), bytes.size());
    request.sc_data_direction = static_cast<std::uint8_t>(direction);
    return request;
}

WireRequest Guest::transfer(std::uint8_t opcode, std::uint32_t lba, unsigned blocks,
                            std::size_t page) {
    const std::uint8_t bytes[10] = {opcode,
                                    0,
                                    static_cast<std::uint8_t>(lba >> 24),
                                    static_cast<std::uint8_t>(lba >> 16),
                                    static_cast<std::uint8_t>(lba >> 8),
                                    static_cast<std::uint8_t>(lba),
                                    0,
                                    static_cast<std::uint8_t>(blocks >> 8),
                                    static_cast<std::uint8_t>(blocks),
                                    0};
    WireRequest request =
        cdb(bytes, opcode == 0x28 ? WireDirection::from_device : WireDirection::to_device);
    for (unsigned left = blocks * 512; left > 0;) {
        const unsigned length = std::min(left, 4096u);
        request.seg.at(request.nr_segments++) = {ref(page++).value(), 0,
                                                 static_cast<std::uint16_t>(length)};
        left -= length;
    }
    return request;
}

WireRequest Guest::read(std::uint32_t lba, unsigned blocks, std::size_t page) {
    return transfer(0x28, lba, blocks, page);
}

WireRequest Guest::write(std::uint32_t lba, unsigned blocks, std::size_t page) {
    return transfer(0x2a, lba, blocks, page);
}

WireRequest Guest::test_unit_ready() {
    const std::uint8_t bytes[6] = {};
    return cdb(bytes, WireDirection::none);
}

WireRequest Guest::manage(WireAction action, std::uint16_t victim) {
    WireRequest request = test_unit_ready();
    request.act = static_cast<std::uint8_t>(action);
    request.ref_rqid = victim;
    return request;
}

void Guest::prove_service() {
    // Unit attentions, and a unit that an attack has stopped, are none of our business.
    const std::uint8_t start[6] = {0x1b, 0, 0, 0, 1, 0};
    for (int i = 0; i < 4; ++i)
        ask(cdb(start, WireDirection::none));
    const auto bytes = memory();
    for (std::size_t i = 0; i < 8192; ++i)
        bytes[i] = static_cast<std::byte>(i * 7 + tag_);
    const std::vector<std::byte> sent(bytes.begin(), bytes.begin() + 8192);
    expect(good(ask(write(64, 16, 0))), "a sound write succeeds");
    expect(good(ask(read(64, 16, 8))), "a sound read succeeds");
    expect(std::memcmp(bytes.data() + 8 * hv::page_size, sent.data(), sent.size()) == 0,
           "what was written is read back");
}

} // namespace pvscsi::hostile
