#include "backend/port_hosts.hpp"

#include "backend/toolstack/guest_life.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace pvscsi::backend {

using npiv::Wwn;
using toolstack::Lun;
using toolstack::LunEntry;

namespace {

Wwn target_of(const LunEntry& lun) {
    const auto pdev = config::parse_pdev(lun.pdev);
    return pdev && pdev->kind == config::PdevKind::fc ? npiv::fc_unit_name(*pdev).target : Wwn();
}

/// T of the guest's h:c:T:l, for each target port.
class TargetNumbers {
  public:
    explicit TargetNumbers(const std::vector<LunEntry>& there) {
        for (const LunEntry& lun : there)
            if (const auto vdev = xenbus::parse_address(lun.vdev))
                take(target_of(lun), vdev->target);
    }
    /// The kernel's number if that is nobody's yet.
    std::uint16_t of(Wwn target, unsigned kernels) {
        if (const auto known = numbers_.find(target); known != numbers_.end())
            return known->second;
        std::uint16_t number = 0;
        if (kernels <= std::numeric_limits<std::uint16_t>::max())
            number = static_cast<std::uint16_t>(kernels);
        while (taken_.contains(number))
            ++number;
        take(target, number);
        return number;
    }

  private:
    void take(Wwn target, std::uint16_t number) {
        taken_.insert(number);
        numbers_.emplace(target, number);
    }
    std::map<Wwn, std::uint16_t> numbers_;
    std::set<std::uint16_t> taken_;
};

} // namespace

std::vector<Lun> luns_seen(const PortSight& sight, const Lun& entry,
                           const std::vector<LunEntry>& there) {
    TargetNumbers numbers(there);
    std::vector<Lun> luns;
    for (const npiv::FcUnit& unit : sight.units) {
        Lun lun = entry;
        lun.pdev_text = "fc." + to_string(unit.target.names.port) + ":" + std::to_string(unit.lun);
        auto pdev = config::parse_pdev(lun.pdev_text);
        if (!pdev)
            continue; // a LUN of another kind than arrays have
        lun.pdev = std::move(*pdev);
        lun.vport = entry.pdev.name;
        lun.vdev = {entry.vdev.host, 0,
                    numbers.of(unit.target.names.port, unit.target.target.value_or(0)),
                    static_cast<std::uint16_t>(unit.lun)};
        lun.whole_host = lun.vdev_is_host = false;
        luns.push_back(std::move(lun));
    }
    return luns;
}

bool has_gone(const PortSight& sight, const LunEntry& lun) {
    const auto pdev = config::parse_pdev(lun.pdev);
    if (!pdev || pdev->kind != config::PdevKind::fc)
        return true; // none that was given by the port
    const auto name = npiv::fc_unit_name(*pdev);
    return sight.answering.contains(name.target) &&
           std::none_of(sight.units.begin(), sight.units.end(), [&](const npiv::FcUnit& unit) {
               return unit.target.names.port == name.target && unit.lun == name.lun;
           });
}

/// As each of its LUNs will ask for it: it is one port.
npiv::VportWish PortHosts::wish_of(const toolstack::Vhost& vhost, const Lun& entry) {
    const std::string domain = xenbus::domain_path(vhost.guest);
    const std::string vm = store_.read(domain + "/vm").value_or("");
    const std::string name = toolstack::lasting_name(store_.read(domain + "/name").value_or(""));
    const auto choice = config::parse_vport_choice(entry.pdev.name);
    return {choice.value_or(config::VportChoice{}),
            !vm.empty()     ? vm
            : !name.empty() ? name
                            : domain,
            name,
            std::to_string(vhost.device.value()),
            {}};
}

void PortHosts::hold(Held& held) {
    if (!vports_)
        throw std::runtime_error("this daemon makes no ports");
    auto access = vports_->hold(held.wish);
    held.through = access.through;
    held.lease = std::move(access.lease);
    held.awaited = std::move(access.awaited);
}

PortSight PortHosts::look(const toolstack::Vhost& vhost, const Lun& entry) {
    const auto [place, fresh] = held_.try_emplace(vhost.back());
    Held& held = place->second;
    if (fresh || held.lease == nullptr)
        held.wish = wish_of(vhost, entry);
    try {
        hold(held);
    } catch (const std::exception& error) {
        held.awaited = error.what();
        return {{}, {}, held.awaited};
    }
    const npiv::FcView view = vports_->tree().view_of(held.through);
    PortSight sight{units_behind(vports_->tree(), view, held.through), {}, held.awaited};
    if (held.awaited.empty())
        for (const npiv::FcRemotePort& target : view.remote_ports)
            if (target.online() && target.is_target())
                sight.answering.insert(target.names.port);
    return sight;
}

bool PortHosts::tend() {
    std::erase_if(held_, [&](const auto& item) { return !store_.read(item.first + "/host"); });
    bool changed = false;
    for (auto& [back, held] : held_) {
        const std::string before = held.awaited;
        try {
            hold(held);
        } catch (const std::exception& error) {
            held.awaited = error.what();
        }
        changed = changed || held.awaited != before;
    }
    return changed;
}

} // namespace pvscsi::backend
