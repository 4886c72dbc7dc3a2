// What pvscsi-run and its preload library say to each other.
//
// A program's open file is a SOCK_SEQPACKET connection. The first message is a Hello; the answer
// of an open carries a sealed memory file: a Page, then the data regions, one a slot and one for
// the reserved buffer (SG_FLAG_MMAP_IO). From then on a message to the server is a Submit, and a
// message from it a byte that says that one more response waits, so that poll() on the socket
// shows what poll() on an sg node would. The results are in the page.
//
// A slot belongs to whoever moved its state from `free` to `busy`. The server sets `done`; the
// program that takes the response sets `free`. The server keeps its own account of what is in
// flight, reads a request once and looks at no other field: the page is a stranger's to write.
//
// Several processes may share an open file (fork), so all of its state is in the page.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace pvscsi::run::wire {

inline constexpr std::uint32_t magic = 0x70767372;
inline constexpr std::uint32_t version = 1;
inline constexpr char socket_variable[] = "PVSCSI_RUN_SOCKET";
inline constexpr char node_directory[] = "/dev/pvscsi";

/// Commands outstanding on an open file, as the sg driver has it (SG_MAX_QUEUE).
inline constexpr unsigned slot_count = 16;
inline constexpr unsigned reserved_region = slot_count;
inline constexpr unsigned region_count = slot_count + 1;
/// The longest CDB of the ring. The sg driver takes longer ones; the frontend answers them.
inline constexpr std::size_t cdb_size = 16;
inline constexpr std::size_t sense_size = 96;
/// sizeof(sg_io_hdr_t) on the architectures with 8-byte pointers.
inline constexpr std::size_t header_size = 88;

enum class Op : std::uint32_t {
    open = 1, ///< answer with the memory file, then Submits
    stat = 2, ///< is there such a node?
    join = 3, ///< another pvscsi-run of the same domain; its Answer is followed by the node list
};

struct Hello {
    std::uint32_t magic;
    std::uint32_t version;
    Op op;
    std::uint32_t host;
    std::uint16_t channel;
    std::uint16_t target;
    std::uint16_t lun;
    std::uint16_t exclusive; ///< O_EXCL
};

struct Answer {
    std::int32_t error; ///< an errno; 0: done
    std::uint32_t minor;
};

struct Submit {
    std::uint32_t slot;
};

enum class Kind : std::uint8_t { command, reset_lun };
enum class Direction : std::uint8_t { none, to_device, from_device };

enum SlotState : std::uint32_t { slot_free, slot_busy, slot_done };

/// Written by the program before the Submit.
struct Request {
    Kind kind;
    Direction direction;
    std::uint8_t synchronous; ///< nobody polls for it: no byte on the socket
    std::uint8_t cdb_length;  ///< may exceed cdb_size; such a command is refused
    std::uint8_t cdb[cdb_size];
    std::uint32_t region;
    std::uint32_t data_length;
    std::uint32_t timeout_ms; ///< 0: none
};

/// Written by the server before `done`.
struct Outcome {
    std::int32_t error; ///< errno: the command was not run
    std::uint8_t host;
    std::uint8_t status;
    std::uint8_t sense_length;
    std::uint8_t sense[sense_size];
    std::uint32_t residual;
    std::uint32_t duration_ms;
};

struct Slot {
    std::atomic<std::uint32_t> state;
    std::uint32_t order; ///< of submission; the program's
    Request request;
    Outcome outcome;
    alignas(8) unsigned char header[header_size]; ///< the program's sg_io_hdr_t
};

struct Page {
    // The server's.
    std::uint32_t region_size;
    std::uint32_t minor;
    std::uint32_t host;
    std::uint32_t channel;
    std::uint32_t target;
    std::uint32_t lun;
    std::atomic<std::uint32_t> max_transfer;
    std::atomic<std::uint32_t> detached; ///< the LUN is gone
    std::atomic<std::uint32_t> completions;

    // The programs'.
    std::atomic<std::uint32_t> waiters; ///< sleep on `completions`
    std::atomic<std::uint32_t> next_order;
    std::atomic<std::int32_t> timeout;
    std::atomic<std::int32_t> reserved_size;
    std::atomic<std::int32_t> reserved_in_use;
    std::atomic<std::int32_t> force_pack_id;
    std::atomic<std::int32_t> keep_orphan;
    std::atomic<std::int32_t> command_queuing;

    Slot slots[slot_count];
};

inline constexpr std::size_t page_bytes = 8192;
static_assert(sizeof(Page) <= page_bytes);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(std::is_standard_layout_v<Page>);

[[nodiscard]] constexpr std::size_t memory_size(std::size_t region_size) {
    return page_bytes + region_count * region_size;
}
[[nodiscard]] constexpr std::size_t region_offset(std::size_t region_size, unsigned region) {
    return page_bytes + region * region_size;
}

} // namespace pvscsi::run::wire
