// What a LUN's entry leads to on this host: whether the guest may have it, whether it is what the
// guest had, and what is remembered of it.
#include "backend/devices/users.hpp"
#include "backend/guest_devices.hpp"
#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "backend/toolstack/guest_life.hpp"
#include "backend/unit_records.hpp"
#include "backend/vhost.hpp"

#include "common/base/fnv.hpp"
#include "common/config/pdev.hpp"

#include <filesystem>
#include <fmt/ranges.h>

namespace pvscsi::backend {

namespace {

/// 16 hex digits that stay the same for as long as the domain has its UUID and the unit its
/// address; what a unit without an identity of its own is known by.
std::string stable_serial(std::string_view vm, const xenbus::VirtualAddress& address) {
    return fmt::format("{:016x}", fnv1a(std::string(vm) + "/" + xenbus::to_string(address)));
}

/// Throws std::runtime_error if the host's allow-list does not have what `pdev` names.
void require_allowed(const config::Settings& settings, const std::string& text) {
    const auto pdev = config::parse_pdev(text);
    if (!pdev)
        return;
    const auto path = path_of(*pdev);
    if (!path || path->empty())
        return; // names nothing of the host
    std::error_code error;
    const auto real = std::filesystem::weakly_canonical(*path, error).string();
    const bool device = pdev->kind != config::PdevKind::file && pdev->kind != config::PdevKind::iso;
    const auto plain = std::filesystem::path(*path).lexically_normal().string();
    // A link in /dev is root's; one elsewhere may be anybody's, so it is where it leads.
    const bool allowed =
        device ? allows_device(settings, plain) || (!error && allows_device(settings, real))
               : !error && allows_file(settings, real);
    if (!allowed)
        throw std::runtime_error(fmt::format("{} is not in {} of [allow] in pvscsid.toml",
                                             error ? plain : real, device ? "devices" : "folders"));
}

/// Throws std::runtime_error if this host has mounted the device or built something on it: two that
/// write to one disk destroy it. A device that is opened as a block device the kernel refuses.
void require_unused(const std::string& text) {
    const auto pdev = config::parse_pdev(text);
    const auto path = pdev ? path_of(*pdev) : unexpected(config::Refusal{});
    const auto node = path && !path->empty() ? find_sg_node(*path) : std::nullopt;
    const auto users = node ? devices::users_of_unit(*node) : std::vector<std::string>();
    if (!users.empty())
        throw std::runtime_error(fmt::format("this host uses it: {}", fmt::join(users, ", ")));
}

} // namespace

/// Throws what make_target() does, and std::runtime_error for what the nodes have wrong.
std::shared_ptr<Target> Vhost::open_target(const std::string& node_name) {
    const auto v = nodes_.address(node_name);
    for (const auto& [name, other] : luns_)
        if (other.address == ring::Address{v.channel, v.target, v.lun})
            throw std::runtime_error("its address is taken by " + name);
    auto config = nodes_.config(node_name);
    const std::string vm = told_of_guest("vm", "vm");
    config.serial = stable_serial(vm.empty() ? xenbus::domain_path(guest_) : vm, v);
    require_allowed(*around_.settings, config.pdev);
    require_same_unit(config.pdev, v);
    if (!taking_over()) // a guest that has it keeps it
        require_unused(config.pdev);
    std::shared_ptr<Target> target = make_target(config);
    if (around_.guest_devices != nullptr)
        around_.guest_devices->add(domain_name(), to_string(v), config.pdev);
    try {
        target->remember_in(memory_path(node_name), taking_over());
    } catch (const std::system_error& error) { // the data are there all the same
        troubles_[node_name] =
            std::string("what the guest sets in it ends with the daemon: ") + error.what();
    }
    return target;
}

/// Throws if the name is one that the kernel gives anew with each boot, and leads to another unit
/// than it did.
void Vhost::require_same_unit(const std::string& text, const xenbus::VirtualAddress& address) {
    const auto pdev = config::parse_pdev(text);
    const std::string domain = domain_name();
    if (!pdev || !is_unstable(*pdev) || domain.empty())
        return;
    const auto path = path_of(*pdev);
    const auto node = path ? find_sg_node(*path) : std::nullopt;
    const std::string unit = node ? unit_name(*node) : "";
    if (unit.empty()) // a device without a name of its own can't be told from another one
        return;
    UnitRecords(around_.record_dir).require_same(domain, to_string(address), text, unit);
}

/// Detached by the administrator: who attaches that name again means what it leads to then.
void Vhost::forget_unit(const std::string& node_name) {
    try {
        if (around_.guest_devices != nullptr)
            around_.guest_devices->remove(domain_name(), to_string(nodes_.address(node_name)));
        const auto pdev = config::parse_pdev(nodes_.config(node_name).pdev);
        if (pdev && is_unstable(*pdev))
            UnitRecords(around_.record_dir)
                .forget(domain_name(), to_string(nodes_.address(node_name)));
    } catch (const std::runtime_error& error) { // its nodes have been damaged since
        log::warning("vhost={} lun={} its record stays: {}", backend_, node_name, error.what());
    }
}

/// Of what the unit has been told and would forget with this process.
std::string Vhost::memory_path(const std::string& node_name) const {
    return state_path_ + "." + node_name + ".unit";
}

std::string Vhost::domain_name() {
    return toolstack::lasting_name(told_of_guest("name", "domain"));
}

/// A node of the guest's domain, which only dom0 may read; for any other domain the toolstack has
/// noted it with the vhost.
std::string Vhost::told_of_guest(const char* node, const char* noted_as) {
    const auto own = around_.store.read(xenbus::domain_path(guest_) + "/" + node);
    return own ? *own : around_.store.read(backend_ + "/" + noted_as).value_or("");
}

} // namespace pvscsi::backend
