// libpvscsi-frontend: the guest's end of a PVSCSI connection, for user-space programs.
//
// A Session is one vhost (`device/vscsi/N` of this domain). It speaks the ring protocol with the
// backend through granted memory and an event channel, and xenbus through the store.
//
// Threads: a Session and everything made from it belong to one thread; it has none of its own.
// Work is done inside poll() and wait(); callbacks run from there (those of commands that the
// destructor cuts off: from there), and may call any function of the session but its destructor;
// poll() and wait() do nothing then. Waiting: fd() in a loop of the caller's, wait(), or calling
// poll() without pause, which makes no system call as long as nothing but I/O happens.
//
// Errors: opening throws std::system_error or std::runtime_error that say what to do; what
// becomes of a command is in its Completion; the backend's protocol faults disconnect the session
// (Event::failed) and never reach the caller as data. A session survives its backend: commands in
// flight end with Host::transport_disrupted, and Event::reconnected comes when it is back.
//
// Source: xen/include/public/io/vscsiif.h; SAM-5, SPC-5.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#if defined(__GNUC__)
#define PVSCSI_API __attribute__((visibility("default")))
#else
#define PVSCSI_API
#endif

namespace pvscsi {

/// A virtual address. `host` is the vhost's number in the configuration; it is not on the wire.
struct Hctl {
    std::uint32_t host = 0;
    std::uint16_t channel = 0; ///< 0..65535
    std::uint16_t target = 0;  ///< 0..65535; Linux' frontend goes to 63
    std::uint16_t lun = 0;     ///< 0..65535; Linux' frontend goes to 254
    friend auto operator<=>(const Hctl&, const Hctl&) = default;
};

/// "H:C:T:L" in decimal. from_string throws std::invalid_argument.
PVSCSI_API std::string to_string(const Hctl& address);
PVSCSI_API Hctl hctl_from_string(const std::string& text);

/// What became of a command before a SCSI status could be had (XEN_VSCSIIF_RSLT_HOST_*).
enum class Host : std::uint8_t {
    ok = 0,
    no_connect = 1,
    bus_busy = 2,
    time_out = 3,
    bad_target = 4,
    abort = 5,
    parity = 6,
    error = 7,
    reset = 8,
    bad_intr = 9,
    passthrough = 10,
    soft_error = 11,
    imm_retry = 12,
    requeue = 13,
    transport_disrupted = 14,
    transport_failfast = 15,
    transport_marginal = 20,
};

enum class DataDirection : std::uint8_t { none, to_device, from_device };

/// How a command ended. `sense` is valid during the callback only.
struct Completion {
    Host host = Host::ok;
    std::uint8_t status = 0; ///< SAM status; meaningful if host is ok
    std::span<const std::uint8_t> sense;
    std::uint32_t residual = 0; ///< requested length less what was transferred, bytes
};

/// Memory that is granted to the backend for the session's life: data in it is not copied on its
/// way. Zeroed when made. It may be destroyed after its session, by the same thread.
class PVSCSI_API Buffer {
  public:
    Buffer() noexcept;
    Buffer(Buffer&&) noexcept;
    Buffer& operator=(Buffer&&) noexcept;
    ~Buffer();
    [[nodiscard]] std::span<std::byte> bytes() const noexcept;

