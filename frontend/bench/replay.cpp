#include "frontend/bench/replay.hpp"

#include "common/scsi/sense.hpp"
#include "common/scsi/status.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <tuple>

namespace pvscsi::bench {

namespace {

using nlohmann::json;

constexpr std::chrono::seconds usual_timeout{30};

std::vector<std::uint8_t> bytes_of(const std::string& hex) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t at = 0; at < hex.size(); at += 3)
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(at, 2), nullptr, 16)));
    return bytes;
}

DataDirection direction_of(const std::string& name) {
    if (name == "in")
        return DataDirection::from_device;
    return name == "out" ? DataDirection::to_device : DataDirection::none;
}

RecordedCommand command_of(const json& event) {
    RecordedCommand command;
    command.sequence = event.at("sequence");
    command.name = event.at("command");
    command.cdb = bytes_of(event.at("cdb"));
    command.direction = direction_of(event.at("direction"));
    command.length = event.at("length");
    command.timeout = event.at("timeout_seconds");
    command.answered = event.value("answered", false);
    if (command.answered) {
        command.reply = {event.at("host"), event.at("status"), event.at("residual"),
                         bytes_of(event.at("sense"))};
    }
    return command;
}

const json& lun_of(const json& file, const std::string& vdev) {
    const json& luns = file.at("luns");
    if (vdev.empty() && luns.size() == 1)
        return luns.front();
    for (const json& lun : luns)
        if (lun.at("vdev") == vdev)
            return lun;
    throw std::runtime_error(vdev.empty()
                                 ? "the recording is of several LUNs; say which by --replay-vdev"
                                 : "the recording has no LUN " + vdev);
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text((std::istreambuf_iterator<char>(file)), {});
    if (!file)
        throw std::runtime_error(path + ": cannot be read");
    return text;
}

std::string text_of(const Reply& reply) {
    if (reply.host != 0)
        return fmt::format("host {}", scsi::to_string(static_cast<scsi::HostCode>(reply.host)));
    std::string text(scsi::to_string(static_cast<scsi::Status>(reply.status)));
    if (!reply.sense.empty()) {
        const auto sense = scsi::Sense::from_bytes(reply.sense);
        text += fmt::format(" {:x}/{:02x}/{:02x}", static_cast<unsigned>(sense.key()), sense.asc(),
                            sense.ascq());
    }
    return reply.residual == 0 ? text : text + fmt::format(", residual {}", reply.residual);
}

Reply send(Session& session, const Hctl& lun, const RecordedCommand& recorded) {
    if (recorded.length > session.max_transfer())
        throw std::runtime_error(
            fmt::format("#{} {} has {} bytes, which this connection can't carry", recorded.sequence,
                        recorded.name, recorded.length));
    std::vector<std::byte> data(recorded.length);
    Reply reply;
    bool ended = false;
    ScsiCommand command;
    command.address = lun;
    command.cdb = recorded.cdb;
    command.direction = recorded.direction;
    command.data = data;
    command.timeout =
        recorded.timeout == 0 ? usual_timeout : std::chrono::seconds(recorded.timeout);
    const auto result = session.submit(command, [&](const Completion& completion) {
        reply = {static_cast<std::uint8_t>(completion.host),
                 completion.status,
                 completion.residual,
                 {completion.sense.begin(), completion.sense.end()}};
        ended = true;
    });
    if (!result)
        throw std::runtime_error(
            fmt::format("#{} {} can't be sent", recorded.sequence, recorded.name));
    while (!ended)
        session.wait(std::chrono::milliseconds(100));
    return reply;
}

} // namespace

std::vector<RecordedCommand> commands_of(const std::string& text, const std::string& vdev) {
    try {
        std::vector<RecordedCommand> commands;
        const json file = json::parse(text);
        for (const json& event : lun_of(file, vdev).at("events"))
            if (event.at("kind") == "command")
                commands.push_back(command_of(event));
        return commands;
    } catch (const json::exception& error) {
        throw std::runtime_error(std::string("this is no recording of pvscsictl trace --save: ") +
                                 error.what());
    } catch (const std::logic_error&) { // of std::stoul
        throw std::runtime_error("this is no recording of pvscsictl trace --save: bytes that are "
                                 "no numbers");
    }
}

