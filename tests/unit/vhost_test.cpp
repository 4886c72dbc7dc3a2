// The backend's xenbus state machine against a real store: the test is the toolstack and the
// guest's frontend, the targets hold what they are given.
#include "backend/registry.hpp"
#include "tests/support/queue_bed.hpp"
#include "tests/support/store_host.hpp"

#include <filesystem>

using namespace pvscsi;
using namespace pvscsi::backend;
using xenbus::State;

namespace {

constexpr DomId guest{7};
std::vector<std::weak_ptr<test::HeldTarget>> opened; // in order, by make_target()
std::vector<std::string> serials;
unsigned refusals;   // of make_target()
unsigned busy_opens; // that make_target() refuses yet
unsigned busy_looks; // that find a target busy yet

class OpenedTarget final : public Target {
  public:
    explicit OpenedTarget(std::shared_ptr<test::HeldTarget> held) : held_(std::move(held)) {}
    Step start(Request& request) noexcept override { return held_->start(request); }
    Step resume(Request& request) noexcept override { return held_->resume(request); }
    void abort(Request& request) noexcept override { held_->abort(request); }
    void detach() noexcept override { held_->detach(); }
    bool busy_elsewhere() noexcept override { return busy_looks > 0 && busy_looks-- > 0; }
    std::uint8_t device_type() const noexcept override { return 0; }

  private:
    std::shared_ptr<test::HeldTarget> held_;
};

/// Counts the round trips that vhosts make.
class CountingStore final : public hv::XsStore {
  public:
    explicit CountingStore(const std::string& socket) : XsStore(socket) {}
    Result<std::string> read(const std::string& path, hv::StoreTxn txn) override {
        ++round_trips;
        return XsStore::read(path, txn);
    }
    Result<std::vector<std::string>> list(const std::string& path, hv::StoreTxn txn) override {
        ++round_trips;
        return XsStore::list(path, txn);
    }
    static inline unsigned round_trips = 0;
};

class FakeHypervisor final : public hv::Hypervisor {
  public:
    FakeHypervisor(const test::StoreHost& host, test::GuestMemory& memory)
        : host_(host), memory_(memory) {}
    DomId self() const override { return DomId{0}; }
    std::unique_ptr<hv::Store> open_store() override {
        return std::make_unique<CountingStore>(host_.socket());
    }
    std::unique_ptr<hv::GrantMapper> open_grant_mapper(DomId) override {
        return std::make_unique<test::FakeGrants>(memory_);
    }
    std::unique_ptr<hv::GrantSharer> open_grant_sharer() override { return nullptr; }
    Result<std::unique_ptr<hv::EventChannel>> alloc_unbound(DomId) override {
        return unexpected_errno(ENOSYS);
    }
    Result<std::unique_ptr<hv::EventChannel>> bind_interdomain(DomId, EvtchnPort port) override {
        if (port != EvtchnPort{5})
            return unexpected_errno(EINVAL);
        return std::make_unique<test::FakeChannel>(daemon_end.get(), guest_end.get());
    }

    UniqueFd daemon_end{adopt_fd, ::eventfd(0, EFD_NONBLOCK)};
    UniqueFd guest_end{adopt_fd, ::eventfd(0, EFD_NONBLOCK)};

  private:
    const test::StoreHost& host_;
    test::GuestMemory& memory_;
};

class Bed {
  public:
    const std::string b = "/local/domain/0/backend/vscsi/7/0";
    const std::string f = "/local/domain/7/device/vscsi/0";

    Bed() {
        opened.clear();
        serials.clear();
        busy_opens = busy_looks = 0;
        host.add_guest(guest);
        workers.push_back(std::make_unique<Worker>("bed", Wait::event));
    }
    ~Bed() { stop_daemon(); }

