// A guest that is suspended, and comes back as another domain, finds the units that it had, or none
// (suspended_units.hpp). That it is suspended is told by the node by which toolstacks ask for it;
// nothing else in the store says so, and its frontend does nothing but stop.
//
// A toolstack writes "suspend" there, and the guest empties it when it has seen that, which may be
// before we look: what is empty may have been that. It was not if the guest lets go of its LUNs
// afterwards, as it does when it shuts down.
#include "backend/lun_identity.hpp"
#include "backend/suspended_units.hpp"
#include "backend/vhost.hpp"

namespace pvscsi::backend {

using xenbus::State;

namespace {

/// A memory's contents end with its domain.
constexpr auto memory_then = "a memory that has ended with the domain";
constexpr auto memory_now = "an empty memory";

} // namespace

std::string Vhost::uuid() {
    const std::string vm = told_of_guest("vm", "vm");
    return vm.substr(vm.rfind('/') + 1); // all of it without a slash
}

bool Vhost::is_of_vhost(const std::string& vdev) const {
    return vdev.starts_with(std::to_string(device_.value()) + ":");
}

/// Also for a guest that writes that node as it likes: each time is a look, which are limited.
void Vhost::note_suspension() {
    if (shutdown_changes_ <= shutdown_noted_)
        return;
    shutdown_noted_ = shutdown_changes_;
    if (link_ != Link::up)
        return;
    const auto word = around_.store.read(xenbus::domain_path(guest_) + "/control/shutdown");
    const std::string domain = domain_name(), id = uuid();
    if (!word || (!word->empty() && *word != "suspend") || domain.empty() || id.empty())
        return;
    try {
        UnitRecords::Records units;
        for (const auto& [name, lun] : luns_) {
            const std::string pdev = with_port(name, nodes_.config(name)).pdev;
            const bool memory = ends_with_the_daemon(pdev);
            if (!lun.failed)
                units[to_string(nodes_.address(name))] = {
                    memory ? memory_then : unit_over_boots(pdev), pdev};
        }
        SuspendedUnits(around_.record_dir).remember(domain, id, units, [&](const auto& vdev) {
            return is_of_vhost(vdev);
        });
    } catch (const std::runtime_error& error) { // of nodes that go, or a full disk
        log_.warning("what its LUNs lead to is not remembered; it may be suspended error=\"{}\"",
                     error.what());
    }
}

/// The guest lets go of its LUNs: it runs.
void Vhost::forget_suspension() {
    if (link_ == Link::up)
        SuspendedUnits(around_.record_dir)
            .forget(domain_name(), uuid(),
                    [&](const std::string& vdev) { return is_of_vhost(vdev); });
}

/// It is connected: what it has now is what counts, and may change.
void Vhost::has_come_back() {
    std::set<std::string> served;
    for (const auto& [name, lun] : luns_)
        served.insert(to_string(xenbus::VirtualAddress{device_.value(), lun.address.channel,
                                                       lun.address.target, lun.address.lun}));
    SuspendedUnits(around_.record_dir).forget(domain_name(), uuid(), [&](const std::string& vdev) {
        return served.contains(vdev);
    });
}

/// Throws std::runtime_error if the guest was suspended with another unit.
void Vhost::require_not_swapped(const std::string& pdev, const xenbus::VirtualAddress& address) {
    const std::string domain = domain_name(), id = uuid();
    if (domain.empty() || id.empty())
        return;
    const bool memory = ends_with_the_daemon(pdev);
    SuspendedUnits(around_.record_dir)
        .require_same(domain, id, to_string(address),
                      {memory ? memory_now : unit_over_boots(pdev), pdev});
}

void Vhost::try_again() {
    if (failed_.empty())
        return;
    failed_.clear();
    if (link_ == Link::up) // as a toolstack that adds a LUN
        (void)move(State::connected, State::reconfiguring);
    try {
        look();
    } catch (const std::exception& error) {
        log_.warning("a look failed error=\"{}\"", error.what());
    }
}

} // namespace pvscsi::backend
