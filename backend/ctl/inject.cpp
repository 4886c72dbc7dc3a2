// pvscsictl inject: has the daemon make commands of a LUN fail.
#include "backend/ctl/daemon_link.hpp"
#include "backend/ctl/daemon_verbs.hpp"
#include "backend/ctl/failure.hpp"
#include "backend/ctl/table.hpp"
#include "backend/inject/rule.hpp"
#include "common/base/printable.hpp"
#include "common/xenbus/nodes.hpp"

#include <nlohmann/json.hpp>

namespace pvscsi::ctl {

namespace {

using nlohmann::json;

/// The daemon takes 4096 bytes.
constexpr std::size_t longest_request = 4000;

json request_of(const DaemonPlace& place, const InjectOptions& options) {
    const auto address = xenbus::parse_address(options.vdev);
    if (!address)
        throw Failure(ExitCode::usage, "'" + options.vdev + "' is no address h:c:t:l");
    for (const std::string& text : options.rules)
        if (const auto rule = backend::inject::Rule::parse(text); !rule)
            throw Failure(ExitCode::usage, rule.error());
    json request{{"do", "inject"},
                 {"domid", domid_of(place, options.domain)},
                 {"vhost", address->host},
                 {"channel", address->channel},
                 {"target", address->target},
                 {"lun", address->lun},
                 {"clear", options.clear},
                 {"rules", options.rules}};
    if (request.dump().size() > longest_request)
        throw Failure(ExitCode::usage, "these are too many rules for one command");
    return request;
}

std::string to_table(const json& rules) {
    if (rules.empty())
        return "no faults are injected";
    Table table({"RULE", ">FITTED", ">HIT"});
    for (const json& rule : rules)
        table.add({printable(rule.at("rule").get<std::string>()),
                   std::to_string(rule.at("fitted").get<std::uint64_t>()),
                   std::to_string(rule.at("hit").get<std::uint64_t>())});
    return table.text();
}

} // namespace

std::string inject(const DaemonPlace& place, const InjectOptions& options) {
    try {
        const json request = request_of(place, options);
        const json reply = ask_daemon(place.path, request, place.patience);
        return options.json ? reply.dump(2, ' ', false, json::error_handler_t::replace)
                            : to_table(reply.at("rules"));
    } catch (const json::exception& error) {
        throw Failure(ExitCode::failed,
                      std::string("the daemon is of another version: ") + error.what());
    }
}

} // namespace pvscsi::ctl
