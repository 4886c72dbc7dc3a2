// How a flight recorder's entries are shown.
#include "backend/ctl/trace.hpp"

#include "common/base/printable.hpp"

#include <ctime>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <scsi/sg_lib.h>

namespace pvscsi::ctl {

namespace {

namespace flight = backend::flight;
using flight::Event;
using flight::Kind;
using flight::State;
using Json = nlohmann::ordered_json;
using std::chrono::nanoseconds;

std::string hex(std::span<const std::uint8_t> bytes) {
    std::string text;
    for (const std::uint8_t byte : bytes)
        text += fmt::format("{}{:02x}", text.empty() ? "" : " ", byte);
    return text;
}

std::span<const std::uint8_t> cdb_of(const Event& event) {
    return std::span(event.cdb).first(event.cdb_size);
}

/// "READ(10)"
std::string command_name(const Event& event, std::uint8_t device_type) {
    std::array<char, 64> name{};
    const int service_action =
        event.cdb[0] == 0x7f ? event.cdb[8] << 8 | event.cdb[9] : event.cdb[1] & 0x1f;
    ::sg_get_opcode_sa_name(event.cdb[0], service_action, device_type,
                            static_cast<int>(name.size()), name.data());
    return name.data();
}

/// UTC, "2026-11-22T21:40:01.123456Z"
std::string time_text(nanoseconds since_epoch) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
    const std::time_t whole = seconds.count();
    std::tm parts{};
    ::gmtime_r(&whole, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                       (since_epoch - seconds).count() / 1000);
}

std::string latency_text(nanoseconds latency) {
    const auto ns = static_cast<double>(latency.count());
    if (latency.count() == 0)
        return "within a turn";
    return ns < 1e6 ? fmt::format("{:.1f} us", ns / 1e3) : fmt::format("{:.3f} ms", ns / 1e6);
}

const char* direction_name(ring::Direction direction) {
    switch (direction) {
    case ring::Direction::none:
        return "none";
    case ring::Direction::to_device:
        return "out";
    case ring::Direction::from_device:
        return "in";
    }
    return "?";
}

const char* state_name(const Event& event) {
    if (event.state == State::writing)
        return "torn";
    if (event.lost)
        return "lost";
    return event.state == State::ended ? "ended" : "under-way";
}

/// "CHECK CONDITION 3/11/00"
std::string result_text(const Event& event) {
    if (event.state == State::writing)
        return "the daemon died while it recorded this";
    if (event.lost)
        return "under way when the daemon died";
    if (event.state == State::under_way)
        return "under way";
    if (event.end == flight::End::cut_short)
        return "ended with the connection, not answered";
    if (event.kind != Kind::command)
        return event.end == flight::End::answered ? "done" : "failed";
    if (event.host != scsi::HostCode::ok)
        return fmt::format("host {}", scsi::to_string(event.host));
    std::string text(scsi::to_string(event.status));
    if (text == "?")
        text = fmt::format("status {:02x}h", static_cast<unsigned>(event.status));
    if (!event.sense.empty())
        text += fmt::format(" {:x}/{:02x}/{:02x}", static_cast<unsigned>(event.sense.key()),
                            event.sense.asc(), event.sense.ascq());
    return text;
}

std::string what_text(const Trace& trace, const Event& event) {
    switch (event.kind) {
    case Kind::command: {
        std::string text =
            fmt::format("{} [{}]", command_name(event, trace.unit.device_type), hex(cdb_of(event)));
        if (event.direction != ring::Direction::none || event.length != 0)
            text += fmt::format(" {} {}", direction_name(event.direction), event.length);
        return text;
    }
    case Kind::abort:
        return fmt::format("ABORT of tag {}", event.victim);
    case Kind::reset:
        return "RESET";
    case Kind::daemon:
        return fmt::format("pvscsid pid {} begins to serve it", event.pid);
    case Kind::none:
        break;
    }
    return "?";
}

bool has_ended(const Event& event) {
    return event.state == State::ended;
}

void add_outcome(Json& object, const Event& event) {
    object["answered"] = event.end == flight::End::answered;
    object["host"] = static_cast<unsigned>(event.host);
    object["status"] = static_cast<unsigned>(event.status);
    object["residual"] = event.residual;
    object["sense"] = hex(event.sense.bytes());
    object["sense_length"] = event.sense_size;
}

void add_command(Json& object, const Trace& trace, const Event& event) {
    object["command"] = command_name(event, trace.unit.device_type);
    object["cdb"] = hex(cdb_of(event));
    object["direction"] = direction_name(event.direction);
    object["length"] = event.length;
    object["timeout_seconds"] = event.timeout;
    if (has_ended(event))
        add_outcome(object, event);
}

const char* kind_name(Kind kind) {
    switch (kind) {
    case Kind::command:
        return "command";
    case Kind::abort:
        return "abort";
    case Kind::reset:
        return "reset";
    case Kind::daemon:
        return "daemon";
    case Kind::none:
        break;
    }
    return "unknown";
}

void add_event(Json& object, const Trace& trace, const Event& event) {
    object["sequence"] = event.sequence;
    object["state"] = state_name(event);
    object["result"] = event.kind == Kind::daemon ? "" : result_text(event);
    object["kind"] = event.state == State::writing ? "unknown" : kind_name(event.kind);
    if (event.state == State::writing)
        return;
    object["time"] = time_text(event.begun + trace.wall_offset);
    object["monotonic_ns"] = event.begun.count();
    if (event.kind == Kind::daemon) {
        object["pid"] = event.pid;
        return;
    }
    if (has_ended(event))
        object["latency_ns"] = (event.ended - event.begun).count();
    object["tag"] = event.tag;
    if (event.kind == Kind::command)
        add_command(object, trace, event);
    if (event.kind == Kind::abort)
        object["victim"] = event.victim;
    if (event.kind != Kind::command && has_ended(event))
        object["success"] = event.end == flight::End::answered;
}

constexpr auto replace = Json::error_handler_t::replace;

} // namespace

