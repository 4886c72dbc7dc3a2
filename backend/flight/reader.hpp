// Reads what a flight recorder has written, while it writes or after its daemon has died.
//
// Thread: any. Errors: open() says why there is nothing to read.
#pragma once

#include "backend/flight/recorder.hpp"
#include "common/base/expected.hpp"

#include <string>
#include <vector>

namespace pvscsi::backend::flight {

/// One of the recorder's entries.
struct Event {
    std::uint64_t sequence = 0;
    Kind kind = Kind::none;
    /// writing: the daemon died at writing it, and only `sequence` is known.
    State state = State::empty;
    bool lost = false;                ///< under way when its daemon died
    std::chrono::nanoseconds begun{}; ///< of CLOCK_MONOTONIC
    std::chrono::nanoseconds ended{}; ///< the same, if it has
    std::array<std::uint8_t, 16> cdb{};
    std::uint8_t cdb_size = 0;
    ring::Direction direction = ring::Direction::none;
    std::uint32_t length = 0;   ///< bytes that the guest's segments hold
    std::uint32_t residual = 0; ///< bytes
    std::uint16_t tag = 0;
    std::uint16_t timeout = 0; ///< seconds
    std::uint16_t victim = 0;  ///< of an ABORT: the tag
    std::uint64_t pid = 0;     ///< of Kind::daemon
    End end = End::answered;
    scsi::HostCode host = scsi::HostCode::ok;
    scsi::Status status = scsi::Status::good;
    std::uint8_t sense_size = 0; ///< of the whole
    scsi::Sense sense;           ///< its first bytes
};

class Recording {
  public:
    static Expected<Recording, std::string> open(const std::string& path);

    [[nodiscard]] Unit unit() const;
    [[nodiscard]] unsigned length() const noexcept;
    /// The daemon that has the file, or had it last.
    [[nodiscard]] std::uint64_t writer() const noexcept;
    /// Whether that process is there.
    [[nodiscard]] bool live() const noexcept;
    /// What to add to a monotonic time.
    [[nodiscard]] std::chrono::nanoseconds wall_offset() const noexcept;
    /// In order of sequence. What is being overwritten at this moment is left out.
    [[nodiscard]] std::vector<Event> events() const;

  private:
    Recording(MappedFile file, unsigned length) : file_(std::move(file)), length_(length) {}
    [[nodiscard]] const Header& header() const noexcept { return file_.as<const Header>(); }
    [[nodiscard]] bool read(unsigned place, Event& event) const noexcept;

    MappedFile file_;
    unsigned length_;
};

} // namespace pvscsi::backend::flight
