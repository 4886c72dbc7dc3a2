// For tests of the backend's xenbus state machine against a real store: the test is the toolstack
// and the guest's frontend, the targets hold what they are given. Linked with vhost_bed.cpp.
#pragma once

#include "backend/registry.hpp"
#include "tests/support/queue_bed.hpp"
#include "tests/support/store_host.hpp"

#include <atomic>
#include <filesystem>
#include <thread>

namespace pvscsi::test {

inline constexpr DomId vhost_guest{7};
/// Of what make_target() was asked.
inline std::vector<std::weak_ptr<HeldTarget>> opened; // in order
inline std::vector<std::string> serials;
inline std::vector<std::string> pdevs;
inline unsigned refusals;
inline unsigned busy_opens;                 // that it refuses yet
inline std::function<void()> while_opening; // what happens then, once
inline std::atomic<int> longest;            // seconds that a target was told last
inline std::uint64_t carried;               // bytes of a command, to any target
inline bool no_memory;                      // no room to remember what a target is told
inline unsigned busy_looks;                 // that find a target busy yet
inline backend::Leftovers leftovers_then;   // what they find after that
inline std::atomic<unsigned> resets_of_leftovers;
inline std::atomic<unsigned> nexus_losses;
inline std::string loss;                 // why the targets fail with the next keep_house(), once
inline std::vector<std::string> remarks; // of the targets, with each keep_house() the next

class OpenedTarget final : public backend::Target {
  public:
    explicit OpenedTarget(std::shared_ptr<HeldTarget> held) : held_(std::move(held)) {}
    backend::Step start(backend::Request& request) noexcept override {
        return held_->start(request);
    }
    backend::Step resume(backend::Request& request) noexcept override {
        return held_->resume(request);
    }
    void abort(backend::Request& request) noexcept override { held_->abort(request); }
    void limit_time(std::chrono::seconds time) noexcept override {
        longest = static_cast<int>(time.count());
    }
    void detach() noexcept override { held_->detach(); }
    void nexus_lost() noexcept override { ++nexus_losses; }
    void keep_house() noexcept override {
        if (!loss.empty())
            on_failure(std::exchange(loss, {}));
        if (remarks.empty())
            return;
        on_warning(remarks.front());
        remarks.erase(remarks.begin());
    }
    void remember_in(const std::string& path, bool) override {
        if (no_memory)
            throw std::system_error(ENOSPC, std::generic_category(), path);
    }
    backend::Leftovers leftovers() noexcept override {
        return busy_looks > 0 && busy_looks-- > 0 ? backend::Leftovers::some : leftovers_then;
    }
    void end_leftovers() noexcept override { ++resets_of_leftovers; }
    std::uint8_t device_type() const noexcept override { return 0; }
    backend::Carries carries() const noexcept override { return {carried, 512}; }

  private:
    std::shared_ptr<HeldTarget> held_;
};

/// Counts the round trips that vhosts make.
class CountingStore final : public hv::XsStore {
  public:
    explicit CountingStore(const std::string& socket) : XsStore(socket) {}
    Result<std::string> read(const std::string& path, hv::StoreTxn txn) override {
        ++round_trips;
        if (slowness.count() > 0)
            std::this_thread::sleep_for(slowness);
        return XsStore::read(path, txn);
    }
    Result<std::vector<std::string>> list(const std::string& path, hv::StoreTxn txn) override {
        ++round_trips;
        auto result = XsStore::list(path, txn);
        if (after_list)
            std::exchange(after_list, nullptr)();
        return result;
    }
    static inline unsigned round_trips = 0;
    static inline std::function<void()> after_list;      ///< once
    static inline std::chrono::microseconds slowness{0}; // of a read
};

class VhostHypervisor final : public hv::Hypervisor {
  public:
    VhostHypervisor(const StoreHost& host, GuestMemory& memory) : host_(host), memory_(memory) {}
    DomId self() const override { return DomId{0}; }
    std::unique_ptr<hv::Store> open_store() override {
        return std::make_unique<CountingStore>(host_.socket());
    }
    std::unique_ptr<hv::GrantMapper> open_grant_mapper(DomId) override {
        return std::make_unique<FakeGrants>(memory_);
    }
    std::unique_ptr<hv::GrantSharer> open_grant_sharer() override { return nullptr; }
    Result<std::unique_ptr<hv::EventChannel>> alloc_unbound(DomId) override {
        return unexpected_errno(ENOSYS);
    }
    Result<std::unique_ptr<hv::EventChannel>> bind_interdomain(DomId, EvtchnPort port) override {
        if (port != EvtchnPort{5})
            return unexpected_errno(EINVAL);
        return std::make_unique<FakeChannel>(daemon_end.get(), guest_end.get());
    }

