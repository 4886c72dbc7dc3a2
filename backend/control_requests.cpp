#include "backend/control_requests.hpp"

#include "backend/npiv/vport_requests.hpp"
#include "common/base/log.hpp"
#include "common/xenbus/nodes.hpp"

#include <chrono>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace pvscsi::backend {

namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

std::string line(const json& reply) {
    return reply.dump(-1, ' ', false, json::error_handler_t::replace);
}

json to_json(const LunStatistics& lun) {
    const LunCounters& counters = lun.counters;
    return {{"domid", lun.guest.value()},
            {"vhost", lun.device.value()},
            {"channel", lun.address.channel},
            {"target", lun.address.target},
            {"lun", lun.address.lun},
            {"in_flight", lun.in_flight},
            {"queue_depth", lun.queue_depth},
            {"commands", counters.commands},
            {"read_bytes", counters.read_bytes},
            {"written_bytes", counters.written_bytes},
            {"check_conditions", counters.check_conditions},
            {"task_sets_full", counters.task_sets_full},
            {"conflicts", counters.conflicts},
            {"other_statuses", counters.other_statuses},
            {"host_errors", counters.host_errors},
            {"injected", lun.injected},
            {"policy_refused", counters.policy_refused},
            {"policy_noted", counters.policy_noted}};
}

/// The number of that key; nothing if there is none, or a greater one.
template <class Number>
bool take_number(const json& request, const char* key, std::uint64_t most, Number& to) {
    const auto found = request.find(key);
    if (found == request.end() || !found->is_number_unsigned() || *found > most)
        return false;
    to = Number(found->get<std::uint64_t>());
    return true;
}

/// The error says what the request has wrong.
Expected<InjectRequest, std::string> inject_request(const json& request) {
    InjectRequest result;
    std::uint32_t guest = 0, device = 0;
    auto& [channel, target, lun] = result.address;
    if (!take_number(request, "domid", 0xffff, guest) ||
        !take_number(request, "vhost", 0xffff'ffff, device) ||
        !take_number(request, "channel", 0xffff, channel) ||
        !take_number(request, "target", 0xffff, target) ||
        !take_number(request, "lun", 0xffff, lun))
        return unexpected(std::string("expected domid, vhost, channel, target and lun"));
    result.guest = DomId{static_cast<std::uint16_t>(guest)};
    result.device = DevId{device};
    result.change.clear = request.value("clear", json(false)) == json(true);
    for (const json& text : request.value("rules", json::array())) {
        auto rule = text.is_string() ? inject::Rule::parse(text.get_ref<const std::string&>())
                                     : unexpected(std::string("a rule is a text"));
        if (!rule)
            return unexpected(rule.error());
        result.change.rules.push_back(std::move(*rule));
    }
    return result;
}

class Requests {
  public:
    explicit Requests(ControlActions actions) : actions_(std::move(actions)) {}

    void handle(std::string_view text, ControlSocket::Reply reply) const {
        const json request = json::parse(text, nullptr, false);
        if (!request.is_object() || !request.contains("do") || !request["do"].is_string())
            return reply(line({{"error", "expected an object with \"do\""}}));
        const std::string& what = request["do"].get_ref<const std::string&>();
        if (what == "statistics")
            return statistics(std::move(reply));
        if (what == "reload")
            return reply(line(reload()));
        if (what == "log-level")
            return reply(line(log_level(request)));
        if (what == "accept")
            return reply(line(accept(request)));
        if (what == "inject")
            return faults(request, std::move(reply));
        if (what == "vport" && actions_.vports != nullptr)
            return reply(line(npiv::answer_vport_request(*actions_.vports, request)));
        reply(line({{"error", "not known: " + what}}));
    }

  private:
    [[nodiscard]] json reload() const {
        const auto mistakes = actions_.reload();
        return mistakes.empty() ? json{{"reloaded", true}} : json{{"error", mistakes}};
    }

    [[nodiscard]] json accept(const json& request) const {
        const json domain = request.value("domain", json()), lun = request.value("vdev", json(""));
        if (!domain.is_string() || domain == "" || !lun.is_string())
            return {{"error", "expected domain, a name, and vdev, h:c:t:l or a LUN's name="}};
        if (!actions_.knows(domain))
            return {{"error", "no domain '" + domain.get<std::string>() +
                                  "' has LUNs here, and nothing is remembered of one"},
                    {"missing", true}};
        std::string vdev = lun;
        if (!vdev.empty() && !xenbus::parse_address(vdev)) {
            const auto named = actions_.vdev_of(domain, vdev);
            if (!named)
                return {{"error", "'" + vdev + "' is no address h:c:t:l, and domain '" +
                                      domain.get<std::string>() + "' has no LUN here with name=" +
                                      vdev + "; a domain that does not run has addresses only"},
                        {"missing", true}};
            vdev = *named;
        }
        const std::string refusal = actions_.accept(domain, vdev);
        return refusal.empty() ? json{{"accepted", true}, {"vdev", vdev}}
                               : json{{"error", refusal}};
    }

    [[nodiscard]] static json log_level(const json& request) {
        const auto level = request.find("level");
        if (level == request.end())
            return {{"level", log::to_string(log::level())}};
        const auto known =
            level->is_string() ? log::level_of(level->get_ref<const std::string&>()) : std::nullopt;
        if (!known)
            return {{"error", "expected debug, info, warning or error"}};
        log::set_level(*known);
        return {{"level", log::to_string(*known)}};
    }

    void faults(const json& request, ControlSocket::Reply reply) const {
        const auto wanted = inject_request(request);
        if (!wanted)
            return reply(line({{"error", wanted.error()}}));
        actions_.change_faults(*wanted, [reply = std::move(reply)](const inject::Answer& answer) {
            if (!answer.error.empty())
                return reply(line({{"error", answer.error}}));
            json rules = json::array();
            for (const auto& rule : answer.rules)
                rules.push_back({{"rule", rule.text}, {"fitted", rule.fitted}, {"hit", rule.hit}});
            reply(line({{"rules", std::move(rules)}}));
        });
    }

    void statistics(ControlSocket::Reply reply) const {
        json daemon{
            {"version", actions_.version},
            {"pid", ::getpid()},
            {"threads", actions_.threads},
            {"log_level", log::to_string(log::level())},
            {"uptime_seconds",
             std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin_).count()}};
        json domains = json::array();
        for (const auto& [id, name] : actions_.domains())
            domains.push_back({{"domid", id.value()}, {"name", name}});
        actions_.statistics([daemon = std::move(daemon), domains = std::move(domains),
                             reply = std::move(reply)](const std::vector<LunStatistics>& luns) {
            json rows = json::array();
            for (const LunStatistics& lun : luns)
                rows.push_back(to_json(lun));
            reply(line({{"daemon", daemon}, {"domains", domains}, {"luns", std::move(rows)}}));
        });
    }

    const ControlActions actions_;
    const Clock::time_point begin_ = Clock::now();
};

} // namespace

ControlSocket::Handler control_requests(ControlActions actions) {
    return [requests = std::make_shared<Requests>(std::move(actions))](std::string_view text,
                                                                       ControlSocket::Reply reply) {
        requests->handle(text, std::move(reply));
    };
}

} // namespace pvscsi::backend
