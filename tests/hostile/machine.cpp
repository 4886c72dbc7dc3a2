#include "tests/hostile/machine.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <thread>

namespace pvscsi::hostile {

using xenbus::State;

namespace {

hv::HypervisorChoice dom0_of(const std::string& host_dir) {
    return {host_dir, DomId{0}};
}

} // namespace

void spin_until(const std::string& what, const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!done()) {
        expect(std::chrono::steady_clock::now() < deadline, "waited in vain until " + what);
        std::this_thread::yield();
    }
}

Machine::Machine(const std::string& host_dir)
    : host_dir_(host_dir), hypervisor_(hv::open_hypervisor(dom0_of(host_dir))),
      store_(hypervisor_->open_store()), domains_(hv::open_domains(dom0_of(host_dir))) {
    const auto watched = store_->watch(xenbus::backend_root(hypervisor_->self()), "backend");
    expect(watched.has_value(), "the backend's nodes can be watched");
}

Machine::Machine() : hypervisor_(hv::open_hypervisor({})), store_(hypervisor_->open_store()) {}

Vhost Machine::own_vhost() {
    Vhost vhost;
    vhost.guest = hypervisor_->self();
    vhost.frontend = xenbus::frontend_path(vhost.guest, vhost.device);
    vhost.backend = read(vhost.frontend + "/backend");
    vhost.name = "this guest";
    expect(!vhost.backend.empty(), vhost.frontend + "/backend names a backend");
    expect(store_->watch(vhost.backend, "backend").has_value(),
           "the backend's nodes can be watched");
    wait_for_backend(vhost, State::init_wait);
    return vhost;
}

Vhost Machine::add_guest(const std::string& name, const std::vector<std::string>& pdevs) {
    Vhost vhost;
    vhost.name = name;
    vhost.guest = domains_->create(name, "", "").id;
    vhost.backend = xenbus::backend_path(hypervisor_->self(), vhost.guest, vhost.device);
    vhost.frontend = xenbus::frontend_path(vhost.guest, vhost.device);
    write_nodes(vhost, pdevs);
    wait_for_backend(vhost, State::init_wait);
    return vhost;
}

void Machine::write_nodes(const Vhost& vhost, const std::vector<std::string>& pdevs) {
    const std::vector<hv::StorePermission> of_backend{{DomId{0}}, {vhost.guest, true}};
    const std::vector<hv::StorePermission> of_frontend{{vhost.guest}, {DomId{0}, true}};
    struct Node {
        std::string path, value;
        const std::vector<hv::StorePermission>& permissions;
    };
    std::vector<Node> nodes{
        {vhost.backend, "", of_backend},
        {vhost.backend + "/frontend", vhost.frontend, of_backend},
        {vhost.backend + "/frontend-id", std::to_string(vhost.guest.value()), of_backend},
        {vhost.backend + "/online", "1", of_backend},
        {vhost.backend + "/feature-host", "0", of_backend},
        {vhost.backend + "/vscsi-devs", "", of_backend},
        {vhost.frontend, "", of_frontend},
        {vhost.frontend + "/backend", vhost.backend, of_frontend},
        {vhost.frontend + "/backend-id", "0", of_frontend},
        {vhost.frontend + "/state", "1", of_frontend}};
    for (std::size_t i = 0; i < pdevs.size(); ++i) {
        const std::string dev = vhost.backend + "/vscsi-devs/dev-" + std::to_string(i);
        nodes.push_back({dev, "", of_backend});
        nodes.push_back({dev + "/p-dev", pdevs[i], of_backend});
        nodes.push_back({dev + "/p-devname", pdevs[i], of_backend});
        nodes.push_back({dev + "/v-dev", "0:0:0:" + std::to_string(i), of_backend});
        nodes.push_back({dev + "/mode", "w", of_backend});
        nodes.push_back({dev + "/state", "1", of_backend});
    }
    nodes.push_back({vhost.backend + "/state", "2", of_backend});
    const auto written = hv::transact(*store_, [&](hv::StoreTxn txn) -> Result<void> {
        for (const Node& node : nodes) {
            if (auto done = store_->write(node.path, node.value, txn); !done)
                return done;
            if (auto done = store_->set_permissions(node.path, node.permissions, txn); !done)
                return done;
        }
        return {};
    });
    expect(written.has_value(), "the nodes of " + vhost.name + " can be written");
    wait_until("the daemon offers " + vhost.name + " its features",
               [&] { return !read(vhost.backend + "/feature-sg-grant").empty(); });
}

void Machine::remove_guest(const Vhost& vhost) {
    domains_->destroy(vhost.guest);
    wait_until("the daemon clears the nodes of " + vhost.name + " away",
               [&] { return !store_->list(vhost.backend).has_value(); });
}

std::string Machine::read(const std::string& path) {
    return store_->read(path).value_or("");
}

State Machine::backend_state(const Vhost& vhost) {
    return xenbus::state_from_node(read(vhost.backend + "/state")).value_or(State::unknown);
}

State Machine::unit_state(const Vhost& vhost) {
    const auto state = read(vhost.backend + "/vscsi-devs/dev-0/state");
    return xenbus::state_from_node(state).value_or(State::unknown);
}

bool Machine::backend_has_ended(const Vhost& vhost) {
    const State state = backend_state(vhost);
    return state == State::closing || state == State::closed;
}

State Machine::frontend_state(const Vhost& vhost) {
    return xenbus::state_from_node(read(vhost.frontend + "/state")).value_or(State::unknown);
}

void Machine::wait_until(const std::string& what, const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!done()) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        expect(left.count() > 0, "waited in vain until " + what);
        // A look now and then covers what no node tells of.
        pollfd event{store_->fd(), POLLIN, 0};
        ::poll(&event, 1, static_cast<int>(std::min<long>(left.count(), 100)));
        while (store_->next_event())
            ;
    }
}

void Machine::wait_for_backend(const Vhost& vhost, State wanted) {
    wait_until("the backend of " + vhost.name + " is " + std::string(to_string(wanted)),
               [&] { return backend_state(vhost) == wanted; });
}

bool DaemonProcess::alive() const {
    return ::kill(pid_, 0) == 0;
}

std::size_t DaemonProcess::open_files() const {
    const std::filesystem::directory_iterator files("/proc/" + std::to_string(pid_) + "/fd");
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

std::size_t DaemonProcess::resident_kib() const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    for (std::string word; status >> word;)
        if (std::size_t kib = 0; word == "VmRSS:" && status >> kib)
            return kib;
    return 0;
}

std::size_t DaemonProcess::log_lines() const {
    std::ifstream log(log_);
    return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(log), {}, '\n'));
}

} // namespace pvscsi::hostile
