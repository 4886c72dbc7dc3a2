// What a logical unit is served by.
//
// A target is made by the control thread, may take its time then (open files, read identities),
// and is attached to one worker, on which everything else happens. Nothing on the worker blocks.
#pragma once

#include "backend/request.hpp"
#include "common/scsi/condition.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace boost::asio {
class io_context;
}
namespace pvscsi::config {
struct Settings;
}

namespace pvscsi::backend {

class Worker;
namespace inject {
class Injector;
}

/// What start() and resume() did with the request.
enum class Step : std::uint8_t {
    done,      ///< request.outcome is set
    need_data, ///< want_data() was called: fetch the data-out, then resume()
    pending,   ///< finish() will be called later, from the worker's loop
};

/// Commands of a daemon that has died, which nobody can fetch any more.
enum class Leftovers : std::uint8_t {
    none,
    some,      ///< they are at the device
    resetting, ///< another unit has the device reset because of them: none may begin now
    disowned,  ///< it was reset because of them, and nobody knows what became of them
};

/// What the way to a device carries in one command, beside what the ring does.
struct Carries {
    std::uint64_t most_bytes = 0; ///< of data; 0: no bound is known
    std::uint32_t block_size = 0; ///< of the medium; 0: not known
};

class Target {
  public:
    Target() = default;
    Target(const Target&) = delete;
    Target& operator=(const Target&) = delete;
    virtual ~Target() = default;

    /// Control thread, before anything else is asked: it is not open yet and goes on with that in
    /// the control thread's loop; it is asked again soon. Throws what make_target() does if it
    /// can't be had.
    [[nodiscard]] virtual bool opening() { return false; }
    /// Control thread, before attach().
    [[nodiscard]] virtual Leftovers leftovers() noexcept { return Leftovers::none; }
    /// The device does not end them: resets it. On the worker.
    virtual void end_leftovers() noexcept {
        reset([](bool) {});
    }
    /// A file in which it may keep what would end with this process and not with the device; with
    /// `inherited`, a predecessor's, which it goes on from. Control thread, before attach(). Throws
    /// std::system_error.
    virtual void remember_in(const std::string& /*path*/, bool /*inherited*/) {}
    /// Called once, on the worker, before the first start(). May throw std::system_error: the
    /// LUN is then failed.
    virtual void attach(Worker&) {}
    /// Called on the worker after the last request has been answered; no callback comes after it.
    virtual void detach() noexcept {}

    /// Begins a command. The outcome is a fresh one.
    virtual Step start(Request& request) noexcept = 0;
    /// Goes on with a command whose data-out has arrived.
    virtual Step resume(Request& request) noexcept = 0;
    /// Forgets a command that asked for data-out which cannot be had; in place of resume().
    virtual void drop(Request&) noexcept {}
    /// Asks to end a pending command early. It must be finished by finish() all the same, with
    /// HostCode::abort if it really was ended; a target that cannot end it does nothing and the
    /// queue tells the guest so when its patience is over. Never finishes it from inside the call.
    virtual void abort(Request&) noexcept {}
    /// The queue is done with a command that was started: its data-in have been copied, or never
    /// will be. The last call for it.
    virtual void answered(Request&) noexcept {}
    /// What a command may take at the device from now on, whatever its own timeout; zero: no bound.
    /// Called on the worker. Nothing to a target whose commands the kernel does not time.
    virtual void limit_time(std::chrono::seconds) noexcept {}
    /// LOGICAL UNIT RESET: end all pending commands (HostCode::reset) and bring the unit to its
    /// initial state, then call `done(success)`, from the loop or from inside.
    virtual void reset(std::function<void(bool success)> done) noexcept { done(true); }

    /// The guest's connection has ended, or it has made a new one, or loses the unit: what it asked
    /// for the last one's sake ends (I_T nexus loss, SAM-5 6.3.4). On the worker, with no command
    /// under way; maybe twice. Not when the daemon ends and a successor goes on.
    virtual void nexus_lost() noexcept {}

    /// The guest is to be told this, once, by a unit attention. On the worker. Nothing to a unit
    /// that knows itself what its guest has to hear.
    virtual void tell(const scsi::Condition& /*attention*/) noexcept {}

    /// Called every few seconds, on the worker, also when no command comes: looks whether the
    /// device is still what it was, where nothing else would tell. Must not block.
    virtual void keep_house() noexcept {}

    /// What injects faults before the device; null: nothing does.
    [[nodiscard]] virtual inject::Injector* injector() noexcept { return nullptr; }

    /// Called at most once, on the worker, with the reason that an administrator can act on, when
    /// the unit has failed for good: its device is gone, its file was cut short. Its commands are
    /// answered all the same. May be called from inside any of the calls above.
    std::function<void(const std::string& reason)> on_failure;
    /// What an administrator should know of a unit that works; empty: nothing any more. As often as
    /// it changes, but at most once per keep_house().
    std::function<void(const std::string& what)> on_warning;
    /// The same for what only the log is to tell: as often as the target likes, not on the way of
    /// I/O. Whoever takes it bounds how much is logged.
    std::function<void(const std::string& what)> on_notice;

    /// Peripheral device type (SPC-5 table 141), as the target's own INQUIRY data say it.
    [[nodiscard]] virtual std::uint8_t device_type() const noexcept = 0;
    /// Its commands are executed by a device that is not ours, and may reach further than the unit.
    [[nodiscard]] virtual bool passes_through() const noexcept { return false; }
    [[nodiscard]] virtual Carries carries() const noexcept { return {}; }
};

/// What a `vscsi=` entry asks for, as the toolstack wrote it into the store.
struct LunConfig {
    std::string pdev; ///< a form of config::pdev_forms()
    bool read_only = false;
    std::string name;   ///< the administrator's name for it; may be empty
    std::string serial; ///< stable identity of an emulated unit: UUID or hash of domain and v-dev
    unsigned queue_depth = 0; ///< commands that the guest may have at the unit; 0: the ring's size
    unsigned timeout = 0;     ///< seconds that a command may have at a SCSI device; 0: no bound
    bool exclusive = true;    ///< false: with other units that say the same
    std::string policy = {};  ///< as an entry's policy=; may be empty
    std::string vport = {};   ///< as an entry's vport=: the guest's own port; may be empty
    friend bool operator==(const LunConfig&, const LunConfig&) = default;
};

/// For whom and where a unit is opened.
struct OpenedFor {
    /// The control thread's loop, for what takes its time; null: only what does not can be opened.
    boost::asio::io_context* control = nullptr;
    const config::Settings* settings = nullptr; ///< the host's; null: none
    std::string guest;                          ///< "/vm/UUID", or what else the domain is known by
};

/// Opens what `config` names, or begins to (Target::opening()). Throws std::system_error or
/// std::runtime_error with the reason that an administrator can act on.
std::unique_ptr<Target> make_target(const LunConfig& config, const OpenedFor& whom = {});

} // namespace pvscsi::backend
