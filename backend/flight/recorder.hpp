// Records the last commands of one LUN (README.md).
//
// Thread: made by the control thread, then the worker's. Nothing of the worker's part allocates,
// locks, calls the system or fails. Errors: std::system_error when the file can't be made.
#pragma once

#include "backend/flight/entry.hpp"
#include "backend/mapped_file.hpp"
#include "backend/request.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace pvscsi::backend::flight {

/// Whose record it is.
struct Unit {
    std::uint16_t guest = 0; ///< its number
    std::uint32_t vhost = 0;
    ring::Address address;
    std::string guest_name;
    std::string pdev;
    std::uint8_t device_type = 0;
    friend bool operator==(const Unit&, const Unit&) = default;
};

class Recorder {
  public:
    using Time = std::chrono::steady_clock::time_point;

    /// Goes on with the file at `path` if it is this unit's and of this length, else makes a new
    /// one in its place. `length`: entries, least_length to most_length.
    static std::unique_ptr<Recorder> open(const std::string& path, const Unit& unit,
                                          unsigned length);
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    // --- the worker's ---
    /// `request` has come: a command, an ABORT or a RESET. Its entry's place; `none` if all
    /// entries are under way.
    [[nodiscard]] unsigned begin(const Request& request, Time now) noexcept;
    /// It has ended, with its outcome.
    void end(unsigned place, const Request& request, End how, Time now) noexcept;
    /// Now and then: the wall clock may have been set.
    void set_clock() noexcept;

    static constexpr unsigned none = ~0u;

  private:
    Recorder(MappedFile file, unsigned length);
    /// Where the next entry goes, or `none`.
    [[nodiscard]] unsigned next_place() noexcept;
    void go_on() noexcept;
    void note_daemon() noexcept;

    static std::uint64_t nanoseconds(Time time) noexcept {
        return static_cast<std::uint64_t>(
            std::chrono::nanoseconds(time.time_since_epoch()).count());
    }
    static KindWord kind_of(const Request& request) noexcept;
    static MoreWord more_of(const Request& request) noexcept {
        const bool abort = request.command.action() == ring::Action::abort;
        return {abort ? request.command.victim().value() : std::uint16_t{0},
                request.command.timeout(), 0};
    }
    void put_sense(unsigned place, std::span<const std::uint8_t> bytes) noexcept;

    MappedFile file_;
    Header& header_;
    Entry* const entries_;
    Sense* const senses_;
    const unsigned length_;
    unsigned next_ = 0;          ///< place
    std::uint64_t sequence_ = 1; ///< of the next entry
    std::uint64_t own_ = 1; ///< the first that is this process's: what is under way since lives
};

inline unsigned Recorder::next_place() noexcept {
    for (unsigned tried = 0; tried < length_; ++tried) {
        const unsigned place = next_;
        next_ = next_ + 1 == length_ ? 0 : next_ + 1;
        const auto stamp = entries_[place].stamp.load(std::memory_order_relaxed);
        if (state_of(stamp) != State::under_way || sequence_of(stamp) < own_)
            return place;
    }
    return none;
}

inline KindWord Recorder::kind_of(const Request& request) noexcept {
    constexpr std::array kinds{Kind::command, Kind::abort, Kind::reset};
    const auto& command = request.command;
    const auto action = static_cast<std::size_t>(command.action());
    KindWord word;
    word.kind = static_cast<std::uint8_t>(kinds[action]);
    word.tag = command.tag().value();
    if (command.action() == ring::Action::cdb) {
        word.direction = static_cast<std::uint8_t>(command.direction());
        word.cdb_size = static_cast<std::uint8_t>(command.cdb().bytes().size());
    }
    return word;
}

inline unsigned Recorder::begin(const Request& request, Time now) noexcept {
    const unsigned place = next_place();
    if (place == none)
        return none;
    Entry& entry = entries_[place];
    const std::uint64_t sequence = sequence_++;
    std::array<std::uint64_t, 2> cdb{};
    std::memcpy(cdb.data(), request.command.cdb().padded().data(), sizeof cdb);
    constexpr auto release = std::memory_order_release;
    entry.stamp.store(stamp_of(sequence, State::writing), release);
    entry.begun.store(nanoseconds(now), release);
    entry.ended.store(0, release);
    entry.cdb[0].store(cdb[0], release);
    entry.cdb[1].store(cdb[1], release);
    entry.lengths.store(request.length(), release);
    entry.kind.store(kind_of(request).pack(), release);
    entry.more.store(more_of(request).pack(), release);
    entry.stamp.store(stamp_of(sequence, State::under_way), release);
    return place;
}

inline void Recorder::end(unsigned place, const Request& request, End how, Time now) noexcept {
    Entry& entry = entries_[place];
    KindWord kind = kind_of(request);
    MoreWord more = more_of(request);
    more.end = static_cast<std::uint8_t>(how);
    std::uint64_t residual = 0;
    constexpr auto release = std::memory_order_release;
    if (request.command.action() == ring::Action::cdb && how == End::answered) {
        const Outcome& outcome = request.outcome;
        kind.host = static_cast<std::uint8_t>(outcome.host);
        kind.status = static_cast<std::uint8_t>(outcome.status);
        residual = request.length() - request.transferred();
        if (!outcome.sense.empty()) {
            kind.sense_size = static_cast<std::uint8_t>(outcome.sense.bytes().size());
            put_sense(place, outcome.sense.bytes());
        }
    }
    const std::uint64_t stamp = entry.stamp.load(std::memory_order_relaxed);
    entry.ended.store(nanoseconds(now), release);
    entry.lengths.store(residual << 32 | request.length(), release);
    entry.kind.store(kind.pack(), release);
    entry.more.store(more.pack(), release);
    entry.stamp.store(stamp_of(sequence_of(stamp), State::ended), release);
}

} // namespace pvscsi::backend::flight
