// Any bytes as pages of segment descriptors: checked segments within the limit, or a Reject.
#include "ring/command.hpp"
#include "tests/fuzz/input.hpp"

using namespace pvscsi;
using namespace pvscsi::ring;
using fuzz::must;

namespace {

/// The descriptors so far, as the guest wrote them.
void judge(const SegmentList& list, const WireSegment* wire) {
    std::size_t total = 0;
    for (const Segment& segment : list.segments()) {
        must(segment.ref().value() == wire->gref && segment.offset() == wire->offset &&
                 segment.length() == wire->length,
             "a segment differs from its descriptor");
        must(segment.length() > 0 && segment.offset() + segment.length() <= 4096,
             "a segment empty or past its page");
        total += segment.length();
        ++wire;
    }
    must(total == list.total(), "the total of the segments");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    Limits limits{1u + input.take<std::uint16_t>() % max_indirect_segments, true};
    static SegmentList list(max_indirect_segments);
    list.clear();
    std::array<WireSegment, max_indirect_segments> all;
    std::size_t fed = 0;
    for (unsigned page = 0; page < max_direct_segments && !input.empty(); ++page) {
        // The length is the guest's, too, but checked to lie within a page.
        const auto bytes = input.bytes(input.take<std::uint16_t>() % 4097);
        const bool whole = bytes.size() % sizeof(WireSegment) == 0;
        if (whole && !bytes.empty())
            std::memcpy(&all[fed], bytes.data(), bytes.size());
        const auto before = list.segments().size();
        const auto parsed = parse_descriptors(std::as_bytes(bytes), limits, list);
        must(list.segments().size() <= limits.max_segments, "more segments than negotiated");
        judge(list, all.data());
        if (!parsed) {
            must(to_string(parsed.error().reason) != "?", "a reason without a name");
            return 0;
        }
        must(whole, "half a descriptor was taken");
        fed += bytes.size() / sizeof(WireSegment);
        must(list.segments().size() == before + bytes.size() / sizeof(WireSegment),
             "a descriptor was left out");
    }
    return 0;
}
