// The session of one logical unit: from its portal's name to a login, to knowing the unit, and
// again after each loss, for ever.
//
//   begin -> resolve -> connect -> log in -> INQUIRY, device identification -> ready
//     ^                                                                          | loss
//     +------------------------- a pause that grows ----------------------------+
//
// The same initiator name and ISID each time: a login ends what the target still has of the session
// before it (RFC 7143 6.3.5, session reinstatement), also of one of a daemon that died. Nothing is
// sent for the guest before that. A unit that is another one than before is not served any more.
//
// Thread: that of the loop it is in. It can be taken from one to another between two events.
#pragma once

#include "backend/targets/iscsi/library.hpp"
#include "backend/targets/iscsi/resolve.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <chrono>
#include <optional>

namespace pvscsi::backend {

/// How long things may take.
struct IscsiPatience {
    /// From the name to the unit's identity; less than the 10 s that pvscsictl waits for a unit.
    std::chrono::milliseconds login{7'000};
    std::chrono::milliseconds first_pause{500};
    std::chrono::milliseconds longest_pause{30'000};
    /// For the target to answer an ABORT or a RESET.
    std::chrono::milliseconds manage{10'000};
    /// For a command to wait for a session; never longer than two thirds of its own timeout.
    std::chrono::milliseconds waiting{60'000};
    /// For a command, beside its own timeout; negative in tests.
    std::chrono::milliseconds overdue{0};
};

/// What the unit is, as it says itself.
struct IscsiUnit {
    std::uint8_t type = 0x1f; ///< peripheral device type (SPC-5 table 141)
    std::string identity;     ///< from VPD page 83h or 80h, in hexadecimal; empty: it has none
    friend bool operator==(const IscsiUnit&, const IscsiUnit&) = default;
};

/// Never called from inside a call of the session's, but for lost() from inside drop().
class IscsiSessionOwner {
  public:
    /// It may be used from now on.
    virtual void opened() noexcept = 0;
    /// An attempt came to nothing, the next one is to come; or the unit is not to be had at all.
    virtual void not_opened(const std::string& reason) noexcept = 0;
    /// Every command that was under way is over, without an answer. The session comes back.
    virtual void lost(const std::string& reason) noexcept = 0;
    /// Another unit answers under the name: the session is closed for good.
    virtual void replaced(const std::string& reason) noexcept = 0;
    virtual void ended(IscsiTask& task, const IscsiAnswer& answer) noexcept = 0;
    virtual void managed(std::uint32_t number, IscsiManaged result) noexcept = 0;

  protected:
    ~IscsiSessionOwner() = default;
};

class IscsiSession final : private IscsiListener {
  public:
    IscsiSession(std::shared_ptr<IscsiLibrary> library, std::string portal, std::uint16_t lun,
                 IscsiLogin login, IscsiPatience patience, IscsiSessionOwner& owner);
    ~IscsiSession();

    /// What it must be, if that is known.
    void expect(IscsiUnit unit) { expected_ = std::move(unit); }
    /// Goes on in this loop: with the session that there is, or with a new one.
    void enter(boost::asio::io_context& context);
    /// Leaves the loop; keeps a session that is ready.
    void leave() noexcept;
    /// For good; the owner is told nothing any more.
    void close() noexcept;

    [[nodiscard]] bool ready() const noexcept { return state_ == State::ready; }
    /// What it was when it was last ready, or was to be.
    [[nodiscard]] const std::optional<IscsiUnit>& unit() const noexcept { return expected_; }

    // When ready. What is given is sent at the loop's next turn. False: there is no memory.
    [[nodiscard]] bool command(IscsiTask& task, const ring::Cdb& cdb, ring::Direction direction,
                               std::span<std::byte> data) noexcept;
    [[nodiscard]] bool abort(IscsiTask& task, std::uint32_t number) noexcept;
    [[nodiscard]] bool reset(std::uint32_t number) noexcept;
    /// IscsiContext::forget().
    [[nodiscard]] bool forget(IscsiTask& task) noexcept;
    /// Every few seconds: asks whether the target is still there.
    void look_after() noexcept;
    /// Gives the session up and makes it anew; the owner's lost() comes from inside.
    void drop(const std::string& reason) noexcept;

  private:
    enum class State : std::uint8_t {
        idle,
        trying,
        inquiring,
        identifying,
        ready,
        pausing,
        closed
    };
    /// What belongs to one loop.
    struct Place;

    void try_now() noexcept;
    void connect_to(const std::string& address) noexcept;
    void watch() noexcept;
    void wait_for(int event, bool& waiting) noexcept;
    void serve(int revents) noexcept;
    void send_soon() noexcept;
    [[nodiscard]] std::string end_of_session() const;
    void end_of_connection() noexcept;
    void failed(const std::string& reason) noexcept;
    void set_timer(std::chrono::milliseconds patience) noexcept;
    void stop_timer() noexcept;
    void expired() noexcept;

    // session_unit.cpp
    void ask(std::uint8_t page) noexcept;
    void inquired(const IscsiAnswer& answer) noexcept;
    void identified(const IscsiAnswer& answer) noexcept;
    void know(IscsiUnit unit) noexcept;
    [[nodiscard]] std::size_t received(const IscsiAnswer& answer) const noexcept;

    void connected(bool success) noexcept override;
    void logged_in(Login result) noexcept override;
    void ended(IscsiTask& task, const IscsiAnswer& answer) noexcept override;
    void managed(std::uint32_t number, IscsiManaged result) noexcept override;
    void ponged() noexcept override { pinged_ = 0; }

    const std::shared_ptr<IscsiLibrary> library_;
    const std::string portal_;
    const std::uint16_t lun_;
    const IscsiLogin login_;
    const IscsiPatience patience_;
    IscsiSessionOwner& owner_;
    State state_ = State::idle;
    std::unique_ptr<IscsiContext> context_;
    std::unique_ptr<Place> place_;
    std::optional<std::string> failure_; ///< found inside service(): to be seen to after it
    std::string elsewhere_;              ///< the same: where the target sends us
    bool replaced_ = false;              ///< the same: the unit is another one
    bool serving_ = false;
    unsigned redirections_ = 0;
    unsigned pinged_ = 0; ///< looks without an answer
    std::chrono::milliseconds pause_{0};
    std::optional<IscsiUnit> expected_;
    IscsiUnit found_;
    IscsiTask inquiry_;
    std::array<std::byte, 252> answer_{};
    std::uint8_t page_ = 0;
};

} // namespace pvscsi::backend