    void start_daemon() {
        store_of_daemon = hypervisor.open_store();
        around.emplace(Surroundings{control,
                                    hypervisor,
                                    *store_of_daemon,
                                    {64, true},
                                    host.directory().string(),
                                    &settings});
        registry = std::make_unique<Registry>(*around, workers, [this] { store_lost = true; });
    }
    /// As a daemon does for SIGTERM.
    void hand_over() {
        bool quiet = false;
        registry->hand_over([&] { quiet = true; });
        until([&] { return quiet; });
        registry.reset();
        control.restart();
    }
    [[nodiscard]] std::string journal() const { return host.directory().string() + "/7-0.ring"; }
    void stop_daemon() {
        if (!registry)
            return;
        bool closed = false;
        registry->close([&] { closed = true; });
        for (const auto& target : opened)
            end_held(target);
        until([&] { return closed; });
        registry.reset();
        control.restart();
    }
    std::size_t held(std::size_t lun) {
        std::size_t count = 0;
        workers[0]->call([&] {
            if (const auto target = opened[lun].lock())
                count = target->held.size();
        });
        return count;
    }
    void end_held(const std::weak_ptr<test::HeldTarget>& opened_target) {
        workers[0]->call([&] {
            const auto target = opened_target.lock();
            while (target && !target->held.empty()) {
                target->held.front()->finish();
                target->held.pop_front();
            }
        });
    }

    void create(std::initializer_list<std::pair<std::string, std::string>> luns,
                const std::string& state = "2") {
        unsigned n = 0;
        for (const auto& [vdev, pdev] : luns)
            add_lun("dev-" + std::to_string(n++), vdev, pdev);
        put(b + "/online", "1");
        put(f + "/state", "1");
        put(b + "/state", state);
    }
    void add_lun(const std::string& name, const std::string& vdev, const std::string& pdev) {
        put(dev(name, "p-dev"), pdev);
        put(dev(name, "v-dev"), vdev);
        put(dev(name, "state"), "1");
    }
    void offer_ring(const std::string& ref = "1000", const std::string& port = "5") {
        // Between two turns of the worker, which may serve an earlier ring on the same page.
        workers[0]->call([&] {
            memory.page(1000).fill({});
            front.emplace(ring::SharedPage(memory.page(1000)));
        });
        put(f + "/ring-ref", ref);
        put(f + "/event-channel", port);
        put(f + "/state", "3");
    }
    void connect() {
        offer_ring();
        until([&] { return get(b + "/state") == "4"; });
        put(f + "/state", "4");
    }

    std::string dev(const std::string& name, const std::string& node) const {
        return b + "/vscsi-devs/" + name + "/" + node;
    }
    void put(const std::string& path, const std::string& value) {
        REQUIRE(store.write(path, value));
    }
    std::string get(const std::string& path) { return store.read(path).value_or("-"); }

    /// Runs the daemon's control thread until `reached`.
    void until(const std::function<bool()>& reached) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!reached()) {
            if (std::chrono::steady_clock::now() > deadline)
                FAIL("waited too long");
            control.restart();
            control.run_one_for(std::chrono::milliseconds(5));
        }
    }
    void expect(const std::string& path, const std::string& value) {
        INFO(path << " expected " << value << " is " << get(path));
        until([&] { return get(path) == value; });
    }
    /// Lets the daemon do what it has to do now.
    void settle() {
        for (int i = 0; i < 20; ++i) {
            control.restart();
            control.run_one_for(std::chrono::milliseconds(5));
        }
    }
    void send(const ring::WireRequest& wire) {
        front->put(wire);
        if (front->publish()) {
            const std::uint64_t one = 1;
            REQUIRE(::write(hypervisor.daemon_end.get(), &one, sizeof one) == sizeof one);
        }
    }

    test::StoreHost host;
    hv::XsStore store = host.connect();
    test::GuestMemory memory;
    FakeHypervisor hypervisor{host, memory};
    std::optional<ring::FrontRing> front;
    boost::asio::io_context control{1};
    std::vector<std::unique_ptr<Worker>> workers;
    std::unique_ptr<hv::Store> store_of_daemon;
    config::Settings settings;
    std::optional<Surroundings> around;
    std::unique_ptr<Registry> registry;
    bool store_lost = false;
};

} // namespace

namespace pvscsi::backend {
std::unique_ptr<Target> make_target(const LunConfig& config) {
    if (config.pdev == "broken" && ++refusals > 0)
        throw std::runtime_error("no such backing");
    if (busy_opens > 0 && busy_opens-- > 0)
        throw std::system_error(EBUSY, std::generic_category(), "in use");
    auto held = std::make_shared<test::HeldTarget>();
    opened.push_back(held);
    serials.push_back(config.serial);
    return std::make_unique<OpenedTarget>(std::move(held));
}
} // namespace pvscsi::backend

