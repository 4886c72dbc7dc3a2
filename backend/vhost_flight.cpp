// The flight recorders' files of a vhost (flight/README.md): made when a LUN is served, kept for as
// long as the vhost is, those of detached LUNs up to a number.
#include "backend/vhost.hpp"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace pvscsi::backend {

std::string Vhost::record_path(const std::string& node_name) const {
    return state_path_ + "." + node_name + flight::suffix;
}

/// There is no device to ask about, and recording would be a good part of what a command costs.
static bool is_memory(const std::string& pdev) {
    return pdev.starts_with("ram:") || pdev.starts_with("null:");
}

/// None if it isn't wanted or can't be made: the unit is served all the same.
std::shared_ptr<flight::Recorder>
Vhost::open_recorder(const std::string& node_name, const LunConfig& config, const Target& target) {
    if (around_.trace_length == 0 || is_memory(config.pdev))
        return nullptr;
    const auto v = nodes_.address(node_name);
    try {
        auto recorder =
            flight::Recorder::open(record_path(node_name),
                                   {guest_.value(),
                                    device_.value(),
                                    {v.channel, v.target, v.lun},
                                    domain_name(),
                                    config.pdev,
                                    target.device_type()},
                                   std::max(around_.trace_length, flight::least_length));
        recorded_.insert(node_name);
        return recorder;
    } catch (const std::system_error& error) {
        log_.warning("lun={} its commands are not recorded error=\"{}\"", node_name, error.what());
        return nullptr;
    }
}

/// It was detached: what happened may still be asked for, but numbers of nodes are not used again.
void Vhost::retire_record(const std::string& node_name) {
    if (recorded_.erase(node_name) == 0)
        return;
    const unsigned number = detached_records_++ % flight::detached_kept;
    const std::string name = "detached-" + std::to_string(number);
    if (::rename(record_path(node_name).c_str(), record_path(name).c_str()) == 0)
        recorded_.insert(name);
}

void Vhost::forget_records() noexcept {
    for (const std::string& name : recorded_)
        ::unlink(record_path(name).c_str());
    recorded_.clear();
}

} // namespace pvscsi::backend
