// A request, parsed: once, from a private copy, into types that cannot be wrong.
//
//   WireRequest (bytes of a peer) --parse()--> Command, or a Reject that is answered
//
// Only the parser makes a Command or a Segment, so whoever holds one need not check again.
#pragma once

#include "common/base/expected.hpp"
#include "common/base/strong_id.hpp"
#include "ring/abi.hpp"

#include <array>
#include <memory>
#include <span>
#include <string_view>

namespace pvscsi::ring {

/// A guest's own name for a request (rqid). Opaque: echoed, compared, never an index. Two requests
/// in flight may carry the same one; that is the guest's fault and its problem.
using GuestTag = StrongId<struct GuestTagTag, std::uint16_t>;

enum class Action : std::uint8_t { cdb, abort, reset };
enum class Direction : std::uint8_t { none, to_device, from_device };

/// Where a guest sees a logical unit. The host number of a v-dev is not on the wire.
struct Address {
    std::uint16_t channel = 0;
    std::uint16_t target = 0;
    std::uint16_t lun = 0;
    friend constexpr auto operator<=>(const Address&, const Address&) = default;
};

/// 1 to 16 bytes, at least as long as the opcode's group says; the rest of the 16 are zero.
class Cdb {
  public:
    [[nodiscard]] std::uint8_t opcode() const noexcept { return bytes_[0]; }
    [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept {
        return {bytes_.data(), size_};
    }
    /// All 16 bytes: for decoding fields without asking for the length first.
    [[nodiscard]] const std::array<std::uint8_t, max_cdb_size>& padded() const noexcept {
        return bytes_;
    }
    /// For tests and tools that have a CDB of their own; nothing if it is not 1 to 16 bytes or
    /// shorter than its opcode's group.
    static Expected<Cdb, struct Reject> make(std::span<const std::uint8_t> bytes) noexcept;

  private:
    std::array<std::uint8_t, max_cdb_size> bytes_{};
    std::uint8_t size_ = 0;
};

/// A piece of one granted page: 0 < length, offset + length <= 4096.
class Segment {
  public:
    Segment() = default; ///< only as unused storage of a SegmentList
    static Expected<Segment, struct Reject> make(const WireSegment& wire) noexcept;

    [[nodiscard]] GrantRef ref() const noexcept { return ref_; }
    [[nodiscard]] std::uint16_t offset() const noexcept { return offset_; }
    [[nodiscard]] std::uint16_t length() const noexcept { return length_; }

  private:
    GrantRef ref_;
    std::uint16_t offset_ = 0;
    std::uint16_t length_ = 0;
};

enum class RejectReason : std::uint8_t {
    unknown_action,
    bad_cdb_length,       ///< 0, above 16, or shorter than the opcode's group says
    bad_direction,        ///< not 0..3, bidirectional with data, or data without a direction
    too_many_segments,    ///< more than the protocol or the negotiated limit allows
    bad_segment,          ///< empty, or past the end of its page
    indirect_not_offered, ///< without feature-sg-grant
    bad_indirect_page,    ///< length not a multiple of a descriptor, or past the page's end
};
[[nodiscard]] std::string_view to_string(RejectReason reason) noexcept;

/// An answerable fault of one request: the ring is sound, this request isn't.
struct Reject {
    RejectReason reason;
    friend bool operator==(const Reject&, const Reject&) = default;
};

/// What was negotiated with this frontend.
struct Limits {
    /// Data segments of one request; above max_direct_segments only through indirect pages.
    /// 0 < value <= max_indirect_segments.
    unsigned max_segments = max_direct_segments;
    /// feature-sg-grant was offered.
    bool indirect = false;
};

/// Checked segments with their total. Storage for `capacity` is made once, at construction.
class SegmentList {
  public:
    explicit SegmentList(unsigned capacity)
        : storage_(std::make_unique<Segment[]>(capacity)), capacity_(capacity) {}

    void clear() noexcept { size_ = 0, total_ = 0; }
    /// False if the list is full.
    [[nodiscard]] bool add(const Segment& segment) noexcept {
        if (size_ == capacity_)
            return false;
        storage_[size_++] = segment;
        total_ += segment.length();
        return true;
    }
    [[nodiscard]] std::span<const Segment> segments() const noexcept {
        return {storage_.get(), size_};
    }
    /// Bytes that all segments hold; at most max_indirect_segments * 4096, so it fits.
    [[nodiscard]] std::uint32_t total() const noexcept { return total_; }

  private:
    std::unique_ptr<Segment[]> storage_;
    unsigned capacity_;
    unsigned size_ = 0;
    std::uint32_t total_ = 0;
};

class Command {
  public:
    Command() = default; ///< a CDB command with nothing in it: unused storage of a slot
    /// Stands for a request that parse() rejected: only its tag is known.
    [[nodiscard]] static Command rejected(GuestTag tag) noexcept {
        Command command;
        command.tag_ = tag;
        return command;
    }

    [[nodiscard]] Action action() const noexcept { return action_; }
    [[nodiscard]] GuestTag tag() const noexcept { return tag_; }
    [[nodiscard]] const Address& address() const noexcept { return address_; }
    /// Only of Action::cdb.
    [[nodiscard]] const Cdb& cdb() const noexcept { return cdb_; }
    [[nodiscard]] Direction direction() const noexcept { return direction_; }
    /// Seconds; 0: the guest asks for no particular one.
    [[nodiscard]] std::uint16_t timeout() const noexcept { return timeout_; }
    /// Only of Action::abort: the tag of the command to abort.
    [[nodiscard]] GuestTag victim() const noexcept { return victim_; }
    /// The segments that parse() filled in are pages of descriptors: fetch them, then
    /// parse_descriptors().
    [[nodiscard]] bool indirect() const noexcept { return indirect_; }

  private:
    friend Expected<Command, Reject> parse(const WireRequest&, const Limits&,
                                           SegmentList&) noexcept;
    Action action_ = Action::cdb;
    GuestTag tag_;
    GuestTag victim_;
    Address address_;
    Cdb cdb_;
    Direction direction_ = Direction::none;
    std::uint16_t timeout_ = 0;
    bool indirect_ = false;
};

/// The tag to answer a rejected request with.
[[nodiscard]] inline GuestTag tag_of(const WireRequest& request) noexcept {
    return GuestTag{request.rqid};
}

/// Judges `request`, which must be a private copy. `segments` (capacity at least
/// max_direct_segments) is filled with the data segments, or with the descriptor pages of an
/// indirect request.
[[nodiscard]] Expected<Command, Reject> parse(const WireRequest& request, const Limits& limits,
                                              SegmentList& segments) noexcept;

/// Adds the data segments that one fetched indirect page describes to `segments` (capacity at
/// least limits.max_segments). `page` is the private copy of exactly the descriptors' bytes.
[[nodiscard]] Expected<void, Reject> parse_descriptors(std::span<const std::byte> page,
                                                       const Limits& limits,
                                                       SegmentList& segments) noexcept;

} // namespace pvscsi::ring
