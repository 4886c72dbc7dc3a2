#include "backend/ctl/daemon_verbs.hpp"

#include "backend/ctl/cells.hpp"
#include "backend/ctl/daemon_link.hpp"
#include "backend/ctl/failure.hpp"
#include "backend/ctl/table.hpp"
#include "backend/toolstack/text.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pvscsi::ctl {

namespace {

using nlohmann::json;
using toolstack::printable;

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
    const std::uint64_t refused = number("task_sets_full") + number("conflicts");
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
    return {
        fmt::format("{} commands have ended, {} at the unit now", number("commands"),
                    number("in_flight")),
        fmt::format("{} read, {} written", memory_text(number("read_bytes")),
                    memory_text(number("written_bytes"))),
        fmt::format("{} times CHECK CONDITION, {} TASK SET FULL or BUSY, {} RESERVATION CONFLICT, "
                    "{} other failures",
                    number("check_conditions"), number("task_sets_full"), number("conflicts"),
                    number("host_errors") + number("other_statuses"))};
}

std::string to_table(const json& reply) {
    const json& daemon = reply.at("daemon");
    Table table({"DOMAIN", "ID", "VDEV", ">NOW", ">COMMANDS", ">READ", ">WRITTEN", ">CHECK",
                 ">REFUSED", ">ERRORS"});
    for (const json& lun : reply.at("luns"))
        table.add(cells_of(lun));
    return fmt::format("pvscsid {} pid {}, up {}, {} data thread{}, logs {}\n\n",
                       printable(daemon.at("version").get<std::string>()),
                       daemon.at("pid").get<long>(),
                       time_text(daemon.at("uptime_seconds").get<std::uint64_t>()),
                       daemon.at("threads").get<unsigned>(),
                       daemon.at("threads").get<unsigned>() == 1 ? "" : "s",
                       printable(daemon.at("log_level").get<std::string>())) +
           table.text();
}

json with_names(json reply, const StatsOptions& options) {
    json luns = json::array();
    for (json& lun : reply.at("luns")) {
        const auto domid = lun.at("domid").get<unsigned>();
        if (options.domid && *options.domid != domid)
            continue;
        const auto name = options.names.find(domid);
        lun["domain"] = name == options.names.end() ? "" : name->second;
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

std::string log_level(const DaemonPlace& place, const std::string& level) {
    json request{{"do", "log-level"}};
    if (!level.empty())
        request["level"] = level;
    return ask_daemon(place.path, request, place.patience).at("level");
}

std::string stats(const DaemonPlace& place, const StatsOptions& options) {
    try {
        const json reply =
            with_names(ask_daemon(place.path, {{"do", "statistics"}}, place.patience), options);
        return options.json ? reply.dump(2, ' ', false, json::error_handler_t::replace)
                            : to_table(reply);
    } catch (const json::exception& error) {
        throw Failure(ExitCode::failed,
                      std::string("the daemon is of another version: ") + error.what());
    }
}

LunCounts lun_counts(const DaemonPlace& place) {
    LunCounts counts;
    try {
        const json reply =
            with_names(ask_daemon(place.path, {{"do", "statistics"}}, place.patience), {});
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
