// Sources: SAM-5 5.14; for who is told what SPC-5 (MODE SELECT, LOG SELECT, SET TARGET PORT GROUPS,
// SET TIMESTAMP, WRITE BUFFER), SBC-4 (FORMAT UNIT, START STOP UNIT), SSC-5 (LOAD UNLOAD, the Set
// Data Encryption page of SECURITY PROTOCOL OUT).
#include "backend/nexus/attentions.hpp"

#include "backend/request.hpp"
#include "common/base/bytes.hpp"
#include "common/scsi/opcode.hpp"

#include <algorithm>

namespace pvscsi::backend {

namespace {

using scsi::Condition;
using scsi::SenseKey;
namespace condition = scsi::condition;
namespace op = scsi::opcode;

constexpr std::uint8_t format_unit = 0x04, write_buffer = 0x3b, log_select = 0x4c;
constexpr std::uint8_t maintenance_out = 0xa4, security_protocol_out = 0xb5;

enum Type : std::uint8_t { disk = 0x00, tape = 0x01, cd = 0x05, optical = 0x07, zoned = 0x14 };

/// Lower ones are told first.
unsigned rank(const Condition& attention) noexcept {
    if (is_reset(attention))
        return 0;
    switch (attention.asc) {
    case 0x29:
        return 1; // I_T nexus loss and the like
    case 0x3f:
        return attention.ascq == 0x0e ? 4 : 2; // microcode, INQUIRY data; REPORTED LUNS later
    case 0x28:
        return 3;
    case 0x2a:
        return 5;
    default:
        return 6;
    }
}

/// Of two resets the one after which less is as it was: power on, bus reset, this unit's reset.
bool more_thorough(const Condition& a, const Condition& b) noexcept {
    const auto depth = [](const Condition& c) { return c.ascq == 0x01 ? 0 : c.ascq + 1; };
    return depth(a) < depth(b);
}

/// Modes of WRITE BUFFER that bring new microcode into use; the others download or defer it.
bool activates_microcode(std::uint8_t mode) noexcept {
    return (mode >= 0x04 && mode <= 0x07) || mode == 0x0f;
}

std::optional<Condition> caused_by_start_stop(std::uint8_t type, std::uint8_t flags) noexcept {
    constexpr std::uint8_t start = 0x01, load_eject = 0x02;
    if (type == tape) // LOAD UNLOAD with LOAD
        return (flags & start) != 0 ? std::optional(condition::medium_changed) : std::nullopt;
    const bool removable = type == disk || type == cd || type == optical;
    if (removable && (flags & start) != 0 && (flags & load_eject) != 0)
        return condition::medium_changed;
    return {};
}

std::optional<Condition> caused_by_maintenance_out(std::uint8_t action) noexcept {
    switch (action) {
    case 0x0a:
        return condition::access_state_changed;
    case 0x0f:
        return condition::timestamp_changed;
    default:
        return {};
    }
}

} // namespace

bool is_reset(const Condition& attention) noexcept {
    return attention.key == SenseKey::unit_attention && attention.asc == 0x29 &&
           attention.ascq <= 0x04;
}

void Attentions::erase(std::size_t place) noexcept {
    std::copy(waiting_.begin() + place + 1, waiting_.begin() + count_, waiting_.begin() + place);
    --count_;
}

void Attentions::add(const Condition& attention) noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
        if (waiting_[i] == attention)
            return;
        if (is_reset(waiting_[i]) && is_reset(attention)) {
            if (more_thorough(attention, waiting_[i]))
                waiting_[i] = attention;
            return;
        }
    }
    std::size_t place = count_;
    while (place > 0 && rank(waiting_[place - 1]) > rank(attention))
        --place;
    if (place == most)
        return;
    const std::size_t kept = std::min(count_, most - 1);
    std::copy_backward(waiting_.begin() + place, waiting_.begin() + kept,
                       waiting_.begin() + kept + 1);
    waiting_[place] = attention;
    count_ = kept + 1;
}

void Attentions::remove(const Condition& attention) noexcept {
    for (std::size_t i = 0; i < count_; ++i)
        if (waiting_[i] == attention || (is_reset(waiting_[i]) && is_reset(attention)))
            return erase(i);
}