/// SPC-5, SBC-4, MMC-6, SSC-5, SMC-3.
bool only_reads(const RecordedCommand& command) noexcept {
    static constexpr std::array harmless{0x00 /* TEST UNIT READY */,
                                         0x03 /* REQUEST SENSE */,
                                         0x05 /* READ BLOCK LIMITS */,
                                         0x08 /* READ(6) */,
                                         0x12 /* INQUIRY */,
                                         0x1a /* MODE SENSE(6) */,
                                         0x1c /* RECEIVE DIAGNOSTIC */,
                                         0x23 /* READ FORMAT CAPACITIES */,
                                         0x25 /* READ CAPACITY(10) */,
                                         0x28 /* READ(10) */,
                                         0x2f /* VERIFY(10) */,
                                         0x34 /* PRE-FETCH, READ POSITION */,
                                         0x37 /* READ DEFECT DATA */,
                                         0x3c /* READ BUFFER */,
                                         0x43 /* READ TOC */,
                                         0x44 /* READ HEADER */,
                                         0x46 /* GET CONFIGURATION */,
                                         0x4a /* GET EVENT STATUS */,
                                         0x4d /* LOG SENSE */,
                                         0x51 /* READ DISC INFORMATION */,
                                         0x52 /* READ TRACK INFO */,
                                         0x5a /* MODE SENSE(10) */,
                                         0x5e /* PERSISTENT RES. IN */,
                                         0x88 /* READ(16) */,
                                         0x8c /* READ ATTRIBUTE */,
                                         0x8f /* VERIFY(16) */,
                                         0x90 /* PRE-FETCH(16) */,
                                         0x9e /* SERVICE ACTION IN */,
                                         0xa0 /* REPORT LUNS */,
                                         0xa3 /* MAINTENANCE IN */,
                                         0xa8 /* READ(12) */,
                                         0xad /* READ DISC STRUCTURE */,
                                         0xaf /* VERIFY(12) */,
                                         0xb7 /* READ DEFECT DATA(12) */,
                                         0xb8 /* READ ELEMENT STATUS */,
                                         0xbd /* MECHANISM STATUS */,
                                         0xbe /* READ CD */};
    return command.direction != DataDirection::to_device && !command.cdb.empty() &&
           std::find(harmless.begin(), harmless.end(), command.cdb.front()) != harmless.end();
}

std::string difference(const Reply& then, const Reply& now) {
    const auto key_of = [](const Reply& reply) {
        const auto sense = scsi::Sense::from_bytes(reply.sense);
        return std::tuple(sense.key(), sense.asc(), sense.ascq());
    };
    const bool same = then.host == now.host && (then.host != 0 || (then.status == now.status &&
                                                                   then.residual == now.residual &&
                                                                   key_of(then) == key_of(now)));
    return same ? "" : fmt::format("was {}, is {}", text_of(then), text_of(now));
}

ReplayResult replay(Session& session, const Options& options) {
    ReplayResult result;
    for (const RecordedCommand& command :
         commands_of(read_file(options.replay), options.replay_vdev)) {
        if (!options.allow_writes && !only_reads(command)) {
            ++result.skipped;
            continue;
        }
        const Reply now = send(session, options.lun, command);
        ++result.sent;
        if (!command.answered) {
            ++result.uncompared;
            continue;
        }
        const std::string differs = difference(command.reply, now);
        if (differs.empty())
            ++result.same;
        else
            result.differences.push_back(
                fmt::format("#{} {}: {}", command.sequence, command.name, differs));
    }
    return result;
}

std::string ReplayResult::to_text() const {
    std::string text;
    for (const std::string& one : differences)
        text += one + "\n";
    return text +
           fmt::format("{} sent, {} as recorded, {} different, {} without a recorded answer; "
                       "{} skipped\n",
                       sent, same, differences.size(), uncompared, skipped);
}

std::string ReplayResult::to_json() const {
    return json{{"sent", sent},
                {"same", same},
                {"differences", differences},
                {"uncompared", uncompared},
                {"skipped", skipped}}
               .dump(2, ' ', false, json::error_handler_t::replace) +
           "\n";
}

} // namespace pvscsi::bench
