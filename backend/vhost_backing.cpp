// What a LUN's entry leads to on this host: whether the guest may have it, whether it is what the
// guest had, and what is remembered of it.
#include "backend/devices/openers.hpp"
#include "backend/guest_devices.hpp"
#include "backend/nexus/lone_nexus.hpp"
#include "backend/nexus/nexus_target.hpp"
#include "backend/nexus/unit_watch.hpp"
#include "backend/policy/target.hpp"
#include "backend/suspended_units.hpp"
#include "backend/targets/limits.hpp"
#include "backend/targets/sg/capacity.hpp"
#include "backend/targets/sg/family.hpp"
#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "backend/toolstack/allowed.hpp"
#include "backend/toolstack/guest_life.hpp"
#include "backend/unit_identity.hpp"
#include "backend/unit_records.hpp"
#include "backend/vhost.hpp"

#include "common/base/fnv.hpp"
#include "common/config/pdev.hpp"
#include "common/scsi/vpd.hpp"

#include <algorithm>
#include <cerrno>
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
    const auto refusal =
        pdev ? toolstack::refused_by_allow_list(settings, *pdev) : std::optional<config::Refusal>();
    if (refusal)
        throw std::runtime_error(refusal->reason);
}

/// The sg node that `text` leads to now; nothing if that is no SCSI device.
std::optional<std::string> sg_node_of(const std::string& text) {
    const auto pdev = config::parse_pdev(text);
    const auto path = pdev ? path_of(*pdev) : unexpected(config::Refusal{});
    return path && !path->empty() ? find_sg_node(*path) : std::nullopt;
}

/// Where it is kept who has reserved the unit at `node`; a name that no domain's record can have.
/// Each path to a unit is an initiator of its own: with several the node is part of the name, and
/// what was kept when there was one goes to the first that is opened.
std::string reservations_of(const std::string& node, const std::string& record_dir) {
    const std::string key = unit_key(node);
    std::string file = record_dir + "/reservations.";
    for (const char c : key) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '.';
        file += plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
    const std::string own = file + "." + std::filesystem::path(node).filename().string();
    if (key.empty())
        return own;
    const bool alone = other_paths(node).empty();
    const std::string &wanted = alone ? file : own, &other = alone ? own : file;
    std::error_code error;
    if (!std::filesystem::exists(wanted, error))
        std::filesystem::rename(other, wanted, error); // if there is one
    return wanted;
}

/// With what stands between this guest and a device at `node` that others have, too. Throws
/// std::system_error where it can't be kept who has reserved it.
std::unique_ptr<Target> shared(std::unique_ptr<Target> device, const std::string& node, bool alone,
                               const LunConfig& config, const std::string& record_dir) {
    auto unit = SharedUnit::at(node);
    if (alone)
        return std::make_unique<NexusTarget>(std::move(device), std::move(unit));
    unit->keep_reservations(reservations_of(node, record_dir));
    const NexusId id = fnv1a(config.serial) | 1; // never 0
    return std::make_unique<NexusTarget>(std::move(device), std::move(unit), id);
}

/// With what is kept of the guest's nexus with an sg device, and who tells it that it has grown.
/// Throws as shared().
std::unique_ptr<Target> at_nexus(std::unique_ptr<Target> device, const LunConfig& config,
                                 const std::string& record_dir) {
    const auto node = sg_node_of(config.pdev);
    if (!node || !device->passes_through())
        return device;
    // Readers share without being asked. By a port of its own each guest is an initiator of its
    // own.
    const bool alone = (config.exclusive && !config.read_only) || !config.vport.empty();
    std::string size = fixed_size_attribute(*node);
    if (needs_nexus(device->device_type(), alone))
        device = shared(std::move(device), *node, alone, config, record_dir);
    else if (!size.empty())
        device = std::make_unique<LoneNexus>(std::move(device));
    if (!size.empty())
        device = std::make_unique<CapacityWatch>(std::move(device), std::move(size));
    // Outside of what shares the unit, which tells this guest what others were told. Of disks
    // alone: a tape or robot gets no command of ours.
    auto page = family_of(device->device_type()) == SgFamily::disk ? identification_of(*node)
                                                                   : std::vector<std::byte>();
    if (scsi::names_unit(page))
        device = std::make_unique<UnitWatch>(std::move(device), std::move(page), doubts_at(*node),
                                             "detach it, " + have_kernel_look_again(*node) +
                                                 ", and attach what is meant");
    return device;
}

/// Throws std::runtime_error if this host has mounted it or built something on it, or has a tape or
/// changer open: two that write to one disk destroy it, and two on one tape lose it. What is opened
/// as a block device the kernel refuses as well. std::system_error with EBUSY if nobody knows who
/// has it open: it may be a domain that will soon be gone.
void require_unused(const LunConfig& config) {
    const auto pdev = config::parse_pdev(config.pdev);
    const auto path = pdev ? path_of(*pdev) : unexpected(config::Refusal{});
    if (!path || path->empty())
        return;
    const bool by_path =
        pdev->kind == config::PdevKind::file || pdev->kind == config::PdevKind::iso;
    const auto node = by_path ? std::nullopt : find_sg_node(*path);
    const bool reads_only = config.read_only || pdev->kind == config::PdevKind::iso;
    auto users =
        node ? devices::users_of_unit(*node) : devices::users_of_backing(*path, reads_only);
    if (users.empty() && node && config.exclusive)
        users = devices::openers_of_unit(*node);
    if (!users.empty())
        throw std::runtime_error(fmt::format("this host uses it: {}", fmt::join(users, ", ")));
    if (node && config.exclusive && !config.read_only && devices::is_held(*node))
        throw std::system_error(EBUSY, std::generic_category(),
                                *node + " is open for another guest or a program of this host");
}