Condition Attentions::take() noexcept {
    if (count_ == 0)
        return condition::none;
    const Condition first = waiting_[0];
    erase(0);
    return first;
}

AttentionRule attention_rule(std::uint8_t device_type, const ring::Cdb& cdb) noexcept {
    constexpr std::uint8_t service_action_out_16 = 0x9f, notify_data_transfer_device = 0x1f;
    constexpr std::uint8_t get_configuration = 0x46, get_event_status_notification = 0x4a;
    switch (cdb.opcode()) {
    case op::request_sense:
        return AttentionRule::fetches;
    case op::inquiry:
    case op::report_luns:
        return AttentionRule::ignores;
    case service_action_out_16:
        return (cdb.padded()[1] & 0x1f) == notify_data_transfer_device ? AttentionRule::ignores
                                                                       : AttentionRule::reports;
    case get_configuration:
    case get_event_status_notification:
        return device_type == cd ? AttentionRule::ignores : AttentionRule::reports;
    default:
        return AttentionRule::reports;
    }
}

void answer_with(Request& request, const Condition& attention) noexcept {
    const auto& cdb = request.cdb().padded();
    if (cdb[0] != op::request_sense) {
        request.outcome.status = scsi::Status::check_condition;
        request.outcome.sense = scsi::sense_of(attention);
        return;
    }
    const bool descriptors = (cdb[1] & 0x01) != 0;
    const scsi::Sense sense =
        descriptors ? scsi::Sense::descriptor(attention.key, attention.asc, attention.ascq)
                    : scsi::sense_of(attention);
    const auto data = request.buffer(scsi::Sense::max_size);
    const std::size_t size =
        std::min<std::size_t>({sense.bytes().size(), data.size(), std::size_t{cdb[4]}});
    std::ranges::copy(sense.bytes().first(size), as_writable_u8(data).begin());
    request.outcome.data_in = data.first(size);
}

bool may_cause_attention(std::uint8_t opcode) noexcept {
    switch (opcode) {
    case format_unit:
    case op::mode_select_6:
    case op::mode_select_10:
    case op::start_stop_unit:
    case write_buffer:
    case log_select:
    case maintenance_out:
    case security_protocol_out:
        return true;
    default:
        return false;
    }
}

std::optional<Condition> attention_caused_by(std::uint8_t device_type,
                                             const ring::Cdb& cdb) noexcept {
    const auto& bytes = cdb.padded();
    switch (cdb.opcode()) {
    case op::mode_select_6:
    case op::mode_select_10:
        return condition::mode_parameters_changed;
    case log_select:
        return condition::log_parameters_changed;
    case op::start_stop_unit:
        return caused_by_start_stop(device_type, bytes[4]);
    case format_unit: // the number of blocks, their size and protection may be others now
        if (device_type == disk || device_type == optical || device_type == zoned)
            return condition::capacity_changed;
        return {};
    case write_buffer:
        if (activates_microcode(bytes[1] & 0x1f))
            return condition::microcode_changed;
        return {};
    case maintenance_out:
        return caused_by_maintenance_out(bytes[1] & 0x1f);
    case security_protocol_out: // tape data encryption
        if (device_type == tape && bytes[1] == 0x20)
            return condition::encryption_changed;
        return {};
    default:
        return {};
    }
}

std::optional<Condition> attention_told(const ring::Cdb& cdb, const Outcome& outcome) noexcept {
    if (outcome.host != scsi::HostCode::ok)
        return {};
    scsi::Sense sense;
    if (outcome.status == scsi::Status::check_condition)
        sense = outcome.sense;
    else if (outcome.status == scsi::Status::good && cdb.opcode() == op::request_sense)
        sense = scsi::Sense::from_bytes(as_u8(outcome.data_in));
    // Shorter ones have no additional sense code. 71h and 73h are about an earlier command.
    if (sense.bytes().size() < 4 || (sense.bytes()[0] & 0x01) != 0 ||
        sense.key() != SenseKey::unit_attention)
        return {};
    const bool fixed = (sense.bytes()[0] & 0x7f) == 0x70;
    if (fixed && sense.bytes().size() < 14)
        return {};
    return Condition{sense.key(), sense.asc(), sense.ascq()};
}

} // namespace pvscsi::backend
