#include "ring/command.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace pvscsi::ring {

namespace {

/// The CDB length that the opcode's group code fixes (SPC-5 4.2.5.1); 1 where it fixes none.
constexpr unsigned least_cdb_size(std::uint8_t opcode) {
    constexpr std::array<unsigned, 8> by_group{6, 10, 10, 1, 16, 12, 1, 1};
    return by_group[opcode >> 5];
}

Expected<Direction, Reject> direction_of(std::uint8_t wire, bool has_segments) noexcept {
    switch (static_cast<WireDirection>(wire)) {
    case WireDirection::to_device:
        return Direction::to_device;
    case WireDirection::from_device:
        return Direction::from_device;
    case WireDirection::none:
    case WireDirection::bidirectional:
        // Linux' enum starts at bidirectional, so a frontend that leaves the field alone sends it.
        if (!has_segments)
            return Direction::none;
        break;
    }
    return unexpected(Reject{RejectReason::bad_direction});
}

std::optional<Reject> collect(const WireRequest& request, unsigned count, SegmentList& segments) {
    for (const WireSegment& wire : std::span(request.seg).first(count)) {
        const auto segment = Segment::make(wire);
        if (!segment)
            return segment.error();
        if (!segments.add(*segment))
            return Reject{RejectReason::too_many_segments};
    }
    return {};
}

std::optional<Reject> check_indirect(const Limits& limits, const SegmentList& pages) {
    if (!limits.indirect)
        return Reject{RejectReason::indirect_not_offered};
    for (const Segment& page : pages.segments())
        if (page.length() % sizeof(WireSegment) != 0)
            return Reject{RejectReason::bad_indirect_page};
    if (pages.total() / sizeof(WireSegment) > limits.max_segments)
        return Reject{RejectReason::too_many_segments};
    return {};
}

} // namespace

std::string_view to_string(RejectReason reason) noexcept {
    switch (reason) {
    case RejectReason::unknown_action:
        return "unknown action";
    case RejectReason::bad_cdb_length:
        return "bad CDB length";
    case RejectReason::bad_direction:
        return "bad data direction";
    case RejectReason::too_many_segments:
        return "too many segments";
    case RejectReason::bad_segment:
        return "segment empty or past its page";
    case RejectReason::indirect_not_offered:
        return "indirect segments were not offered";
    case RejectReason::bad_indirect_page:
        return "bad page of indirect segments";
    }
    return "?";
}

Expected<Cdb, Reject> Cdb::make(std::span<const std::uint8_t> bytes) noexcept {
    if (bytes.empty() || bytes.size() > max_cdb_size || bytes.size() < least_cdb_size(bytes[0]))
        return unexpected(Reject{RejectReason::bad_cdb_length});
    Cdb cdb;
    std::copy(bytes.begin(), bytes.end(), cdb.bytes_.begin());
    cdb.size_ = static_cast<std::uint8_t>(bytes.size());
    return cdb;
}

Expected<Segment, Reject> Segment::make(const WireSegment& wire) noexcept {
    const unsigned end = unsigned{wire.offset} + wire.length;
    if (wire.length == 0 || end > ring_page_size)
        return unexpected(Reject{RejectReason::bad_segment});
    Segment segment;
    segment.ref_ = GrantRef{wire.gref};
    segment.offset_ = wire.offset;
    segment.length_ = wire.length;
    return segment;
}

Expected<Command, Reject> parse(const WireRequest& request, const Limits& limits,
                                SegmentList& segments) noexcept {
    Command command;
    segments.clear();
    command.tag_ = tag_of(request);
    command.address_ = {request.channel, request.id, request.lun};
    switch (static_cast<WireAction>(request.act)) {
    case WireAction::cdb:
        break;
    case WireAction::abort:
        // The other fields are the victim's, or junk: a frontend fills them in as for a CDB.
        command.action_ = Action::abort;
        command.victim_ = GuestTag{request.ref_rqid};
        return command;
    case WireAction::reset:
        command.action_ = Action::reset;
        return command;
    default:
        return unexpected(Reject{RejectReason::unknown_action});
    }

    if (request.cmd_len > max_cdb_size)
        return unexpected(Reject{RejectReason::bad_cdb_length});
    auto cdb = Cdb::make(std::span(request.cmnd).first(request.cmd_len));
    if (!cdb)
        return unexpected(cdb.error());
    command.cdb_ = *cdb;
    command.timeout_ = request.timeout_per_command;
    command.indirect_ = (request.nr_segments & indirect_flag) != 0;

    const unsigned count = request.nr_segments & ~indirect_flag & 0xffu;
    if (count > max_direct_segments)
        return unexpected(Reject{RejectReason::too_many_segments});
    const auto direction = direction_of(request.sc_data_direction, count > 0);
    if (!direction)
        return unexpected(direction.error());
    command.direction_ = *direction;
    if (auto reject = collect(request, count, segments))
        return unexpected(*reject);
    if (command.indirect_) {
        if (auto reject = check_indirect(limits, segments))
            return unexpected(*reject);
    } else if (count > limits.max_segments) {
        return unexpected(Reject{RejectReason::too_many_segments});
    }
    return command;
}

Expected<void, Reject> parse_descriptors(std::span<const std::byte> page, const Limits& limits,
                                         SegmentList& segments) noexcept {
    if (page.size() % sizeof(WireSegment) != 0)
        return unexpected(Reject{RejectReason::bad_indirect_page});
    for (std::size_t at = 0; at < page.size(); at += sizeof(WireSegment)) {
        WireSegment wire;
        std::memcpy(&wire, page.data() + at, sizeof wire);
        const auto segment = Segment::make(wire);
        if (!segment)
            return unexpected(segment.error());
        if (segments.segments().size() == limits.max_segments || !segments.add(*segment))
            return unexpected(Reject{RejectReason::too_many_segments});
    }
    return {};
}

} // namespace pvscsi::ring