TEST_CASE("a vhost connects: units at 3 before the backend is at 4, at 4 with the frontend") {
    Bed bed;
    bed.create({{"0:0:0:0", "x"}, {"0:0:1:5", "y"}});
    bed.start_daemon();
    bed.expect(bed.dev("dev-1", "state"), "3");
    CHECK(bed.get(bed.b + "/feature-sg-grant") == "64");
    CHECK(bed.get(bed.b + "/state") == "2");
    bed.offer_ring();
    bed.expect(bed.b + "/state", "4");
    CHECK(bed.get(bed.dev("dev-0", "state")) == "3");
    CHECK(bed.get(bed.dev("dev-1", "state")) == "3");
    // Served although the frontend is at 3 still.
    bed.send(test::QueueBed::request(1, {0, 0, 0, 0, 0, 0}));
    bed.until([&] { return bed.held(0) == 1; });
    bed.put(bed.f + "/state", "4");
    bed.expect(bed.dev("dev-0", "state"), "4");
    bed.expect(bed.dev("dev-1", "state"), "4");
    CHECK(serials[0] != serials[1]);
}

TEST_CASE("a frontend that waits at Initialised when the daemon comes is served") {
    Bed bed;
    bed.create({{"0:0:0:0", "x"}}, GENERATE("1", "2"));
    bed.offer_ring();
    bed.start_daemon();
    bed.expect(bed.b + "/state", "4");
}

TEST_CASE("a vhost that appears while the daemon runs is found, and forgotten when removed") {
    Bed bed;
    bed.start_daemon();
    bed.create({{"0:0:0:0", "x"}});
    bed.expect(bed.b + "/feature-sg-grant", "64");
    bed.connect();
    REQUIRE(bed.store.remove(bed.b));
    bed.until([&] { return opened[0].expired(); });
}

TEST_CASE("a unit that can't be opened fails alone, with the reason in its node") {
    Bed bed;
    bed.create({{"0:0:0:0", "broken"}, {"0:0:0:1", "x"}, {"0:0:0:1", "x"}, {"nonsense", "x"}});
    bed.start_daemon();
    bed.connect();
    bed.expect(bed.dev("dev-1", "state"), "4");
    CHECK(bed.get(bed.dev("dev-0", "state")) == "6");
    CHECK(bed.get(bed.dev("dev-0", "error")) == "no such backing");
    CHECK(bed.get(bed.dev("dev-2", "state")) == "6");
    CHECK(bed.get(bed.dev("dev-2", "error")).find("taken by dev-1") != std::string::npos);
    CHECK(bed.get(bed.dev("dev-3", "state")) == "6");
    CHECK(bed.get(bed.dev("dev-3", "error")).find("HOST:CHANNEL:TARGET:LUN") != std::string::npos);

    // It is tried again with the next connection.
    bed.put(bed.dev("dev-0", "p-dev"), "x");
    bed.put(bed.f + "/state", "6");
    bed.expect(bed.b + "/state", "6");
    bed.put(bed.f + "/state", "1");
    bed.expect(bed.dev("dev-0", "state"), "3");
    CHECK(bed.get(bed.dev("dev-0", "error")) == "-");
}

TEST_CASE("units are added and removed while the others are served") {
    Bed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");

    bed.add_lun("dev-1", "0:0:0:1", "y");
    bed.put(bed.b + "/state", "7");
    bed.settle();
    CHECK(bed.get(bed.dev("dev-1", "state")) == "1"); // the frontend's turn
    bed.put(bed.f + "/state", "7");
    bed.expect(bed.b + "/state", "8");
    CHECK(bed.get(bed.dev("dev-1", "state")) == "3");
    bed.put(bed.f + "/state", "4");
    bed.expect(bed.b + "/state", "4");
    CHECK(bed.get(bed.dev("dev-1", "state")) == "4");

    bed.put(bed.dev("dev-0", "state"), "5");
    bed.put(bed.b + "/state", "7");
    bed.settle();
    CHECK_FALSE(opened[0].expired()); // served until the frontend is at 7
    bed.put(bed.f + "/state", "7");
    bed.expect(bed.b + "/state", "8");
    CHECK(bed.get(bed.dev("dev-0", "state")) == "6");
    bed.until([&] { return opened[0].expired(); });
    CHECK_FALSE(opened[1].expired());
    bed.put(bed.f + "/state", "4");
    bed.expect(bed.b + "/state", "4");
}