std::string vdev_of(const flight::Unit& unit) {
    return fmt::format("{}:{}:{}:{}", unit.vhost, unit.address.channel, unit.address.target,
                       unit.address.lun);
}

std::string to_text(const Trace& trace, const Event& event) {
    const std::string vdev = vdev_of(trace.unit);
    if (event.state == State::writing)
        return fmt::format("{:27}  {}  #{}  {}", "", vdev, event.sequence, result_text(event));
    std::string text = fmt::format("{}  {}  ", time_text(event.begun + trace.wall_offset), vdev);
    if (event.kind == Kind::daemon)
        return text + what_text(trace, event);
    text += fmt::format("tag {}  {}  {}", event.tag, what_text(trace, event), result_text(event));
    if (event.residual != 0)
        text += fmt::format(", {} bytes not moved", event.residual);
    if (has_ended(event))
        text += "  " + latency_text(event.ended - event.begun);
    return text;
}

std::string to_json_line(const Trace& trace, const Event& event) {
    Json object{{"domain", trace.unit.guest_name},
                {"domid", trace.unit.guest},
                {"vdev", vdev_of(trace.unit)}};
    add_event(object, trace, event);
    return object.dump(-1, ' ', false, replace);
}

std::string to_json(const std::vector<Trace>& traces) {
    Json luns = Json::array();
    for (const Trace& trace : traces) {
        Json events = Json::array();
        for (const Event& event : trace.events) {
            Json object = Json::object();
            add_event(object, trace, event);
            events.push_back(std::move(object));
        }
        luns.push_back({{"domain", trace.unit.guest_name},
                        {"domid", trace.unit.guest},
                        {"vhost", trace.unit.vhost},
                        {"vdev", vdev_of(trace.unit)},
                        {"pdev", trace.unit.pdev},
                        {"device_type", trace.unit.device_type},
                        {"detached", trace.detached},
                        {"daemon_pid", trace.writer},
                        {"daemon_runs", trace.live},
                        {"kept", trace.length},
                        {"events", std::move(events)}});
    }
    return Json{{"luns", std::move(luns)}}.dump(2, ' ', false, replace) + "\n";
}

} // namespace pvscsi::ctl
