#include "backend/npiv/fc_unit.hpp"

#include "common/base/sysfs.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace pvscsi::backend::npiv {

namespace fs = std::filesystem;
using config::Refusal;

namespace {

constexpr std::uint64_t flat_space = 0x4000;

/// Looks for one unit, and keeps what the furthest that it came to was.
class Search {
  public:
    Search(const FcTree& tree, const FcView& view, const FcUnitName& name)
        : tree_(tree), view_(view), name_(name) {}

    Expected<FcUnit, Refusal> find() {
        bool has_port = false;
        for (const FcPort& port : view_.ports) {
            if (name_.through.is_none() ? port.is_virtual : port.names.port != name_.through)
                continue;
            has_port = true;
            for (const FcRemotePort& target : view_.remote_ports)
                if (target.host == port.host && target.names.port == name_.target)
                    look_behind(target);
        }
        if (!has_port)
            return unexpected(no_port());
        if (found_.size() > 1)
            return unexpected(several());
        if (found_.empty())
            return unexpected(nearest_);
        return std::move(found_.front());
    }

  private:
    void look_behind(const FcRemotePort& target) {
        const std::string port = "the target port " + to_string(name_.target);
        if (!target.target || !target.is_target()) {
            nearest_ = {port + " is there and has no units for this port (" +
                            (target.roles.empty() ? target.state : target.roles) + ")",
                        "a target that takes this port for an initiator"};
            return;
        }
        const auto sg = unit_at(target);
        if (sg.first.empty())
            nearest_ = {port + " (" + target.state + ") shows this port no LUN " +
                            std::to_string(name_.lun),
                        "a LUN that is mapped to this port's name"};
        else if (sg.second.empty())
            nearest_ = {"the unit has no sg node", "the sg driver: modprobe sg"};
        else
            found_.push_back({"/dev/" + sg.second, sg.first, target, name_.lun});
    }

    /// Its address and its sg node.
    std::pair<std::string, std::string> unit_at(const FcRemotePort& target) const {
        for (const std::uint64_t lun : std::array{name_.lun, name_.lun | flat_space}) {
            const std::string address =
                to_string(config::ScsiAddress{target.host, target.channel, *target.target, lun});
            const fs::path device = tree_.sysfs() / "bus" / "scsi" / "devices" / address;
            std::error_code error;
            if (fs::exists(device, error))
                return {address, sysfs::only_name_in(device / "scsi_generic")};
        }
        return {};
    }

    [[nodiscard]] Refusal no_port() const {
        if (name_.through.is_none())
            return {"this host has no Fibre Channel port", "an adapter, with its driver loaded"};
        return {"this host has no port with the name " + to_string(name_.through),
                "a port_name of /sys/class/fc_host"};
    }

    [[nodiscard]] Refusal several() const {
        std::string list;
        for (const FcUnit& unit : found_)
            list += (list.empty() ? "" : ", ") + unit.node;
        return {"several paths lead to this unit: " + list,
                "one of the host's ports, as fc.<16hex>:<lun>@<16hex>"};
    }

    const FcTree& tree_;
    const FcView& view_;
    const FcUnitName& name_;
    std::vector<FcUnit> found_;
    Refusal nearest_{"the target port " + to_string(name_.target) +
                         " is not to be seen from this host's port",
                     "a target port that is up, and in a zone with this port"};
};

} // namespace

FcUnitName fc_unit_name(const config::Pdev& pdev) {
    const auto target = config::parse_wwn_name(std::string_view(pdev.name).substr(
        std::min<std::size_t>(pdev.name.size(), std::string_view("fc.").size())));
    return {target.value_or(Wwn()), pdev.address.lun, pdev.through};
}

Expected<FcUnit, Refusal> find_fc_unit(const FcTree& tree, const FcUnitName& name) {
    return find_fc_unit(tree, name.through.is_none() ? tree.view() : tree.view_of(name.through),
                        name);
}

Expected<FcUnit, Refusal> find_fc_unit(const FcTree& tree, const FcView& view,
                                       const FcUnitName& name) {
    return Search(tree, view, name).find();
}

std::vector<FcUnit> units_behind(const FcTree& tree, const FcView& view, Wwn through) {
    constexpr std::uint64_t method = 0xc000; // of addressing
    const FcPort* const port = view.port(through);
    if (port == nullptr)
        return {};
    std::map<std::pair<unsigned, std::uint64_t>, FcUnit> units;
    const fs::path devices = tree.sysfs() / "bus" / "scsi" / "devices";
    for (const std::string& name : sysfs::names_in(devices)) {
        const auto pdev = config::parse_pdev(name);
        if (!pdev || pdev->kind != config::PdevKind::address || pdev->address.host != port->host)
            continue;
        const auto& [host, channel, id, lun] = pdev->address;
        const auto sg = sysfs::only_name_in(devices / name / "scsi_generic");
        for (const FcRemotePort& target : view.remote_ports)
            if (target.host == host && target.channel == channel && target.target == id &&
                !sg.empty())
                units[{id, lun}] = {"/dev/" + sg, name, target,
                                    (lun & method) == flat_space ? lun & ~method : lun};
    }
    std::vector<FcUnit> all;
    for (auto& [place, unit] : units)
        all.push_back(std::move(unit));
    return all;
}

} // namespace pvscsi::backend::npiv
