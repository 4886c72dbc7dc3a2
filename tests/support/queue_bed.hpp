// A queue between a guest played by the test, on our front ring and plain memory, and targets that
// the test controls. The real worker runs it; the test steps in by run().
#pragma once

#include "backend/data_path.hpp"
#include "common/base/unique_fd.hpp"
#include "ring/front_ring.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <map>
#include <optional>
#include <poll.h>
#include <sys/eventfd.h>

namespace pvscsi::test {

using Page = std::array<std::byte, hv::page_size>;

/// The guest's pages by reference; a reference that is not there can't be used.
struct GuestMemory {
    std::map<std::uint32_t, std::unique_ptr<Page>> pages;
    std::map<std::uint32_t, bool> read_only;
    std::size_t calls = 0;   ///< of copy()
    bool dear_calls = false; ///< what the mapper says of them

    Page& page(std::uint32_t ref) {
        auto& place = pages[ref];
        if (!place)
            place = std::make_unique<Page>();
        return *place;
    }
};

class FakeMappedPages final : public hv::MappedPages {
  public:
    explicit FakeMappedPages(Page& page) : page_(page) {}
    std::span<std::byte> bytes() noexcept override { return page_; }

  private:
    Page& page_;
};

class FakeGrants final : public hv::GrantMapper {
  public:
    explicit FakeGrants(GuestMemory& memory) : memory_(memory) {}
    Expected<std::unique_ptr<hv::MappedPages>, hv::GrantStatus> map(std::span<const GrantRef> refs,
                                                                    hv::Access) override {
        if (!memory_.pages.contains(refs[0].value()))
            return unexpected(hv::GrantStatus::bad_ref);
        return std::make_unique<FakeMappedPages>(memory_.page(refs[0].value()));
    }
    std::size_t copy(std::span<hv::GrantCopy> pieces) noexcept override {
        ++memory_.calls;
        std::size_t failed = 0;
        for (auto& piece : pieces) {
            const auto place = memory_.pages.find(piece.ref.value());
            const bool to_peer = piece.direction == hv::GrantCopy::Direction::to_peer;
            if (place == memory_.pages.end() || (to_peer && memory_.read_only[piece.ref.value()])) {
                piece.status = hv::GrantStatus::bad_ref;
                ++failed;
                continue;
            }
            std::byte* const theirs = place->second->data() + piece.offset;
            if (to_peer)
                std::memcpy(theirs, piece.local, piece.length);
            else
                std::memcpy(piece.local, theirs, piece.length);
        }
        return failed;
    }

    bool dear_calls() const noexcept override { return memory_.dear_calls; }

  private:
    GuestMemory& memory_;
};

/// One end of a channel; `peer` is the other end's file.
class FakeChannel final : public hv::EventChannel {
  public:
    FakeChannel(int own, int peer) : own_(own), peer_(peer) {}
    EvtchnPort port() const noexcept override { return EvtchnPort{1}; }
    int fd() const noexcept override { return own_; }
    bool take() noexcept override {
        std::uint64_t count = 0;
        return ::read(own_, &count, sizeof count) == sizeof count;
    }
    void unmask() noexcept override {}
    void notify() noexcept override {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto done = ::write(peer_, &one, sizeof one);
    }

  private:
    int own_, peer_;
};

/// A target that keeps every command until the test ends it.
class HeldTarget final : public backend::Target {
  public:
    backend::Step start(backend::Request& request) noexcept override {
        held.push_back(&request);
        if (request.direction() == ring::Direction::to_device && want_data) {
            request.want_data(request.buffer(request.length()));
            return backend::Step::need_data;
        }
        return backend::Step::pending;
    }
    backend::Step resume(backend::Request&) noexcept override { return backend::Step::pending; }
    void abort(backend::Request& request) noexcept override { aborted.push_back(&request); }
    void reset(std::function<void(bool)> done) noexcept override { resets.push_back(done); }
    void detach() noexcept override { detached = true; }
    void tell(const scsi::Condition& what) noexcept override { told.push_back(what); }
    std::uint8_t device_type() const noexcept override { return type; }

    std::uint8_t type = 0;
    std::vector<scsi::Condition> told;
    bool want_data = false;
    std::deque<backend::Request*> held;
    std::deque<backend::Request*> aborted;
    std::deque<std::function<void(bool)>> resets;
    bool detached = false;
};

class QueueBed {
  public:
    static constexpr std::uint32_t ring_ref = 1000;

