#include "backend/ctl/outcome.hpp"

#include "backend/ctl/cells.hpp"
#include "backend/devices/catalogue.hpp"
#include "backend/memory_available.hpp"
#include "backend/targets/sg/open.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "backend/toolstack/allowed.hpp"
#include "backend/toolstack/host_check.hpp"
#include "backend/unit_identity.hpp"
#include "backend/unit_records.hpp"
#include "common/base/printable.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

namespace pvscsi::ctl {

namespace {

using config::PdevKind;

/// The unit is not of this program.
bool passes_through(const std::string& target) {
    return target == "sg" || target == "iscsi";
}

std::string type_of(const std::string& target, const std::string& device_kind) {
    if (passes_through(target))
        return device_kind.empty() ? "unit" : device_kind;
    return target == "iso" ? "cd" : "disk";
}

class Outlook {
  public:
    Outlook(const Context& context, std::string domain)
        : context_(context), domain_(std::move(domain)) {}

    EntryOutcome of(const Lun& lun) {
        EntryOutcome outcome;
        outcome.entry = lun.entry;
        outcome.pdev = lun.pdev_text;
        outcome.vdev = to_string(lun.vdev);
        outcome.read_only = reads_only(lun);
        outcome.target = target_of(lun.pdev);
        outcome.size = lun.pdev.size;
        std::string device_kind;
        const auto pdev = reachable_pdev(lun);
        const auto path = pdev ? backend::path_of(*pdev) : unexpected(config::Refusal{});
        if (path && !path->empty())
            look_at(lun, *path, outcome, device_kind);
        outcome.type =
            lun.pdev.kind == PdevKind::vport ? "port" : type_of(outcome.target, device_kind);
        if (pdev)
            if (const auto refusal = refused_by_allow_list(context_.settings, *pdev))
                refuse(outcome, refusal->reason, refusal->remedy);
        if (lun.pdev.kind == PdevKind::ram)
            look_at_memory(outcome);
        return outcome;
    }

  private:
    void look_at(const Lun& lun, const std::string& path, EntryOutcome& outcome,
                 std::string& device_kind) {
        struct stat node {};
        if (::stat(path.c_str(), &node) != 0)
            return;
        const auto sg = backend::find_sg_node(path);
        if (sg || S_ISBLK(node.st_mode)) {
            const auto device = devices::find_device(sg ? *sg : path);
            device_kind = device.kind;
            outcome.size = device.size;
            outcome.unit = device.name;
            if (S_ISBLK(node.st_mode) && outcome.size == 0 && outcome.target == "block")
                refuse(outcome, "the device has a size of 0",
                       "a device with blocks; of a loop device one that is bound to a file");
        } else {
            outcome.size = static_cast<std::uint64_t>(node.st_size);
        }
        outcome.stable = !backend::goes_by_number(lun.pdev);
        if (!outcome.stable)
            look_at_name(lun, path, sg ? *sg : path, outcome);
    }

    /// The kernel numbers devices anew with each boot.
    void look_at_name(const Lun& lun, const std::string& path, const std::string& node,
                      EntryOutcome& outcome) {
        outcome.stable_name = stable_name_of(node, outcome.unit);
        outcome.warnings.push_back(
            {lun.entry, lun.pdev_text, "after a boot this name may lead to another unit",
             outcome.stable_name.empty()
                 ? "a name that stays, such as a link in /dev/disk/by-id; there is none here"
                 : outcome.stable_name});
        if (domain_.empty() || context_.records.empty())
            return;
        try {
            outcome.recorded_unit = backend::UnitRecords(context_.records)
                                        .unit_of(domain_, outcome.vdev, lun.pdev_text);
        } catch (const std::runtime_error& error) { // the daemon refuses it for the same reason
            return refuse(outcome, error.what(), "a record that can be read, or none");
        }
        const std::string now = backend::lasting_identity(path);
        if (!outcome.recorded_unit.empty() && outcome.recorded_unit != now)
            refuse(
                outcome,
                fmt::format("it leads to the unit {}, and led to {} when the domain was given it",
                            now.empty() ? "without a name" : now, outcome.recorded_unit),
                "a name that stays, of the unit that is meant");
    }

    std::string stable_name_of(const std::string& node, const std::string& unit) {
        if (!devices_)
            devices_ = devices::list_devices();
        const auto place =
            std::find_if(devices_->begin(), devices_->end(), [&](const devices::Device& device) {
                return device.node == node ||
                       std::find(device.nodes.begin(), device.nodes.end(),
                                 node.substr(node.rfind('/') + 1)) != device.nodes.end();
            });
        if (place == devices_->end()) // a partition
            return devices::link_of(node);
        constexpr std::size_t naa_length = 20; // "naa." and 16 digits
        const auto colon = place->address.rfind(':');
        if (place->link.empty() && place->paths.empty() && unit.starts_with("naa.") &&
            unit.size() == naa_length && colon != std::string::npos)
            return unit + place->address.substr(colon);
        return place->link;
    }

    void look_at_memory(EntryOutcome& outcome) {
        const auto available = backend::memory_available();
        if (available && outcome.size > *available)
            refuse(outcome,
                   fmt::format("it does not fit into the host's memory, of which {} are available",
                               memory_text(*available)),
                   "a smaller one, or an image: file:");
    }

    void refuse(EntryOutcome& outcome, std::string reason, std::string remedy) {
        outcome.mistakes.push_back(
            {outcome.entry, outcome.pdev, std::move(reason), std::move(remedy)});
    }

    const Context& context_;
    const std::string domain_;
    std::optional<std::vector<devices::Device>> devices_; ///< read when one is asked for
};

} // namespace

std::vector<EntryOutcome> outcomes_of(const Context& context, const std::vector<Lun>& here,
                                      const std::string& domain) {
    Outlook outlook(context, domain);
    std::vector<EntryOutcome> outcomes;
    for (const Lun& lun : here)
        outcomes.push_back(outlook.of(lun));
    return outcomes;
}

std::string text_of(const EntryOutcome& outcome) {
    std::string text = fmt::format("{}: {}", outcome.vdev, outcome.type);
    if (outcome.size != 0)
        text += " of " + capacity_text(outcome.size);
    if (passes_through(outcome.target))
        text += ", passed through";
    else
        text += fmt::format(", emulated ({})", outcome.target);
    if (!outcome.unit.empty())
        text += ", " + printable(outcome.unit);
    return text + (outcome.read_only ? ", read only" : "");
}

std::string to_json(const CheckResult& result) {
    auto entries = nlohmann::ordered_json::array();
    for (const EntryOutcome& outcome : result.outcomes)
        entries.push_back({{"entry", outcome.entry},
                           {"pdev", outcome.pdev},
                           {"vdev", outcome.vdev},
                           {"type", outcome.type},
                           {"target", outcome.target},
                           {"mode", outcome.read_only ? "ro" : "rw"},
                           {"size", outcome.size},
                           {"unit", outcome.unit},
                           {"stable", outcome.stable},
                           {"stable_name", outcome.stable_name},
                           {"recorded_unit", outcome.recorded_unit}});
    auto warnings = result.warnings;
    warnings.insert(warnings.end(), result.useless.begin(), result.useless.end());
    const nlohmann::ordered_json json{{"right", result.problems.empty()},
                                      {"entries", std::move(entries)},
                                      {"problems", result.problems},
                                      {"warnings", warnings}};
    return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

} // namespace pvscsi::ctl