/// Of a tape or changer, who came while no daemon was there to keep them out; empty: nobody.
std::string intruders_at(const LunConfig& config) {
    const auto node = sg_node_of(config.pdev);
    if (!node || !config.exclusive)
        return {};
    const auto openers = devices::openers_of_unit(*node);
    if (!openers.empty())
        return fmt::format("this host has opened it meanwhile: {}", fmt::join(openers, ", "));
    return !config.read_only && devices::is_held(*node)
               ? "a program of this host has opened it meanwhile"
               : "";
}

/// The name that the unit of a passed-through device has of its own; empty: none, or not known.
std::string own_name(const std::string& text) {
    const auto pdev = config::parse_pdev(text);
    const auto path = pdev ? path_of(*pdev) : unexpected(config::Refusal{});
    const auto node = path && !path->empty() ? find_sg_node(*path) : std::nullopt;
    return node ? unit_name(*node) : std::string();
}

/// What stands between the guest and the unit, from within outwards.
std::unique_ptr<Target> decorated(std::unique_ptr<Target> target, const LunConfig& config,
                                  const Surroundings& around) {
    if (around.settings->inject_allow.value_or(false))
        target = std::make_unique<inject::Injector>(std::move(target));
    if (target->passes_through()) {
        const Carries carries = target->carries();
        std::uint64_t most = std::uint64_t{around.limits.max_segments} * ring::ring_page_size;
        if (carries.most_bytes != 0)
            most = std::min(most, carries.most_bytes);
        target = std::make_unique<LimitsTarget>(std::move(target), most, carries.block_size);
    }
    target = at_nexus(std::move(target), config, around.record_dir);
    // Reservations are kept apart for each guest: they concern nobody but its own LUN.
    constexpr bool shared_nexus = false;
    return policy::apply_policy(std::move(target), config.policy, around.settings->policies,
                                shared_nexus, own_name(config.pdev));
}

} // namespace

/// Throws what make_target() does, and std::runtime_error for what the nodes have wrong.
std::shared_ptr<Target> Vhost::open_target(const std::string& node_name, LunConfig config) {
    const auto v = nodes_.address(node_name);
    for (const auto& [name, other] : luns_)
        if (other.address == ring::Address{v.channel, v.target, v.lun})
            throw std::runtime_error("its address is taken by " + name);
    const std::string vm = told_of_guest("vm", "vm");
    config.serial = stable_serial(vm.empty() ? xenbus::domain_path(guest_) : vm, v);
    require_allowed(*around_.settings, config.pdev);
    require_same_unit(config.pdev, v);
    if (!taking_over()) { // a guest that has it keeps it
        require_not_swapped(config.pdev, v);
        require_unused(config);
    } else if (auto intruders = intruders_at(config); !intruders.empty()) {
        troubles_[node_name] = std::move(intruders);
    }
    const auto reached = reached_.find(node_name);
    auto lease = reached == reached_.end() ? nullptr : reached->second.lease;
    const OpenedFor whom{&around_.control, around_.settings, vm.empty() ? domain_name() : vm};
    // Its port stays until its last file is closed, which is when the target ends.
    std::shared_ptr<Target> target(decorated(make_target(config, whom), config, around_).release(),
                                   [lease = std::move(lease)](const Target* last) mutable {
                                       delete last;
                                       lease.reset();
                                   });
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
    // What is behind a target's LUN is the target's to say, and may be another unit tomorrow.
    const bool by_place = pdev && (pdev->kind == config::PdevKind::fc || goes_by_number(*pdev));
    if (domain.empty() || !by_place)
        return;
    // What leads nowhere is refused when it is opened, with a better reason.
    const auto path = path_of(*pdev);
    std::error_code error;
    if (!path || !std::filesystem::exists(*path, error))
        return;
    UnitRecords(around_.record_dir)
        .require_same(domain, to_string(address), text, lasting_identity(*path));
}

/// Detached by the administrator: who attaches that name again means what it leads to then.
void Vhost::forget_unit(const std::string& node_name) {
    try {
        const std::string domain = domain_name();
        const std::string vdev = to_string(nodes_.address(node_name));
        if (around_.guest_devices != nullptr)
            around_.guest_devices->remove(domain, vdev);
        if (domain.empty())
            return;
        UnitRecords(around_.record_dir).forget(domain, vdev);
        SuspendedUnits(around_.record_dir).forget(domain, uuid(), [&](const std::string& other) {
            return other == vdev;
        });
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
