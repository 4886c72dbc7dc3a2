#include "backend/lun_nodes.hpp"

#include "common/base/log.hpp"
#include "common/config/options.hpp"

#include <algorithm>
#include <stdexcept>

namespace pvscsi::backend {

std::vector<LunNode> LunNodes::list() {
    std::vector<LunNode> nodes;
    const auto names = store_.list(root_);
    if (!names)
        return nodes;
    for (const std::string& name : *names) {
        const auto text = store_.read(path(name, "state"));
        if (!text)
            continue; // half written or half removed: the next event shows it whole
        const auto state = xenbus::state_from_node(*text).value_or(xenbus::State::unknown);
        // A unit that works has no error, and with thousands of them each read counts.
        const bool has_error =
            state == xenbus::State::closed && store_.read(path(name, "error")).has_value();
        nodes.push_back({name, state, has_error});
    }
    return nodes;
}

xenbus::State LunNodes::state(const std::string& name) {
    const auto text = store_.read(path(name, "state"));
    return text ? xenbus::state_from_node(*text).value_or(xenbus::State::unknown)
                : xenbus::State::unknown;
}

bool LunNodes::is_news(std::string_view node) {
    const std::string name(node.substr(0, node.find('/')));
    const auto leaf = node.substr(std::min(name.size(), node.size()));
    if (leaf == "/error" || leaf == "/warning" || leaf == "/identity")
        return false;
    const auto ours = written_.find(name);
    if (leaf == "/state" && ours != written_.end() && state(name) == ours->second)
        return false;
    if (ours != written_.end())
        written_.erase(ours);
    return true;
}

std::optional<std::set<std::string>> LunNodes::names() {
    const auto names = store_.list(root_);
    if (names)
        return std::set<std::string>(names->begin(), names->end());
    if (names.error() == std::errc::no_such_file_or_directory)
        return std::set<std::string>{};
    return {};
}

std::string LunNodes::required(const std::string& name, const std::string& node) {
    auto value = store_.read(path(name, node));
    if (!value)
        throw std::runtime_error("node " + path(name, node) + ": " + value.error().message());
    return std::move(*value);
}

std::string LunNodes::optional(const std::string& name, const std::string& node) {
    return store_.read(path(name, node)).value_or("");
}

xenbus::VirtualAddress LunNodes::address(const std::string& name) {
    const std::string text = required(name, "v-dev");
    const auto address = xenbus::parse_address(text);
    if (!address)
        throw std::runtime_error("v-dev is \"" + log::escaped(text) +
                                 "\", expected HOST:CHANNEL:TARGET:LUN");
    return *address;
}

LunConfig LunNodes::config(const std::string& name) {
    LunConfig config;
    config.pdev = required(name, "p-dev");
    config.name = optional(name, "name");
    const std::string mode = optional(name, "mode");
    if (!mode.empty() && mode != "w" && mode != "r")
        throw std::runtime_error("mode is \"" + log::escaped(mode) + "\", expected w or r");
    config.read_only = mode == "r";
    config.queue_depth = number(name, "queue-depth", config::max_queue_depth);
    config.timeout = number(name, "timeout", config::max_timeout);
    return config;
}

/// Zero if it is not there.
unsigned LunNodes::number(const std::string& name, const std::string& node, unsigned most) {
    const std::string text = optional(name, node);
    if (text.empty())
        return 0;
    const auto value = xenbus::parse_number(text, most);
    if (!value || *value == 0)
        throw std::runtime_error(fmt::format("{} is \"{}\", expected a number from 1 to {}", node,
                                             log::escaped(text), most));
    return static_cast<unsigned>(*value);
}

void LunNodes::set_identity(const std::string& name, const std::string& identity) {
    const std::string node = path(name, "identity");
    if (store_.write(node, identity))
        (void)store_.set_permissions(node, {hv::StorePermission{owner_, false, false}});
}

void LunNodes::set_state(const std::string& name, xenbus::State state) {
    written_[name] = state;
    if (const auto done = store_.write(path(name, "state"), xenbus::to_node(state)); !done)
        log::warning("node={} write failed error=\"{}\"", path(name, "state"),
                     done.error().message());
}

void LunNodes::set_failed(const std::string& name, const std::string& reason) {
    (void)store_.write(path(name, "error"), reason);
    set_state(name, xenbus::State::closed);
}

void LunNodes::set_warning(const std::string& name, const std::string& what) {
    (void)store_.write(path(name, "warning"), what);
}

void LunNodes::clear_remarks(const std::string& name) {
    for (const char* node : {"error", "warning"})
        (void)store_.remove(path(name, node));
}

} // namespace pvscsi::backend