    UniqueFd daemon_end{adopt_fd, ::eventfd(0, EFD_NONBLOCK)};
    UniqueFd guest_end{adopt_fd, ::eventfd(0, EFD_NONBLOCK)};

  private:
    const StoreHost& host_;
    GuestMemory& memory_;
};

class VhostBed {
  public:
    const std::string b = "/local/domain/0/backend/vscsi/7/0";
    const std::string f = "/local/domain/7/device/vscsi/0";

    VhostBed() {
        opened.clear();
        serials.clear();
        pdevs.clear();
        busy_opens = busy_looks = 0;
        leftovers_then = backend::Leftovers::none;
        resets_of_leftovers = nexus_losses = 0;
        remarks.clear();
        loss.clear();
        CountingStore::slowness = std::chrono::microseconds(0);
        no_memory = false;
        carried = 0;
        while_opening = CountingStore::after_list = nullptr;
        host.add_guest(vhost_guest);
        workers.push_back(std::make_unique<backend::Worker>("bed", backend::Wait::event));
    }
    ~VhostBed() { stop_daemon(); }

    void start_daemon() {
        store_of_daemon = hypervisor.open_store();
        around.emplace(backend::Surroundings{control,
                                             hypervisor,
                                             *store_of_daemon,
                                             {64, true},
                                             host.directory().string(),
                                             host.directory().string() + "/units",
                                             &settings,
                                             kernel_devices(),
                                             nullptr,
                                             backend::settled_by(host.directory().string())});
        around->vports = vports;
        around->housekeeping = housekeeping;
        registry =
            std::make_unique<backend::Registry>(*around, workers, [this] { store_lost = true; });
    }
    /// As a daemon does for SIGTERM.
    void hand_over() {
        bool quiet = false;
        registry->hand_over([&] { quiet = true; });
        until([&] { return quiet; });
        registry.reset();
        control.restart();
    }
    /// In place of sysfs.
    [[nodiscard]] std::string kernel_devices() const { return host.directory().string() + "/sys"; }
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
    void end_held(const std::weak_ptr<HeldTarget>& opened_target) {
        workers[0]->call([&] {
            const auto target = opened_target.lock();
            while (target && !target->held.empty()) {
                target->held.front()->finish();
                target->held.pop_front();
            }
        });
    }

    using Luns = std::initializer_list<std::pair<std::string, std::string>>; ///< VDEV, PDEV

    void create(Luns luns, const std::string& state = "2") {
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

    /// They are served, and the guest is connected and uses them.
    void serve(Luns luns) {
        create(luns);
        start_daemon();
        connect();
        expect(dev("dev-" + std::to_string(luns.size() - 1), "state"), "4");
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

    StoreHost host;
    hv::XsStore store = host.connect();
    GuestMemory memory;
    VhostHypervisor hypervisor{host, memory};
    std::optional<ring::FrontRing> front;
    boost::asio::io_context control{1};
    std::vector<std::unique_ptr<backend::Worker>> workers;
    std::unique_ptr<hv::Store> store_of_daemon;
    config::Settings settings;
    std::optional<backend::Surroundings> around;
    backend::npiv::Vports* vports = nullptr; ///< as the next daemon has them
    std::chrono::milliseconds housekeeping = std::chrono::seconds(5);
    std::unique_ptr<backend::Registry> registry;
    bool store_lost = false;
};

} // namespace pvscsi::test
