// libiscsi's side of the target: few calls behind two small classes, so that every failure of a
// SAN's can be made to happen in a test.
//
// Only what libiscsi does without waiting is used, and none of what it does by itself: it does not
// reconnect (that repeats the commands that were under way: lib/connect.c, iscsi_reconnect_cb), has
// no timeouts and cancels nothing while it may be on its way (lib/pdu.c frees a PDU of which half
// may have been sent), and does not fetch unit attentions (iscsi_full_connect_async does).
//
// Thread: that of the loop that drives it. Source: libiscsi 1.19, RFC 7143.
#pragma once

#include "ring/command.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <iscsi/scsi-lowlevel.h>

namespace pvscsi::backend {

/// What a session is asked for with. The secrets are nobody else's to read: not of a log, not of a
/// list, not of the store.
struct IscsiLogin {
    std::string target;      ///< its iSCSI name
    std::string initiator;   ///< ours
    std::uint64_t isid = 0;  ///< 40 bits; the same one ends the session that had it before
    std::string user;        ///< of CHAP; empty: none
    std::string secret;      ///< empty if there is no user
    std::string target_user; ///< that the target has to prove to be; empty: it need not
    std::string target_secret;
    bool header_digest = false; ///< CRC32C, or no session
};

/// A command's memory at the library. Not to be moved, changed or given up before ended().
struct IscsiTask {
    ::scsi_task task{};
    ::scsi_iovec memory{};
    bool known = false; ///< to the library
};

struct IscsiAnswer {
    enum class Kind : std::uint8_t {
        status, ///< the device's
        failed, ///< the target refused the PDU, or answered what nobody understands
        lost,   ///< the session ended first, or the command was forgotten
    };
    Kind kind = Kind::lost;
    std::uint8_t status = 0;               ///< SAM status, as it came
    bool overflow = false;                 ///< the device had more than was asked for
    std::uint32_t residual = 0;            ///< bytes that were asked for and not moved
    std::span<const std::uint8_t> sense{}; ///< valid during the call
};

/// RFC 7143 11.6.1; 0 is the only one that says that it was done.
enum class IscsiManaged : std::uint32_t { complete = 0, no_such_task = 1 };

/// Is told what comes from the target, from inside service() and never from inside another call.
class IscsiListener {
  public:
    virtual void connected(bool success) noexcept = 0;
    enum class Login : std::uint8_t { success, refused, elsewhere };
    virtual void logged_in(Login result) noexcept = 0;
    virtual void ended(IscsiTask& task, const IscsiAnswer& answer) noexcept = 0;
    virtual void managed(std::uint32_t number, IscsiManaged result) noexcept = 0;
    virtual void ponged() noexcept = 0;

  protected:
    ~IscsiListener() = default;
};

/// One session, from its connection to its end. Closing it tells the listener nothing.
class IscsiContext {
  public:
    virtual ~IscsiContext() = default;
    /// To an address, not a name, with its port: "192.0.2.1:3260", "[2001:db8::1]:3260". False: it
    /// cannot even be tried; else connected() comes.
    [[nodiscard]] virtual bool connect(const std::string& address) noexcept = 0;
    /// logged_in() comes.
    [[nodiscard]] virtual bool login() noexcept = 0;
    [[nodiscard]] virtual int fd() const noexcept = 0;
    /// What to wait for: POLLIN, POLLOUT.
    [[nodiscard]] virtual int events() const noexcept = 0;
    /// False: the connection is lost.
    [[nodiscard]] virtual bool service(int revents) noexcept = 0;

    /// `data` stays where it is until ended(). False: there is no memory or no session.
    [[nodiscard]] virtual bool command(IscsiTask& task, std::uint16_t lun, const ring::Cdb& cdb,
                                       ring::Direction direction,
                                       std::span<std::byte> data) noexcept = 0;
    /// managed() comes with `number`; the task stays under way.
    [[nodiscard]] virtual bool abort(IscsiTask& task, std::uint32_t number) noexcept = 0;
    [[nodiscard]] virtual bool reset(std::uint16_t lun, std::uint32_t number) noexcept = 0;
    /// ponged() comes.
    [[nodiscard]] virtual bool ping() noexcept = 0;
    /// All that was given to the library has been sent, or at least to the kernel.
    [[nodiscard]] virtual bool all_sent() const noexcept = 0;
    /// Waits for no answer to a command that the target has ended without one: its memory is free.
    /// False: not now, part of it may be on its way.
    [[nodiscard]] virtual bool forget(IscsiTask& task) noexcept = 0;

    /// What went wrong with the session, in the library's words; no secret is in them. Empty: it
    /// does not say.
    [[nodiscard]] virtual std::string error() const = 0;
    /// After Login::elsewhere: where the target sends us, as ADDRESS[:PORT][,GROUP].
    [[nodiscard]] virtual std::string elsewhere() const = 0;
};

class IscsiLibrary {
  public:
    virtual ~IscsiLibrary() = default;
    /// Null: no memory.
    [[nodiscard]] virtual std::unique_ptr<IscsiContext> make(const IscsiLogin& login,
                                                             IscsiListener& listener) noexcept = 0;
};

/// The real one.
[[nodiscard]] std::shared_ptr<IscsiLibrary> libiscsi();

} // namespace pvscsi::backend
