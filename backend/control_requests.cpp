#include "backend/control_requests.hpp"

#include "common/base/log.hpp"

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
            {"commands", counters.commands},
            {"read_bytes", counters.read_bytes},
            {"written_bytes", counters.written_bytes},
            {"check_conditions", counters.check_conditions},
            {"task_sets_full", counters.task_sets_full},
            {"conflicts", counters.conflicts},
            {"other_statuses", counters.other_statuses},
            {"host_errors", counters.host_errors}};
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
        reply(line({{"error", "not known: " + what}}));
    }

  private:
    [[nodiscard]] json reload() const {
        const auto mistakes = actions_.reload();
        return mistakes.empty() ? json{{"reloaded", true}} : json{{"error", mistakes}};
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

    void statistics(ControlSocket::Reply reply) const {
        json daemon{
            {"version", actions_.version},
            {"pid", ::getpid()},
            {"threads", actions_.threads},
            {"log_level", log::to_string(log::level())},
            {"uptime_seconds",
             std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begin_).count()}};
        actions_.statistics([daemon = std::move(daemon),
                             reply = std::move(reply)](const std::vector<LunStatistics>& luns) {
            json rows = json::array();
            for (const LunStatistics& lun : luns)
                rows.push_back(to_json(lun));
            reply(line({{"daemon", daemon}, {"luns", std::move(rows)}}));
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
