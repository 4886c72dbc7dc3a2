#include "backend/npiv/vport_requests.hpp"

#include <nlohmann/json.hpp>

namespace pvscsi::backend::npiv {

namespace {

using nlohmann::json;

json text_or_empty(std::optional<unsigned> host) {
    return host ? "host" + std::to_string(*host) : "";
}

json row_of(const VportStatus& status, const std::optional<FcVport>& vport) {
    const VportRecord& record = status.record;
    return {{"port", to_string(record.names.port)},
            {"node", to_string(record.names.node)},
            {"on", to_string(record.on)},
            {"host", text_or_empty(vport ? vport->host : std::nullopt)},
            {"state", status.state},
            {"reason", status.reason},
            {"symbolic_name", vport ? vport->symbolic_name : ""},
            {"domain", record.domain},
            {"guest", record.guest},
            {"ours", true},
            {"in_use", status.in_use}};
}

json row_of_other(const FcVport& vport, const std::vector<FcPort>& ports) {
    std::string on;
    for (const FcPort& port : ports)
        if (port.host == vport.on_host)
            on = to_string(port.names.port);
    return {{"port", to_string(vport.names.port)},
            {"node", to_string(vport.names.node)},
            {"on", on},
            {"host", text_or_empty(vport.host)},
            {"state", to_string(vport.state)},
            {"reason", ""},
            {"symbolic_name", vport.symbolic_name},
            {"domain", ""},
            {"guest", ""},
            {"ours", false},
            {"in_use", false}};
}

json list(const Vports& vports) {
    json rows = json::array();
    auto there = vports.tree().vports();
    for (const VportStatus& status : vports.list()) {
        std::optional<FcVport> vport;
        for (const FcVport& one : there)
            if (one.names == status.record.names)
                vport = one;
        rows.push_back(row_of(status, vport));
        if (vport)
            std::erase_if(there, [&](const FcVport& one) { return one.name == vport->name; });
    }
    const auto ports = vports.tree().ports();
    for (const FcVport& vport : there)
        rows.push_back(row_of_other(vport, ports));
    return {{"vports", std::move(rows)}};
}

json pool(Vports& vports, const std::string& release) {
    if (!release.empty() && !vports.release(release))
        return {{"error", "nobody has names of the pool by '" + release + "'"}};
    json given = json::array();
    for (const PoolNames& item : vports.pool().list())
        given.push_back({{"domain", item.domain},
                         {"guest", item.guest},
                         {"on", item.on ? to_string(*item.on) : ""},
                         {"port", to_string(item.names.port)},
                         {"second_port", to_string(item.second)},
                         {"node", to_string(item.names.node)}});
    return {{"prefix", vports.prefix()},
            {"size", WwnPool::size_of(vports.prefix())},
            {"given", std::move(given)}};
}

std::string text_of(const json& request, const char* key) {
    const auto found = request.find(key);
    return found != request.end() && found->is_string() ? found->get<std::string>() : "";
}

json answer(Vports& vports, const json& request) {
    const std::string what = text_of(request, "what");
    if (what == "list")
        return list(vports);
    if (what == "pool")
        return pool(vports, text_of(request, "release"));
    if (what == "create") {
        const auto choice = config::parse_vport_choice(text_of(request, "vport"));
        if (!choice || !choice->names)
            return {{"error", "expected WWPN:WWNN, and maybe @PORT"}};
        vports.create(*choice);
        return list(vports);
    }
    if (what == "delete") {
        const auto port = config::parse_wwn_name(text_of(request, "port"));
        if (!port)
            return {{"error", "expected a WWPN"}};
        vports.remove(*port);
        return list(vports);
    }
    return {{"error", "not known: " + what}};
}

} // namespace

json answer_vport_request(Vports& vports, const json& request) {
    try {
        return answer(vports, request);
    } catch (const std::runtime_error& error) {
        return {{"error", error.what()}};
    }
}

} // namespace pvscsi::backend::npiv
