// Any 252 bytes under any limits: a Command that keeps every promise of its type, or a Reject.
#include "ring/command.hpp"
#include "tests/fuzz/input.hpp"

#include <numeric>

using namespace pvscsi;
using namespace pvscsi::ring;
using fuzz::must;

namespace {

void judge_segments(const SegmentList& list) {
    std::size_t total = 0;
    for (const Segment& segment : list.segments()) {
        must(segment.length() > 0, "an empty segment");
        must(segment.offset() + segment.length() <= 4096, "a segment past its page");
        total += segment.length();
    }
    must(total == list.total(), "the total of the segments");
}

void judge_cdb(const Command& command, const WireRequest& wire) {
    const auto bytes = command.cdb().bytes();
    must(bytes.size() == wire.cmd_len && bytes.size() >= 1 && bytes.size() <= 16, "CDB length");
    must(std::memcmp(bytes.data(), wire.cmnd.data(), bytes.size()) == 0, "CDB bytes");
    for (std::size_t i = bytes.size(); i < 16; ++i)
        must(command.cdb().padded()[i] == 0, "bytes behind the CDB");
}

void judge(const Command& command, const WireRequest& wire, const Limits& limits,
           const SegmentList& list) {
    must(command.tag().value() == wire.rqid, "tag");
    must(command.address() == Address{wire.channel, wire.id, wire.lun}, "address");
    const std::size_t count = list.segments().size();
    if (command.action() != Action::cdb) {
        must(count == 0 && !command.indirect(), "task management with segments");
        return;
    }
    judge_cdb(command, wire);
    must(count <= max_direct_segments, "too many segments");
    must(count == 0 || command.direction() != Direction::none, "data without a direction");
    if (!command.indirect()) {
        must(count <= limits.max_segments, "more segments than negotiated");
        return;
    }
    must(limits.indirect, "indirect without the feature");
    for (const Segment& page : list.segments())
        must(page.length() % sizeof(WireSegment) == 0, "half a descriptor");
    must(list.total() / sizeof(WireSegment) <= limits.max_segments, "too many descriptors");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const auto most = input.take<std::uint16_t>();
    Limits limits;
    limits.max_segments = 1 + most % max_indirect_segments;
    limits.indirect = (input.take<std::uint8_t>() & 1) != 0;
    const auto wire = input.take<WireRequest>();
    static SegmentList list(max_direct_segments);
    const auto command = parse(wire, limits, list);
    if (command) {
        judge(*command, wire, limits, list);
        judge_segments(list);
    } else {
        must(to_string(command.error().reason) != "?", "a reason without a name");
        must(tag_of(wire).value() == wire.rqid, "the tag of a rejected request");
    }
    return 0;
}