TEST_CASE("a unit whose nodes are gone is no more served, whatever the frontend says") {
    const std::string frontend_state = GENERATE("3", "4", "7");
    Bed bed;
    bed.create({{"0:0:0:0", "x"}, {"0:0:0:1", "y"}});
    bed.start_daemon();
    bed.offer_ring();
    bed.expect(bed.b + "/state", "4");
    if (frontend_state != "3") {
        bed.put(bed.f + "/state", "4");
        bed.expect(bed.dev("dev-0", "state"), "4");
        bed.put(bed.f + "/state", frontend_state);
    }
    REQUIRE(bed.store.remove(bed.b + "/vscsi-devs/dev-0"));
    bed.until([&] { return opened[0].expired(); });
    CHECK_FALSE(opened[1].expired());
    CHECK(bed.get(bed.b + "/state") == "4");
}

TEST_CASE("a look at a connected vhost costs the same whatever number of units it has") {
    const auto cost = [](unsigned units) {
        Bed bed;
        for (unsigned i = 0; i < units; ++i)
            bed.add_lun("dev-" + std::to_string(i), "0:0:0:" + std::to_string(i), "x");
        bed.create({});
        bed.start_daemon();
        bed.connect();
        for (unsigned i = 0; i < units; ++i)
            bed.expect(bed.dev("dev-" + std::to_string(i), "state"), "4");
        bed.settle();
        const unsigned before = CountingStore::round_trips;
        bed.put(bed.f + "/state", "4");
        bed.settle();
        return CountingStore::round_trips - before;
    };
    const unsigned one = cost(1);
    CHECK(one > 0);
    CHECK(cost(12) == one);
}

TEST_CASE("closing waits for the devices, and the frontend can come back") {
    Bed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
    bed.send(test::QueueBed::request(1, {0, 0, 0, 0, 0, 0}));
    bed.until([&] { return bed.held(0) == 1; });

    SECTION("by way of Closing") {
        bed.put(bed.f + "/state", "5");
    }
    SECTION("at once") {
        bed.put(bed.f + "/state", "6");
    }
    bed.expect(bed.b + "/state", "5");
    bed.put(bed.f + "/state", "6");
    bed.settle();
    CHECK(bed.get(bed.b + "/state") == "5");
    bed.end_held(opened[0]);
    bed.expect(bed.b + "/state", "6");

    bed.put(bed.f + "/state", "1");
    bed.expect(bed.b + "/state", "2");
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
    CHECK(opened.size() == 1);
}

TEST_CASE("a frontend bound again goes from 6 to 3, faster than the daemon looks") {
    Bed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
    bed.put(bed.f + "/state", "6");
    bed.offer_ring();
    bed.until([&] { return bed.get(bed.dev("dev-0", "state")) == "3"; });
    bed.expect(bed.b + "/state", "4");
    bed.send(test::QueueBed::request(9, {0, 0, 0, 0, 0, 0}));
    bed.until([&] { return bed.held(0) == 1; });
}

TEST_CASE("a daemon that comes after a dead one ends what it can't go on with, and offers anew") {
    Bed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
    bed.put(bed.b + "/state", "4");
    bed.stop_daemon();
    bed.put(bed.b + "/state", "4"); // as if it had been killed
    bed.start_daemon();
    bed.expect(bed.b + "/state", "5");
    CHECK(bed.get(bed.b + "/error").find("restarted") != std::string::npos);
    // What is in flight will never be answered: the frontend hears of it and need not wait.
    bed.expect(bed.b + "/state", "6");
    bed.settle();
    CHECK(bed.get(bed.b + "/state") == "6");
    bed.put(bed.f + "/state", "6");
    bed.expect(bed.b + "/state", "2");
    bed.put(bed.f + "/state", "1");
    bed.settle();
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
    CHECK(bed.get(bed.b + "/error") == "-");
}

