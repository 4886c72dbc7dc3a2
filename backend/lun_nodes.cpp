#include "backend/lun_nodes.hpp"

#include "common/base/log.hpp"
#include "common/config/options.hpp"
#include "common/config/policies.hpp"
#include "common/config/wwn.hpp"

#include <algorithm>
#include <span>
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

xenbus::State LunNodes::state(const std::string& name, hv::StoreTxn txn) {
    const auto text = store_.read(path(name, "state"), txn);
    return text ? xenbus::state_from_node(*text).value_or(xenbus::State::unknown)
                : xenbus::State::unknown;
}

bool LunNodes::is_news(std::string_view node) {
    const std::string name(node.substr(0, node.find('/')));
    const auto leaf = node.substr(std::min(name.size(), node.size()));
    if (leaf == "/error" || leaf == "/warning" || leaf == "/identity" || leaf == "/target" ||
        leaf == "/port")
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

LunNodes::Meaning LunNodes::meaning(const std::string& name, hv::StoreTxn txn) {
    const auto read = [&](const char* node) {
        return store_.read(path(name, node), txn).value_or("");
    };
    return {read("p-dev"),     read("v-dev"),  read("mode"),
            read("exclusive"), read("policy"), read("vport")};
}

LunConfig LunNodes::config(const std::string& name) {
    return config_from(name, meaning(name, hv::no_transaction));
}

LunConfig LunNodes::config_to_open(const std::string& name) {
    return config_from(name, opened_as_[name] = meaning(name, hv::no_transaction));
}

LunConfig LunNodes::config_from(const std::string& name, const Meaning& said) {
    if (said.pdev.empty())
        (void)required(name, "p-dev"); // throws, and says why
    if (!said.mode.empty() && said.mode != "w" && said.mode != "r")
        throw std::runtime_error("mode is \"" + log::escaped(said.mode) + "\", expected w or r");
    if (!said.exclusive.empty() && said.exclusive != "no")
        throw std::runtime_error("exclusive is \"" + log::escaped(said.exclusive) +
                                 "\", expected no, or no such node");
    if (!said.policy.empty() && !config::parse_policy_choice(said.policy))
        throw std::runtime_error("policy is \"" + log::escaped(said.policy) +
                                 "\", expected NAME or audit:NAME");
    if (!said.vport.empty() && !config::parse_vport_choice(said.vport))
        throw std::runtime_error("vport is \"" + log::escaped(said.vport) +
                                 "\", expected auto or WWPN:WWNN, and maybe @PORT");
    LunConfig config;
    config.pdev = said.pdev;
    config.read_only = said.mode == "r";
    config.exclusive = said.exclusive.empty();
    config.policy = said.policy;
    config.vport = said.vport;
    config.name = optional(name, "name");
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

void LunNodes::complain(const std::string& name, const std::error_code& error) {
    log::warning("node={}/{} write failed error=\"{}\"", root_, name, error.message());
}

bool LunNodes::change(const std::string& name, const std::function<bool(xenbus::State)>& wanted,
                      const Change& write) {
    bool as_wanted = false;
    const auto done = hv::transact(store_, [&](hv::StoreTxn txn) -> Result<void> {
        as_wanted = wanted(state(name, txn));
        return as_wanted ? write(txn) : Result<void>{};
    });
    if (!done)
        complain(name, done.error());
    return done && as_wanted;
}

bool LunNodes::set_served(const LunNode& seen, xenbus::State next, const std::string& identity,
                          const std::string& warning, const std::string& target) {
    const std::string& name = seen.name;
    const auto write = [&](hv::StoreTxn txn) -> Result<void> {
        const std::string node = path(name, "identity");
        if (auto done = store_.write(node, identity, txn); !done)
            return done;
        if (auto done =
                store_.set_permissions(node, {hv::StorePermission{owner_, false, false}}, txn);
            !done)
            return done;
        if (!target.empty())
            if (auto done = store_.write(path(name, "target"), target, txn); !done)
                return done;
        (void)store_.remove(path(name, "error"), txn); // mostly there is none
        (void)store_.remove(path(name, "warning"), txn);
        if (!warning.empty())
            if (auto done = store_.write(path(name, "warning"), warning, txn); !done)
                return done;
        return next == seen.state ? Result<void>{} : write_state(name, next, txn);
    };
    const auto opened_as = opened_as_.extract(name);
    bool as_opened = false;
    const auto write_if_as_opened = [&](hv::StoreTxn txn) -> Result<void> {
        // A toolstack may have made it anew, and it is at `seen` again.
        as_opened = opened_as && meaning(name, txn) == opened_as.mapped();
        return as_opened ? write(txn) : Result<void>{};
    };
    const auto unmoved = [&](xenbus::State now) { return now == seen.state; };
    if (!change(name, unmoved, write_if_as_opened) || !as_opened)
        return false;
    written_[name] = next;
    return true;
}

void LunNodes::move(const std::vector<std::string>& names, xenbus::State seen, xenbus::State next) {
    constexpr std::size_t at_once = 64; // a transaction may not touch any number of nodes
    for (std::size_t from = 0; from < names.size(); from += at_once) {
        const auto some = std::span(names).subspan(from, std::min(at_once, names.size() - from));
        std::vector<std::string> moved;
        const auto done = hv::transact(store_, [&](hv::StoreTxn txn) -> Result<void> {
            moved.clear();
            for (const std::string& name : some) {
                if (state(name, txn) != seen)
                    continue;
                if (auto written = write_state(name, next, txn); !written)
                    return written;
                moved.push_back(name);
            }
            return {};
        });
        if (!done)
            complain(some.front(), done.error());
        else
            for (const std::string& name : moved)
                written_[name] = next;
    }
}

void LunNodes::set_failed(const std::string& name, const std::string& reason) {
    opened_as_.erase(name);
    const auto stays = [](xenbus::State now) {
        return now != xenbus::State::unknown && now != xenbus::State::closing;
    };
    if (change(name, stays, [&](hv::StoreTxn txn) -> Result<void> {
            if (auto done = store_.write(path(name, "error"), reason, txn); !done)
                return done;
            (void)store_.remove(path(name, "warning"), txn); // it was of a unit that works
            return write_state(name, xenbus::State::closed, txn);
        }))
        written_[name] = xenbus::State::closed;
}

void LunNodes::set_port(const std::string& name, const std::string& wwpn) {
    change(
        name, [](xenbus::State now) { return now != xenbus::State::unknown; },
        [&](hv::StoreTxn txn) { return store_.write(path(name, "port"), wwpn, txn); });
}

void LunNodes::set_warning(const std::string& name, const std::string& what) {
    change(
        name, [](xenbus::State now) { return now != xenbus::State::unknown; },
        [&](hv::StoreTxn txn) -> Result<void> {
            if (!what.empty())
                return store_.write(path(name, "warning"), what, txn);
            (void)store_.remove(path(name, "warning"), txn); // there may be none
            return {};
        });
}

} // namespace pvscsi::backend
