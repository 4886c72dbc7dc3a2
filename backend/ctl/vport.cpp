// pvscsictl vport: the Fibre Channel ports of guests, as the daemon keeps them.
#include "backend/ctl/cells.hpp"
#include "backend/ctl/daemon_link.hpp"
#include "backend/ctl/daemon_verbs.hpp"
#include "backend/ctl/failure.hpp"
#include "backend/ctl/table.hpp"
#include "common/base/printable.hpp"
#include "common/config/wwn.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pvscsi::ctl {

namespace {

using nlohmann::json;

/// In the order of vport.schema.json, which is that of --plain.
constexpr std::array fields{"port",   "node",  "on",   "host",   "state",        "reason",
                            "domain", "guest", "ours", "in_use", "symbolic_name"};

std::string text_of(const json& row, const char* field) {
    const json& value = row.at(field);
    if (value.is_boolean())
        return value.get<bool>() ? "yes" : "no";
    return printable(value.get<std::string>());
}

std::string in_order(const json& rows) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const json& row : rows) {
        nlohmann::ordered_json one;
        for (const char* const field : fields)
            one[field] = row.at(field);
        all.push_back(std::move(one));
    }
    return all.dump(2, ' ', false, json::error_handler_t::replace);
}

std::string to_plain(const json& rows) {
    std::string text;
    for (const json& row : rows) {
        std::string line;
        for (const char* const field : fields)
            line += (line.empty() ? "" : "\t") + or_dash(text_of(row, field));
        text += line + "\n";
    }
    return text;
}

/// Who has it, or why nobody does.
std::string user_of(const json& row) {
    if (!row.at("ours").get<bool>())
        return "not ours";
    const std::string domain = text_of(row, "domain");
    if (domain.empty())
        return "made by hand";
    return domain + (row.at("in_use").get<bool>() ? "" : " (away)");
}

std::string to_table(const json& rows) {
    if (rows.empty())
        return "there are no virtual Fibre Channel ports";
    Table table({"PORT", "NODE", "ON", "HOST", "STATE", "DOMAIN"});
    for (const json& row : rows) {
        table.add({text_of(row, "port"), text_of(row, "node"), or_dash(text_of(row, "on")),
                   or_dash(text_of(row, "host")), text_of(row, "state"), user_of(row)});
        if (const std::string reason = text_of(row, "reason"); !reason.empty())
            table.remark(reason);
    }
    return table.text();
}

std::string shown(const json& row) {
    std::string text;
    constexpr std::array names{"port",  "node",   "on port",      "host adapter",
                               "state", "reason", "domain",       "guest",
                               "ours",  "in use", "symbolic name"};
    for (std::size_t i = 0; i < fields.size(); ++i)
        if (const std::string value = text_of(row, fields[i]); !value.empty())
            text += fmt::format("  {:<14} {}\n", names[i], value);
    return text;
}

std::string pool_table(const json& pool) {
    const std::string prefix = pool.at("prefix").get<std::string>();
    const json& given = pool.at("given");
    std::string text =
        prefix.empty() ? "this host has no pool of names: pool below [npiv] in pvscsid.toml\n"
                       : fmt::format("names that begin with {}: {} of {} guests have some\n",
                                     prefix, given.size(), pool.at("size").get<std::uint64_t>());
    if (given.empty())
        return text;
    Table table({"DOMAIN", "ON", "PORT", "SECOND PORT", "NODE", "GUEST"});
    for (const json& item : given)
        table.add({or_dash(text_of(item, "domain")), or_dash(text_of(item, "on")),
                   text_of(item, "port"), text_of(item, "second_port"), text_of(item, "node"),
                   text_of(item, "guest")});
    return text + table.text();
}

[[noreturn]] void usage(const std::string& what) {
    throw Failure(ExitCode::usage, what);
}

/// A WWPN in its one spelling.
std::string port_named(const VportOptions& options) {
    const auto port = config::parse_wwn_name(options.name);
    if (!port)
        usage(fmt::format("vport {} needs a WWPN, 16 hexadecimal digits, and '{}' is none",
                          options.action, printable(options.name)));
    return to_string(*port);
}

const json& row_named(const json& rows, const std::string& port) {
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const json& candidate) {
        return candidate.at("port") == port;
    });
    if (row == rows.end())
        throw Failure(ExitCode::not_found, "there is no virtual port " + port);
    return *row;
}

std::string act(const DaemonPlace& place, const VportOptions& options) {
    const auto ask = [&](json request) {
        request["do"] = "vport";
        return ask_daemon(place.path, request, place.patience);
    };
    if (options.action != "pool" && !options.release.empty())
        usage("--release is vport pool's");
    if (!options.name.empty() && (options.action == "pool" || options.action == "list"))
        usage("vport " + options.action + " takes no argument");
    if (options.action == "pool") {
        const json pool = ask({{"what", "pool"}, {"release", options.release}});
        return options.json ? pool.dump(2, ' ', false, json::error_handler_t::replace)
                            : pool_table(pool);
    }
    if (options.action == "create") {
        const auto choice = config::parse_vport_choice(options.name);
        if (!choice || !choice->names)
            usage("vport create needs WWPN:WWNN[@PORT], the port's name and then the node's");
        ask({{"what", "create"}, {"vport", to_string(*choice)}});
        return "the port " + to_string(choice->names->port) + " is being made";
    }
    if (options.action == "delete") {
        const std::string port = port_named(options);
        ask({{"what", "delete"}, {"port", port}});
        return "the port " + port + " is being deleted";
    }
    const json rows = ask({{"what", "list"}}).at("vports");
    if (options.action == "show") {
        const json& row = row_named(rows, port_named(options));
        return options.json ? in_order(json::array({row})) : shown(row);
    }
    return options.json ? in_order(rows) : options.plain ? to_plain(rows) : to_table(rows);
}

} // namespace

std::string vport(const DaemonPlace& place, const VportOptions& options) {
    try {
        return act(place, options);
    } catch (const json::exception& error) {
        throw Failure(ExitCode::failed,
                      std::string("the daemon is of another version: ") + error.what());
    }
}

} // namespace pvscsi::ctl
