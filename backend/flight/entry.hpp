// The file of a flight recorder: a page that says whose it is, an entry of one cache line for each
// command, and apart from them the sense data, which most commands don't have.
//
// Every field is an atomic word: the daemon writes while others read. An entry holds if its first
// word is the same before and after the others were read. All stores are releases and all loads
// acquires, which cost nothing on x86: whoever sees a word of a new entry sees that the first was
// changed.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pvscsi::backend::flight {

inline constexpr const char* suffix = ".trace"; ///< of the file
inline constexpr unsigned least_length = 64;    ///< entries: more than can be under way
inline constexpr unsigned most_length = 65536;
inline constexpr unsigned usual_length = 256;
inline constexpr std::size_t sense_kept = 32; ///< bytes
inline constexpr unsigned detached_kept = 8;  ///< records of a vhost's detached LUNs

enum class Kind : std::uint8_t {
    none,
    command,
    abort,
    reset,
    daemon, ///< one has begun to serve the LUN; what is under way before it was another one's
};

enum class State : std::uint8_t {
    empty,
    writing,   ///< for good if the daemon died at it
    under_way, ///< it has begun
    ended,
};

/// How what has ended did.
enum class End : std::uint8_t {
    answered,  ///< of an ABORT or RESET: it succeeded
    failed,    ///< only of an ABORT or RESET
    cut_short, ///< with the connection: the guest has no answer
};

using Word = std::atomic<std::uint64_t>;
static_assert(Word::is_always_lock_free && sizeof(Word) == 8);

/// What the words of an entry are.
struct alignas(64) Entry {
    Word stamp;   ///< sequence number << 2 | State
    Word begun;   ///< nanoseconds of CLOCK_MONOTONIC
    Word ended;   ///< the same; 0 before
    Word cdb[2];  ///< as its bytes lie in memory
    Word lengths; ///< residual << 32 | bytes that the guest's segments hold
    Word kind;    ///< see KindWord
    Word more;    ///< of Kind::daemon its process id; else see MoreWord
};
static_assert(sizeof(Entry) == 64);

struct Sense {
    std::array<Word, sense_kept / 8> words;
};

/// Fields of Entry::kind, from the lowest byte.
struct KindWord {
    std::uint8_t kind = 0;
    std::uint8_t direction = 0; ///< 0 none, 1 to the device, 2 from it
    std::uint8_t cdb_size = 0;
    std::uint8_t host = 0;
    std::uint8_t status = 0;
    std::uint8_t sense_size = 0; ///< of the whole; sense_kept are there
    std::uint16_t tag = 0;

    [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
        return std::uint64_t{kind} | std::uint64_t{direction} << 8 | std::uint64_t{cdb_size} << 16 |
               std::uint64_t{host} << 24 | std::uint64_t{status} << 32 |
               std::uint64_t{sense_size} << 40 | std::uint64_t{tag} << 48;
    }
    static constexpr KindWord unpack(std::uint64_t word) noexcept {
        const auto byte = [word](unsigned at) {
            return static_cast<std::uint8_t>(word >> (8 * at));
        };
        return {byte(0),
                byte(1),
                byte(2),
                byte(3),
                byte(4),
                byte(5),
                static_cast<std::uint16_t>(word >> 48)};
    }
};

/// Fields of Entry::more, but of Kind::daemon.
struct MoreWord {
    std::uint16_t victim = 0;  ///< of Kind::abort: the tag
    std::uint16_t timeout = 0; ///< seconds; 0: the guest asked for none
    std::uint8_t end = 0;      ///< End

    [[nodiscard]] constexpr std::uint64_t pack() const noexcept {
        return std::uint64_t{victim} | std::uint64_t{timeout} << 16 | std::uint64_t{end} << 32;
    }
    static constexpr MoreWord unpack(std::uint64_t word) noexcept {
        return {static_cast<std::uint16_t>(word), static_cast<std::uint16_t>(word >> 16),
                static_cast<std::uint8_t>(word >> 32)};
    }
};

/// Whose record it is. What is no atomic is written before the file has its name.
struct alignas(4096) Header {
    static constexpr std::uint64_t magic_number = 0x3130435254505356u; // version in the last bytes

    std::uint64_t magic;
    std::uint32_t length; ///< entries
    std::uint32_t vhost;
    std::uint16_t guest;
    std::uint16_t channel, target, lun;
    std::uint8_t device_type; ///< peripheral device type, for the names of opcodes
    std::array<char, 128> guest_name;
    std::array<char, 1024> pdev; ///< cut if it is longer
    Word writer;                 ///< process id of the daemon that has it
    Word wall_offset;            ///< CLOCK_REALTIME - CLOCK_MONOTONIC, nanoseconds
};
static_assert(sizeof(Header) == 4096);

[[nodiscard]] constexpr std::size_t file_size(unsigned length) noexcept {
    return sizeof(Header) + length * (sizeof(Entry) + sizeof(Sense));
}

[[nodiscard]] constexpr std::uint64_t stamp_of(std::uint64_t sequence, State state) noexcept {
    return sequence << 2 | static_cast<std::uint64_t>(state);
}
[[nodiscard]] constexpr State state_of(std::uint64_t stamp) noexcept {
    return static_cast<State>(stamp & 3);
}
[[nodiscard]] constexpr std::uint64_t sequence_of(std::uint64_t stamp) noexcept {
    return stamp >> 2;
}

/// The text in a field of the header.
template <std::size_t Size>
[[nodiscard]] std::string_view text_of(const std::array<char, Size>& field) noexcept {
    return {field.data(), ::strnlen(field.data(), Size)};
}

} // namespace pvscsi::backend::flight
