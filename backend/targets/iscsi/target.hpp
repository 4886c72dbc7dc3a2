// Pass-through to a unit of an iSCSI target: what sg/ does with a device of this host, by a session
// of the unit's own. What the device answers is what the guest gets.
//
//   start -> [fetch data-out ->] submit ... answer -> outcome -> finish
//               | no session                  | loss
//               v                             v
//            waits for one, bounded        host code transport_disrupted
//
// Nothing is sent twice, by us or by the library: what was under way when a session was lost ends
// with transport_disrupted, and what was not sent yet waits for the next session, or ends with
// requeue.
//
// ABORT TASK and LOGICAL UNIT RESET are the target's, with an end: one that gets no answer costs
// the session, whose next login ends at the target what it had. Memory of a command that the target
// has ended without an answer stays with the library until nothing of it can be on its way.
//
// Thread: the control thread's until attach(), then the worker's.
#pragma once

#include "backend/target.hpp"
#include "backend/targets/iscsi/claim.hpp"
#include "backend/targets/iscsi/session.hpp"
#include "backend/targets/sg/alarm.hpp"
#include "backend/targets/sg/operation.hpp"
#include "common/base/log.hpp"

namespace pvscsi::backend {

/// What an entry and the host's settings say of one unit.
struct IscsiUnitOptions {
    std::string portal; ///< HOST[:PORT]
    std::uint16_t lun = 0;
    IscsiLogin login;
    bool read_only = false;
    std::chrono::seconds longest{}; ///< of a command; zero: no bound
    IscsiPatience patience;
};

class IscsiTarget final : public Target, private IscsiSessionOwner {
  public:
    /// Begins to open the unit, in the loop `control`.
    IscsiTarget(std::shared_ptr<IscsiLibrary> library, IscsiUnitOptions options,
                std::unique_ptr<IscsiClaim> claim, boost::asio::io_context& control);
    ~IscsiTarget() override;

    [[nodiscard]] bool opening() override;
    void remember_in(const std::string& path, bool inherited) override;
    void attach(Worker& worker) override;
    void attach(boost::asio::io_context& context);
    void detach() noexcept override;
    Step start(Request& request) noexcept override;
    Step resume(Request& request) noexcept override;
    void drop(Request& request) noexcept override;
    void abort(Request& request) noexcept override;
    void answered(Request& request) noexcept override;
    void limit_time(std::chrono::seconds longest) noexcept override { options_.longest = longest; }
    void reset(std::function<void(bool success)> done) noexcept override;
    void keep_house() noexcept override;
    [[nodiscard]] std::uint8_t device_type() const noexcept override;

  private:
    using Done = std::function<void(bool)>;
    using TimePoint = std::chrono::steady_clock::time_point;

    /// Beside an operation: what of it is at the library.
    struct Errand {
        IscsiTask task;
        std::uint32_t management = 0; ///< the number of its ABORT; 0: there is none
        bool overdue = false;         ///< that is because its time is over, not for the guest
        bool waiting = false;         ///< for a session
        std::uint64_t order = 0;      ///< among those that wait
        TimePoint overdue_at{};
    };

    Step submit(Request& request, SgOperation& operation) noexcept;
    [[nodiscard]] bool send(SgOperation& operation) noexcept;
    void end(SgOperation& operation, Outcome outcome) noexcept;
    void leave_aside(SgOperation& operation, scsi::HostCode host) noexcept;
    void end_soon(Request& request) noexcept;
    void look_at_clock() noexcept;
    void look_at(SgOperation& operation, TimePoint now) noexcept;
    void begin_reset() noexcept;
    void reset_ended(bool success) noexcept;
    void end_all(scsi::HostCode under_way) noexcept;
    void remember() noexcept;
    [[nodiscard]] std::uint32_t next_number() noexcept;
    [[nodiscard]] Errand& errand_of(const SgOperation& operation) noexcept;
    [[nodiscard]] SgOperation* operation_of(const IscsiTask& task) noexcept;
    [[nodiscard]] SgOperation* oldest_waiting() noexcept;

    void opened() noexcept override;
    void not_opened(const std::string& reason) noexcept override;
    void lost(const std::string& reason) noexcept override;
    void replaced(const std::string& reason) noexcept override;
    void ended(IscsiTask& task, const IscsiAnswer& answer) noexcept override;
    void managed(std::uint32_t number, IscsiManaged result) noexcept override;

    IscsiUnitOptions options_;
    const std::unique_ptr<IscsiClaim> claim_;
    log::PeerLog log_;
    IscsiSession session_;
    boost::asio::io_context* context_ = nullptr; ///< the worker's, once attached
    std::string memory_;                         ///< where the unit's identity is remembered
    std::string why_not_;                        ///< it could not be opened
    bool inherited_ = false;                     ///< a predecessor had it, and what it was is known
    bool gone_ = false;                          ///< another unit is in its place
    bool told_of_loss_ = false;
    SgOperations operations_;
    std::vector<Errand> errands_; ///< by the operation's place
    std::optional<SgAlarm> alarm_;
    std::uint64_t order_ = 0;
    std::uint32_t number_ = 0;
    std::uint32_t resetting_ = 0; ///< the number of the reset; 0: there is none
    TimePoint reset_overdue_at_{};
    std::vector<Done> reset_for_, waiting_for_reset_;
    std::shared_ptr<IscsiTarget*> self_; ///< what handlers hold, by a weak pointer
};

} // namespace pvscsi::backend