    explicit QueueBed(ring::Limits limits = {64, true}, backend::Patience patience = {},
                      backend::Wait wait = backend::Wait::event, bool dear_calls = false)
        : own_(adopt_fd, ::eventfd(0, EFD_NONBLOCK)), guest_(adopt_fd, ::eventfd(0, EFD_NONBLOCK)),
          front(ring::SharedPage(memory.page(ring_ref))), worker("bed", wait) {
        memory.dear_calls = dear_calls;
        serve(limits, patience, backend::Journal::create(journal_path()));
    }
    ~QueueBed() {
        if (!stopped)
            run([&] { queue->stop([] {}); });
        run([&] { queue.reset(), graveyard.clear(); });
        ::unlink(journal_path().c_str());
    }

    static std::string journal_path() {
        return "/dev/shm/pvscsi-test-journal." + std::to_string(::getpid());
    }

    /// The daemon dies: whatever it has is over, and nothing is answered. Its targets are told as
    /// devices are: not at all.
    void die() {
        run([&] {
            queue->stop([] {});
            for (auto& lun : luns.all())
                lun->in_flight = 0;
        });
        graveyard.push_back(std::move(queue));
    }
    /// Another one goes on with what it left.
    void take_over(ring::Limits limits = {64, true}) {
        auto journal = backend::Journal::reopen(journal_path());
        REQUIRE(journal);
        serve(limits, {}, std::move(*journal));
    }

    /// On the worker, between its turns.
    void run(const std::function<void()>& work) { worker.call(work); }

    template <class T = HeldTarget>
    std::shared_ptr<T> add_lun(ring::Address address = {}) {
        auto target = std::make_shared<T>();
        run([&] {
            auto lun = std::make_shared<backend::Lun>();
            lun->address = address;
            lun->target = target;
            REQUIRE(luns.add(std::move(lun)));
        });
        return target;
    }

    static ring::WireRequest request(std::uint16_t tag, std::initializer_list<std::uint8_t> cdb,
                                     ring::WireDirection direction = ring::WireDirection::none,
                                     std::initializer_list<ring::WireSegment> segments = {}) {
        ring::WireRequest wire{};
        wire.rqid = tag;
        wire.act = 1;
        wire.cmd_len = static_cast<std::uint8_t>(cdb.size());
        std::copy(cdb.begin(), cdb.end(), wire.cmnd.begin());
        wire.sc_data_direction = static_cast<std::uint8_t>(direction);
        wire.nr_segments = static_cast<std::uint8_t>(segments.size());
        std::copy(segments.begin(), segments.end(), wire.seg.begin());
        return wire;
    }

    void send(std::initializer_list<ring::WireRequest> requests) {
        for (const auto& wire : requests)
            front.put(wire);
        if (front.publish())
            kick();
    }
    void kick() {
        const std::uint64_t one = 1;
        REQUIRE(::write(own_.get(), &one, sizeof one) == sizeof one);
    }

    /// The next response; sleeps for it like a frontend. Nothing if none comes within `patience`.
    std::optional<ring::WireResponse>
    response(std::chrono::milliseconds patience = std::chrono::seconds(20)) {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        for (;;) {
            front.arm();
            const auto waiting = front.available();
            REQUIRE(waiting);
            if (*waiting > 0) {
                ring::WireResponse out;
                front.take(out);
                return out;
            }
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                deadline - std::chrono::steady_clock::now());
            pollfd event{guest_.get(), POLLIN, 0};
            if (left.count() < 0 || ::poll(&event, 1, static_cast<int>(left.count())) <= 0)
                return {};
            std::uint64_t count = 0;
            [[maybe_unused]] const auto taken = ::read(guest_.get(), &count, sizeof count);
        }
    }
    /// No response is there and none comes while the worker goes through its loop.
    bool silent() {
        run([] {});
        run([] {});
        return front.available().value_or(1) == 0;
    }

  private:
    void serve(ring::Limits limits, backend::Patience patience,
               std::unique_ptr<backend::Journal> journal) {
        run([&] {
            backend::Connection connection;
            connection.grants = std::make_unique<FakeGrants>(memory);
            connection.ring_page = std::make_unique<FakeMappedPages>(memory.page(ring_ref));
            connection.journal = std::move(journal);
            connection.channel = std::make_unique<FakeChannel>(own_.get(), guest_.get());
            queue = std::make_shared<backend::Queue>(
                worker, luns, limits, std::move(connection),
                [this](std::string reason) {
                    fault = std::move(reason);
                    ++faults;
                },
                patience);
            queue->start();
        });
    }

    UniqueFd own_, guest_;

  public:
    GuestMemory memory;
    ring::FrontRing front;
    backend::LunMap luns;
    std::string fault;
    unsigned faults = 0;
    bool stopped = false;
    backend::Worker worker;
    std::shared_ptr<backend::Queue> queue;
    std::vector<std::shared_ptr<backend::Queue>> graveyard;
};

} // namespace pvscsi::test
