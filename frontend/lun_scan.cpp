// What the backend offers: its LUNs and its limits, read from its nodes with all due distrust; how
// LUNs come and go.
#include "frontend/xenbus_front.hpp"

#include "ring/abi.hpp"

#include <algorithm>
#include <set>

namespace pvscsi::frontend {

namespace {

using xenbus::State;

/// LUNs of one vhost that are looked at; Linux can have 64 targets with 255 each.
constexpr std::size_t max_devices = 16384;
/// Segments of one request that are worth having: 8 MiB.
constexpr std::uint64_t max_segments = 2048;

bool is_device_name(const std::string& name) {
    return name.size() <= 16 && name.starts_with("dev-") &&
           xenbus::parse_number(std::string_view(name).substr(4), 0xffffffff).has_value();
}

} // namespace

/// feature-sg-grant; what cannot be right is taken for not offered.
unsigned XenbusFront::offered_segments() {
    const auto text = store_->read(back_ + "/feature-sg-grant");
    const auto value = text ? xenbus::parse_number(*text, 0xffffffff) : std::nullopt;
    if (!value || *value <= ring::max_direct_segments)
        return ring::max_direct_segments;
    return static_cast<unsigned>(std::min(*value, max_segments));
}

std::vector<std::string> XenbusFront::device_names() {
    auto names = store_->list(back_ + "/vscsi-devs");
    if (!names)
        return {};
    std::erase_if(*names, [](const std::string& name) { return !is_device_name(name); });
    if (names->size() > max_devices)
        names->resize(max_devices);
    return std::move(*names);
}

State XenbusFront::device_state(const std::string& name) {
    const auto text = store_->read(back_ + "/vscsi-devs/" + name + "/state");
    return text ? xenbus::state_from_node(*text).value_or(State::unknown) : State::unknown;
}

/// Takes in what is there now, and drops what no longer is.
void XenbusFront::add_luns() {
    std::set<std::string> shown;
    for (const std::string& name : device_names()) {
        const State state = device_state(name);
        if ((state == State::initialised || state == State::connected) && add_lun(name))
            shown.insert(name);
    }
    for (auto lun = luns_.begin(); lun != luns_.end();) {
        if (shown.contains(lun->first)) {
            ++lun;
            continue;
        }
        if (!lun->second.removing)
            handler_.lun_removed(lun->second.address);
        lun = luns_.erase(lun);
    }
}

bool XenbusFront::add_lun(const std::string& name) {
    const auto text = store_->read(back_ + "/vscsi-devs/" + name + "/v-dev");
    const auto address = text ? xenbus::parse_address(*text) : std::nullopt;
    const bool taken = address && std::any_of(luns_.begin(), luns_.end(), [&](const auto& lun) {
                           const auto& other = lun.second.address;
                           return lun.first != name && other.channel == address->channel &&
                                  other.target == address->target && other.lun == address->lun;
                       });
    if (!address || taken) {
        write_lun_state(name, State::closed);
        return false;
    }
    const auto [lun, is_new] = luns_.try_emplace(name, Lun{*address});
    if (!is_new && lun->second.address != *address) {
        handler_.lun_removed(lun->second.address);
        lun->second.address = *address;
        handler_.lun_added(*address);
    } else if (is_new) {
        handler_.lun_added(*address);
    }
    lun->second.removing = false;
    write_lun_state(name, State::connected);
    return true;
}

/// First step of hot add and hot remove: LUNs go before the backend is told so (protocol order of
/// Linux), so that it serves them to the end.
void XenbusFront::reconfigure(TimePoint now) {
    if (!reconfiguring_) {
        reconfiguring_ = true;
        patience_ = now + timing_.remove_wait;
        remove_luns();
    }
    if (finish_removals(now < patience_)) {
        reconfiguring_ = false;
        enter(Phase::connected, State::reconfiguring);
    } else {
        deadline_ = now + timing_.control_interval;
    }
}

void XenbusFront::remove_luns() {
    for (auto& [name, lun] : luns_)
        if (!lun.removing && device_state(name) == State::closing) {
            lun.removing = true;
            lun.mark = handler_.lun_removed(lun.address);
        }
}

/// True when every LUN that is being removed is idle, or, not `patient`, is given up.
bool XenbusFront::finish_removals(bool patient) {
    bool all = true;
    for (auto lun = luns_.begin(); lun != luns_.end();) {
        const bool idle = lun->second.removing &&
                          (!patient || handler_.lun_idle(lun->second.address, lun->second.mark));
        all = all && (idle || !lun->second.removing);
        if (!idle) {
            ++lun;
            continue;
        }
        write_lun_state(lun->first, State::closed);
        lun = luns_.erase(lun);
    }
    return all;
}

std::vector<xenbus::VirtualAddress> XenbusFront::luns() const {
    std::vector<xenbus::VirtualAddress> addresses;
    for (const auto& [name, lun] : luns_)
        if (!lun.removing)
            addresses.push_back(lun.address);
    std::sort(addresses.begin(), addresses.end());
    return addresses;
}

void XenbusFront::write_lun_state(const std::string& name, State state) {
    write("/vscsi-devs/" + name + "/state", xenbus::to_node(state));
}

} // namespace pvscsi::frontend