TEST_CASE("a daemon that comes after another one goes on with the connection") {
    Bed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
    bed.hand_over();
    CHECK(bed.get(bed.b + "/state") == "4");
    bed.send(test::QueueBed::request(9, {0, 0, 0, 0, 0, 0})); // while none is there

    SECTION("as if nothing had been") {
        bed.start_daemon();
        bed.until([&] { return opened.size() == 2 && bed.held(1) == 1; });
        CHECK(bed.get(bed.b + "/state") == "4");
        CHECK(bed.get(bed.dev("dev-0", "state")) == "4");
    }
    SECTION("once what the other one had open is free") {
        busy_opens = 3;
        bed.start_daemon();
        bed.until([&] { return opened.size() == 2 && bed.held(1) == 1; });
        CHECK(busy_opens == 0);
        CHECK(bed.get(bed.dev("dev-0", "state")) == "4");
    }
    SECTION("once the other one's commands have left the device") {
        busy_looks = 3;
        bed.start_daemon();
        bed.until([&] { return opened.size() == 2 && bed.held(1) == 1; });
        CHECK(busy_looks == 0);
    }
    SECTION("and closes it if the ring is not the same one") {
        bed.offer_ring(); // the guest started anew meanwhile
        bed.put(bed.f + "/state", "4");
        bed.start_daemon();
        bed.expect(bed.b + "/state", "5");
        CHECK(bed.get(bed.b + "/error").find("another ring") != std::string::npos);
    }
    SECTION("and connects to the new ring of a frontend that was bound again meanwhile") {
        bed.offer_ring();
        bed.start_daemon();
        bed.until([&] { return bed.get(bed.dev("dev-0", "state")) == "3"; });
        bed.expect(bed.b + "/state", "4");
        bed.send(test::QueueBed::request(9, {0, 0, 0, 0, 0, 0}));
        bed.until([&] { return opened.size() == 2 && bed.held(1) == 1; });
    }
    SECTION("and a frontend that starts anew waits for what the other one still has open") {
        bed.put(bed.f + "/state", "1");
        busy_opens = 5;
        bed.start_daemon();
        bed.expect(bed.b + "/state", "2");
        bed.offer_ring();
        bed.expect(bed.b + "/state", "4");
        CHECK(busy_opens == 0);
        CHECK(bed.get(bed.dev("dev-0", "state")) == "3");
    }
    SECTION("but not if the frontend has left meanwhile") {
        bed.put(bed.f + "/state", "6");
        bed.start_daemon();
        bed.expect(bed.b + "/state", "6");
        CHECK(!std::filesystem::exists(bed.journal()));
    }
    SECTION("and keeps no journal of vhosts that went meanwhile") {
        CHECK(std::filesystem::exists(bed.journal()));
        REQUIRE(bed.store.remove(bed.b));
        bed.start_daemon();
        CHECK(!std::filesystem::exists(bed.journal()));
    }
}

TEST_CASE("what the toolstack takes offline stays closed") {
    Bed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.connect();
    bed.put(bed.b + "/online", "0");
    bed.put(bed.b + "/state", "5");
    bed.settle();
    bed.put(bed.f + "/state", "6");
    bed.expect(bed.b + "/state", "6");
    bed.settle();
    CHECK(bed.get(bed.b + "/state") == "6");
}

TEST_CASE("an endpoint that can't be used ends that connection with the reason") {
    const auto [ref, port, reason] = GENERATE(
        table<std::string, std::string, std::string>({{"", "5", "ring-ref"},
                                                      {"-1", "5", "ring-ref"},
                                                      {"4294967296", "5", "ring-ref"},
                                                      {"1000x", "5", "ring-ref"},
                                                      {std::string(1500, '9'), "5", "ring-ref"},
                                                      {"77", "5", "no such grant"},
                                                      {"1000", "", "event-channel"},
                                                      {"1000", "0x5", "event-channel"},
                                                      {"1000", "6", "event-channel"}}));
    Bed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.offer_ring(ref, port);
    bed.expect(bed.b + "/state", "5");
    CHECK(bed.get(bed.b + "/error").find(reason) != std::string::npos);
    CHECK(bed.get(bed.b + "/error").size() < 300);
    bed.put(bed.f + "/state", "6");
    bed.expect(bed.b + "/state", "2");
    bed.put(bed.f + "/state", "1");
    bed.settle();
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
}