  private:
    friend class Session;
    struct Impl;
    explicit Buffer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// A command to run. `cdb` is copied; `data` must stay valid until the completion.
struct ScsiCommand {
    Hctl address;
    std::span<const std::uint8_t> cdb; ///< 1 to 16 bytes
    DataDirection direction = DataDirection::none;
    /// At most Session::max_transfer() bytes. Inside a Buffer of the session: used in place;
    /// elsewhere: copied through memory of the session's own.
    std::span<std::byte> data;
    /// 0: the backend's default. When it is over the session aborts the command, and completes
    /// it with Host::time_out once the backend has let go of its data; if the device has finished
    /// it all the same, with what the device said.
    std::chrono::milliseconds timeout{0};
};

using CompletionHandler = std::function<void(const Completion&)>;

/// Names a submitted command for abort(); 0 is none. Never reused within a session.
using CommandId = std::uint64_t;

/// Why submit() took nothing.
enum class SubmitError : std::uint8_t {
    none,
    busy,          ///< all 16 slots of the ring, or the session's memory, are in use: poll, retry
    not_connected, ///< there is no backend at the moment
    bad_command,   ///< a CDB of a wrong length, or data that the connection cannot carry
};

struct SubmitResult {
    CommandId id = 0;
    SubmitError error = SubmitError::none;
    explicit operator bool() const noexcept { return error == SubmitError::none; }
};

struct Event {
    enum class Kind : std::uint8_t {
        lun_added,
        lun_removed,
        disconnected, ///< the backend is gone; commands in flight have been completed
        reconnected,  ///< commands are taken again
        failed,       ///< the backend broke the protocol; the session reconnects if it can
        closed,       ///< the device was removed for good
        store_lost,   ///< I/O goes on if the backend does, but no other event will come
    };
    Kind kind;
    Hctl address;       ///< of lun_added and lun_removed
    std::string reason; ///< of disconnected, failed and closed
};

struct SessionOptions {
    /// Directory of the embedded host; empty: $PVSCSI_HOST, else Xen.
    std::string host_dir;
    /// The domain to be, by name or number; on Xen it is the one that the program runs in.
    std::string domain;
    /// Which vhost: the number N of `device/vscsi/N`.
    std::uint32_t device = 0;
    /// How long opening waits for the backend.
    std::chrono::milliseconds connect_timeout{30'000};
    /// Opening does not wait: if the session is not connected() then, Event::reconnected tells
    /// when the backend has come.
    bool connect_later = false;
    /// Granted memory for data outside of Buffers, bytes. On Xen gntalloc's limit counts.
    std::size_t bounce_memory = 4u << 20;
};

class PVSCSI_API Session {
  public:
    /// Connects. Throws when there is no such device, another program has it, or the backend does
    /// not come in time.
    static std::unique_ptr<Session> open(const SessionOptions& options);
    /// Closes the device, so that another session can have it.
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    /// The LUNs that the backend shows, by address.
    [[nodiscard]] std::vector<Hctl> luns() const;
    /// Most bytes of one command's data, as negotiated.
    [[nodiscard]] std::size_t max_transfer() const;
    [[nodiscard]] bool connected() const noexcept;
    /// Commands that submit() would take now, 0..16.
    [[nodiscard]] unsigned free_slots() const noexcept;

    /// Throws std::bad_alloc or std::system_error when no memory can be granted.
    Buffer allocate(std::size_t size);

    /// Queues a command; flush() (or poll(), or wait()) shows it to the backend, so that several
    /// go with one signal. `done` is called exactly once if and only if it was taken.
    SubmitResult submit(const ScsiCommand& command, CompletionHandler done);
    void flush();

    /// Sends ABORT for a command in flight; `done` says whether the backend ended it. The command
    /// itself still gets its own completion, before that.
    void abort(CommandId id, std::function<void(bool success)> done);
    /// Sends RESET for a logical unit.
    void reset(const Hctl& address, std::function<void(bool success)> done);

    /// Runs what there is to do; how many commands it completed.
    std::size_t poll();
    /// Readable when poll() should be called; only after prepare_to_sleep() returned true.
    [[nodiscard]] int fd() const noexcept;
    /// Asks the backend for a signal. False: something has come meanwhile, poll again.
    bool prepare_to_sleep();
    /// poll(), sleeping until something has happened or the time is over (negative: no limit).
    std::size_t wait(std::chrono::milliseconds timeout);

    /// Called for every Event from inside poll() or wait().
    void on_event(std::function<void(const Event&)> handler);

    struct Impl;

  private:
    explicit Session(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

} // namespace pvscsi
