// LUNs behind a Fibre Channel port of the guest's own: the port is made and waited for before the
// unit is opened, and stays until its last file is closed.
#include "backend/npiv/vports.hpp"
#include "backend/targets/sg/resolve.hpp"
#include "backend/toolstack/vhost_nodes.hpp"
#include "backend/vhost.hpp"

#include "common/config/pdev.hpp"

#include <stdexcept>
#include <sys/stat.h>
#include <tuple>

namespace pvscsi::backend {

using xenbus::State;
using Clock = std::chrono::steady_clock;

namespace {

/// Between two looks at sysfs: it is read whole each time.
constexpr std::chrono::milliseconds look_interval{100};

/// Another one for a node that comes after it, even if that gets its number.
std::string place_of(const std::string& node, const std::filesystem::path& sysfs) {
    const auto folder = sysfs / "class/scsi_generic" / std::filesystem::path(node).filename();
    struct ::stat info {};
    return ::stat(folder.c_str(), &info) == 0 ? fmt::format("{} {}", node, info.st_ino) : "";
}

/// Where the unit is now, and its own name. Both are empty if there is none.
std::pair<std::string, std::string> unit_at(const npiv::FcTree& tree, const std::string& path) {
    const auto pdev = config::parse_pdev(path);
    const auto unit =
        pdev ? npiv::find_fc_unit(tree, npiv::fc_unit_name(*pdev)) : unexpected(config::Refusal{});
    if (!unit)
        return {};
    return {place_of(unit->node, tree.sysfs()), unit_name(unit->node, tree.sysfs())};
}

} // namespace

/// Of a LUN that is served, or has been: with the port that it is reached by as a part of the PDEV,
/// for nothing else may lead there. Throws if that is not known any more.
LunConfig Vhost::with_port(const std::string& node_name, LunConfig config) const {
    if (config.vport.empty())
        return config;
    const auto place = reached_.find(node_name);
    if (place == reached_.end() || place->second.path.empty() ||
        place->second.config.pdev != config.pdev || place->second.config.vport != config.vport)
        throw std::runtime_error("its nodes were changed meanwhile");
    config.pdev = place->second.path;
    return config;
}

/// The same of one that is to be opened. Nothing: its port is not there yet, and it is to be asked
/// again soon. Throws if it can't be had, or has not come in time; the port stays even so, for the
/// unit may come later.
std::optional<LunConfig> Vhost::config_when_reached(const std::string& node_name) {
    const auto now = Clock::now();
    if (const auto place = reached_.find(node_name);
        place != reached_.end() && !place->second.awaited.empty() && now < place->second.look_at) {
        port_waits_ = true;
        return {};
    }
    LunConfig config = nodes_.config_to_open(node_name);
    if (config.vport.empty()) {
        reached_.erase(node_name);
        return config;
    }
    const auto wait =
        std::chrono::seconds(around_.settings->npiv_wait.value_or(config::default_npiv_wait));
    Reached& reached = reached_[node_name];
    if (reached.config != config || reached.until == Clock::time_point{})
        reached = {config, {}, {}, {}, std::move(reached.lease), {}, {}, now + wait, {}};
    if (now >= reached.look_at) {
        reached.look_at = now + look_interval;
        const std::string before = reached.awaited;
        look_behind_port(node_name, reached);
        if (!reached.awaited.empty() && now >= reached.until)
            throw std::runtime_error(
                fmt::format("{} (waited for {} s)", reached.awaited, wait.count()));
        if (!reached.awaited.empty() && reached.awaited != before)
            notices_.info("lun={} waits: {}", node_name, reached.awaited);
    }
    if (!reached.awaited.empty()) {
        port_waits_ = true;
        return {};
    }
    config.pdev = reached.path;
    std::tie(reached.place, reached.unit) = unit_at(around_.vports->tree(), config.pdev);
    return config;
}

/// Of a unit that was lost. False: it is not back, for its node never went; what ails it is not
/// that. Throws if it is another unit's node: the guest would go on writing to that.
bool Vhost::is_back(const LunConfig& config, Reached& reached) {
    const auto [place, unit] = unit_at(around_.vports->tree(), config.pdev);
    if (place.empty() || place == reached.place)
        return false;
    if (!reached.unit.empty() && unit != reached.unit)
        throw std::runtime_error(fmt::format(
            "another unit is there now, {}; the guest was given {}: detach it, and attach what is "
            "meant",
            unit.empty() ? "one without a name" : unit, reached.unit));
    reached.place = place;
    return true;
}

void Vhost::look_behind_port(const std::string& node_name, Reached& reached) {
    const auto choice = config::parse_vport_choice(reached.config.vport);
    const auto pdev = config::parse_pdev(reached.config.pdev);
    if (!choice || !pdev || pdev->kind != config::PdevKind::fc || around_.vports == nullptr)
        throw std::runtime_error(node_name + ": its nodes ask for a port of the guest's own, and " +
                                 log::escaped(reached.config.pdev) +
                                 " is not behind one; expected p-dev fc.<16hex>:<lun>");
    reached.awaited = "its port"; // unless it is known better
    const std::string vm = told_of_guest("vm", "vm");
    const std::string name = domain_name();
    // One without either is known by its number, for as long as that lasts.
    const std::string guest = !vm.empty() ? vm : !name.empty() ? name : xenbus::domain_path(guest_);
    auto access = around_.vports->reach(
        {*choice, guest, name, std::to_string(device_.value()), npiv::fc_unit_name(*pdev)});
    if (reached.path.empty())
        nodes_.set_port(node_name, to_string(access.through));
    reached.path = reached.config.pdev + "@" + to_string(access.through);
    reached.lease = std::move(access.lease);
    reached.awaited = std::move(access.awaited);
}

void Vhost::wait_for_ports_anew() {
    for (auto& [name, reached] : reached_)
        reached.until = reached.look_at = {};
}

/// Of a unit that is served. What the unit itself has to say goes before it.
void Vhost::warn_of_port(const std::string& node_name, Reached& reached) {
    try {
        look_behind_port(node_name, reached);
    } catch (const std::exception& error) {
        reached.awaited = error.what();
    }
    if (reached.awaited == reached.warned)
        return;
    if (const std::string& shown = warnings_[node_name]; !shown.empty() && shown != reached.warned)
        return;
    reached.warned = reached.awaited;
    warn_of_lun(node_name, reached.warned);
}

/// What had not come in time, and is there now: the guest is told of it as of a LUN that is added.
/// What was lost while it was served, as its target was away for longer than the kernel waits
/// (dev_loss_tmo), and has come back: it goes on at the same address, with nodes of other numbers.
void Vhost::try_ports_again() {
    if (closed_ || taking_over() || reached_.empty())
        return;
    const State ours = state_of(backend_);
    const bool connected = link_ == Link::up && ours == State::connected;
    if (!connected && ours != State::init_wait)
        return;
    bool came = false;
    for (auto& [name, reached] : reached_) {
        const auto served = luns_.find(name);
        if (served != luns_.end() && !served->second.failed)
            warn_of_port(name, reached);
        const bool lost = served != luns_.end() && served->second.failed;
        if (!lost && (!failed_.contains(name) || reached.awaited.empty()))
            continue;
        try {
            look_behind_port(name, reached);
            if (!reached.awaited.empty()) {
                if (lost)
                    reached.place.clear(); // it has gone
                continue;
            }
            if (lost) {
                const LunConfig config = with_port(name, nodes_.config_to_open(name));
                if (!is_back(config, reached))
                    continue;
                let_go(served);
                serve_lun({name, State::closed, true},
                          connected ? State::connected : State::initialised,
                          {config, open_target(name, config)});
                continue;
            }
        } catch (const std::exception& error) { // its node says why
            if (!lost)
                continue;
            reached.awaited = error.what();
            not_opened(name, error.what());
            continue;
        }
        reached.until = {};
        failed_.erase(name);
        nodes_.move({name}, State::closed, State::initialising);
        came = true;
    }
    if (came && connected)
        move(ours, State::reconfiguring);
    if (came)
        look();
}

} // namespace pvscsi::backend