TEST_CASE("a ring fault disconnects that guest, with the reason") {
    Bed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.connect();
    const std::uint32_t mad = 1000;
    bed.workers[0]->call([&] { std::memcpy(bed.memory.page(1000).data(), &mad, sizeof mad); });
    const std::uint64_t one = 1;
    REQUIRE(::write(bed.hypervisor.daemon_end.get(), &one, sizeof one) == sizeof one);
    bed.expect(bed.b + "/state", "5");
    CHECK(bed.get(bed.b + "/error").find("more requests") != std::string::npos);
    bed.expect(bed.b + "/state", "6");
    bed.put(bed.f + "/state", "6");
    bed.expect(bed.b + "/state", "2");
}

TEST_CASE("a daemon that died after its last word offers anew all the same") {
    Bed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.put(bed.b + "/state", "6");
    bed.put(bed.f + "/state", "4");
    bed.start_daemon();
    bed.settle();
    CHECK(bed.get(bed.b + "/state") == "6");
    bed.put(bed.f + "/state", "6");
    bed.expect(bed.b + "/state", "2");
}

TEST_CASE("a dead domain's nodes are removed, also those of before the daemon's time") {
    Bed bed;
    const std::string stale = "/local/domain/0/backend/vscsi/99/0/state";
    bed.put(stale, "4");
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.expect(stale, "-");
    bed.connect();
    bed.host.release(guest);
    bed.expect(bed.b + "/state", "-");
    CHECK_FALSE(bed.store.list("/local/domain/0/backend/vscsi/7"));
    bed.until([&] { return opened[0].expired(); });
}

TEST_CASE("a frontend's state is taken for what it is, or for nothing") {
    Bed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    for (const char* text : {"", "9", "44", "-1", "four", "4\n", " 4"}) {
        bed.put(bed.f + "/state", text);
        bed.settle();
        CHECK(bed.get(bed.b + "/state") == "2");
    }
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
}

TEST_CASE("a unit that failed is not tried again with every look, and new ones need no frontend") {
    Bed bed;
    refusals = 0;
    bed.create({{"0:0:0:0", "broken"}});
    bed.start_daemon();
    bed.expect(bed.dev("dev-0", "state"), "6");
    for (int i = 0; i < 5; ++i) {
        bed.put(bed.f + "/state", "1");
        bed.settle();
    }
    CHECK(refusals == 1);
    bed.put(bed.f + "/state", "6"); // its driver is unloaded
    bed.add_lun("dev-1", "0:0:0:1", "x");
    bed.expect(bed.dev("dev-1", "state"), "3");
    bed.put(bed.dev("dev-1", "state"), "5");
    bed.expect(bed.dev("dev-1", "state"), "6");
    bed.until([&] { return opened[0].expired(); });
    CHECK(refusals == 1);
}

TEST_CASE("a frontend that starts anew without ever reading 6 is served") {
    Bed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.connect();
    bed.put(bed.f + "/state", "5");
    bed.expect(bed.b + "/state", "5");
    bed.put(bed.f + "/state", "1");
    bed.expect(bed.b + "/state", "2");
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
}

TEST_CASE("a frontend that flaps its state is looked at a bounded number of times") {
    Bed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.expect(bed.b + "/feature-sg-grant", "64");
    for (int i = 0; i < 2000; ++i)
        bed.put(bed.f + "/state", i % 2 == 0 ? "6" : "1");
    bed.put(bed.f + "/state", "1");
    bed.settle();
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
}

TEST_CASE("a store that dies is noticed, and the connection serves on until then") {
    Bed bed;
    bed.create({{"0:0:0:0", "x"}});
    bed.start_daemon();
    bed.connect();
    bed.expect(bed.dev("dev-0", "state"), "4");
    bed.host.stop();
    bed.send(test::QueueBed::request(1, {0, 0, 0, 0, 0, 0}));
    bed.until([&] { return bed.held(0) == 1; });
    bed.until([&] { return bed.store_lost; });
}
