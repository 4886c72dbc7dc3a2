#include "backend/ctl/daemon_verbs.hpp"

#include "backend/ctl/cells.hpp"
#include "backend/ctl/daemon_link.hpp"
#include "backend/ctl/failure.hpp"
#include "backend/ctl/table.hpp"
#include "common/base/printable.hpp"
#include "common/xenbus/nodes.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>
#include <optional>

namespace pvscsi::ctl {

namespace {

using nlohmann::json;

std::string time_text(std::uint64_t seconds) {
    const auto days = seconds / 86400;
    return (days > 0 ? fmt::format("{} d ", days) : "") +
           fmt::format("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
}

std::string vdev_of(const json& lun) {
    return fmt::format("{}:{}:{}:{}", lun.at("vhost").get<unsigned>(),
                       lun.at("channel").get<unsigned>(), lun.at("target").get<unsigned>(),
                       lun.at("lun").get<unsigned>());
}

std::vector<std::string> cells_of(const json& lun) {
    const auto number = [&](const char* key) { return lun.at(key).get<std::uint64_t>(); };
    const auto& domain = lun.at("domain").get_ref<const std::string&>();
    const std::uint64_t refused =
        number("task_sets_full") + number("conflicts") + number("policy_refused");
    return {or_dash(domain),
            std::to_string(number("domid")),
            lun.at("vdev"),
            std::to_string(number("in_flight")),
            std::to_string(number("commands")),
            memory_text(number("read_bytes")),
            memory_text(number("written_bytes")),
            std::to_string(number("check_conditions")),
            std::to_string(refused),
            std::to_string(number("host_errors") + number("other_statuses"))};
}

std::vector<std::string> counts_text(const json& lun) {
    const auto number = [&](const char* key) { return lun.at(key).get<std::uint64_t>(); };
    std::vector<std::string> lines{
        fmt::format("{} commands have ended, {} at the unit now", number("commands"),
                    number("in_flight")),
        fmt::format("{} read, {} written", memory_text(number("read_bytes")),
                    memory_text(number("written_bytes"))),
        fmt::format("{} times CHECK CONDITION, {} TASK SET FULL or BUSY, {} RESERVATION CONFLICT, "
                    "{} other failures",
                    number("check_conditions"), number("task_sets_full"), number("conflicts"),
                    number("host_errors") + number("other_statuses"))};
    if (number("policy_refused") + number("policy_noted") != 0)
        lines.push_back(fmt::format("{} refused by its policy, {} that it would have refused",
                                    number("policy_refused"), number("policy_noted")));
    return lines;
}

std::string to_table(const json& reply) {
    const json& daemon = reply.at("daemon");
    Table table({"DOMAIN", "ID", "VDEV", ">NOW", ">COMMANDS", ">READ", ">WRITTEN", ">CHECK",
                 ">REFUSED", ">ERRORS"});
    for (const json& lun : reply.at("luns"))
        table.add(cells_of(lun));
    std::string faults;
    for (const json& lun : reply.at("luns"))
        if (const auto injected = lun.at("injected").get<std::uint64_t>(); injected != 0)
            faults += fmt::format("{} {}: faults were injected into {} commands\n",
                                  or_dash(lun.at("domain").get_ref<const std::string&>()),
                                  lun.at("vdev").get<std::string>(), injected);
    return fmt::format("pvscsid {} pid {}, up {}, {} data thread{}, logs {}\n\n",
                       printable(daemon.at("version").get<std::string>()),
                       daemon.at("pid").get<long>(),
                       time_text(daemon.at("uptime_seconds").get<std::uint64_t>()),
                       daemon.at("threads").get<unsigned>(),
                       daemon.at("threads").get<unsigned>() == 1 ? "" : "s",
                       printable(daemon.at("log_level").get<std::string>())) +
           table.text() + faults;
}

json statistics_of(const DaemonPlace& place) {
    return ask_daemon(place.path, {{"do", "statistics"}}, place.patience);
}

using Names = std::map<unsigned, std::string>; ///< of the domains, by number

/// An older daemon does not tell them.
Names names_of(const json& reply) {
    Names names;
    for (const json& domain : reply.value("domains", json::array()))
        names[domain.at("domid").get<unsigned>()] = domain.at("name").get<std::string>();
    return names;
}

std::optional<unsigned> number_in(const std::string& domain) {
    const auto number = xenbus::parse_number(domain, 0xffff);
    return number ? std::optional(static_cast<unsigned>(*number)) : std::nullopt;
}

unsigned number_of(const Names& names, const std::string& domain) {
    const auto number = number_in(domain);
    std::string there;
    for (const auto& [domid, name] : names) {
        if (name == domain || domid == number)
            return domid;
        there += (there.empty() ? "" : ", ") + or_dash(name);
    }
    throw Failure(ExitCode::not_found,
                  fmt::format("there is no domain '{}' with LUNs of this pvscsid; there {}",
                              printable(domain), there.empty() ? "is none" : "are " + there));
}

json with_names(json reply, const StatsOptions& options) {
    const Names names = names_of(reply);
    reply.erase("domains");
    const bool all = options.domain.empty();
    const unsigned wanted = all ? 0 : number_of(names, options.domain);
    json luns = json::array();
    for (json& lun : reply.at("luns")) {
        const auto domid = lun.at("domid").get<unsigned>();
        if (!all && wanted != domid)
            continue;
        const auto name = names.find(domid);
        lun["domain"] = name == names.end() ? "" : name->second;
        lun["vdev"] = vdev_of(lun);
        for (const char* part : {"channel", "target", "lun"})
            lun.erase(part);
        luns.push_back(std::move(lun));
    }
    reply["luns"] = std::move(luns);
    return reply;
}

} // namespace

std::string reload(const DaemonPlace& place) {
    ask_daemon(place.path, {{"do", "reload"}}, place.patience);
    return "the settings and the domains' files are read again";
}

std::string accept(const DaemonPlace& place, const std::string& domain, const std::string& lun) {
    // What has a colon can't be a name.
    if (lun.find(':') != std::string::npos && !xenbus::parse_address(lun))
        throw Failure(ExitCode::usage, "'" + printable(lun) + "' is no address h:c:t:l");
    std::string name = domain;
    if (const auto number = number_in(domain)) {
        const Names names = names_of(statistics_of(place));
        name = names.at(number_of(names, domain));
    }
    json request{{"do", "accept"}, {"domain", name}};
    if (!lun.empty())
        request["vdev"] = lun;
    const json reply = ask_daemon(place.path, request, place.patience);
    const std::string vdev = reply.value("vdev", lun);
    return fmt::format("what {} of domain '{}' lead{} to now is right",
                       lun.empty() ? "the LUNs" : printable(vdev), printable(name),
                       lun.empty() ? "" : "s");
}

std::string log_level(const DaemonPlace& place, const std::string& level) {
    json request{{"do", "log-level"}};
    if (!level.empty())
        request["level"] = level;
    return ask_daemon(place.path, request, place.patience).at("level");
}

std::string stats(const DaemonPlace& place, const StatsOptions& options) {
    try {
        const json reply = with_names(statistics_of(place), options);
        return options.json ? reply.dump(2, ' ', false, json::error_handler_t::replace)
                            : to_table(reply);
    } catch (const json::exception& error) {
        throw Failure(ExitCode::failed,
                      std::string("the daemon is of another version: ") + error.what());
    }
}

unsigned domid_of(const DaemonPlace& place, const std::string& domain) {
    if (const auto number = number_in(domain))
        return *number;
    return number_of(names_of(statistics_of(place)), domain);
}

LunCounts lun_counts(const DaemonPlace& place) {
    LunCounts counts;
    try {
        const json reply = with_names(statistics_of(place), {});
        for (const json& lun : reply.at("luns"))
            counts[{lun.at("domid").get<unsigned>(), lun.at("vdev")}] = counts_text(lun);
    } catch (const Failure&) {
        return {};
    } catch (const json::exception&) {
        return {};
    }
    return counts;
}

} // namespace pvscsi::ctl
