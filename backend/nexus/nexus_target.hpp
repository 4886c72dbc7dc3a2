// A guest's nexus with a unit that it shares, or whose position a reset loses: what stands between
// that guest's LUN and the device. README.md says what comes of it.
//
// Thread: as Target. Errors: none of its own.
#pragma once

#include "backend/decorator.hpp"
#include "backend/nexus/own_command.hpp"
#include "backend/nexus/shared_unit.hpp"

#include <boost/asio/steady_timer.hpp>

namespace pvscsi::backend {

class NexusTarget final : public Decorator {
  public:
    /// With an `id` its reservations are kept apart from those of the unit's other nexuses, which
    /// have to have one, too (SharedUnit::keep_reservations()). `patience` is what commands that
    /// were preempted get to end before the unit is reset for it.
    NexusTarget(std::unique_ptr<Target> device, std::shared_ptr<SharedUnit> unit, NexusId id = 0,
                std::chrono::milliseconds patience = std::chrono::seconds(10));
    ~NexusTarget() override;

    void remember_in(const std::string& path, bool inherited) override;
    void attach(Worker& worker) override;
    void detach() noexcept override;
    void end_leftovers() noexcept override;
    void reset(std::function<void(bool success)> done) noexcept override;
    void abort(Request& request) noexcept override;
    void nexus_lost() noexcept override;
    void tell(const scsi::Condition& attention) noexcept override {
        unit_->tell_one(nexus_, attention);
    }
    void keep_house() noexcept override;

  private:
    Verdict admit(Request& request) noexcept override;
    Verdict admit_data(Request& request) noexcept override;
    bool ended(Request& request) noexcept override;
    void dropped(Request&) noexcept override { one_less_in_flight(); }

    [[nodiscard]] Verdict look_at_notices(Request& request, std::uint8_t notices) noexcept;
    void take_own_word() noexcept;
    void heed_end(Request& request) noexcept;
    void one_less_in_flight() noexcept;

    // nexus_reserve.cpp
    [[nodiscard]] bool keeps_reservations() const noexcept { return nexus_.id() != 0; }
    [[nodiscard]] Verdict admit_reservation(Request& request) noexcept;
    [[nodiscard]] Verdict admit_release(Request& request) noexcept;
    [[nodiscard]] Verdict admit_report(Request& request) noexcept;
    void reservation_ended(Request& request) noexcept;
    void hide_capabilities(Request& request) noexcept;

    // nexus_change.cpp: what is asked of the device for a guest's PERSISTENT RESERVE OUT or IN
    struct Change {
        Request* request = nullptr; ///< null: a look of our own
        std::optional<PrOut> out;   ///< else it is PERSISTENT RESERVE IN
        const Nexus* told = nullptr;
        scsi::Condition why;
        DeviceView view;
        std::uint32_t generation = 0;
        Plan plan;
        std::size_t step = 0;
        unsigned attentions = 0; ///< that our own commands have met
        bool draining = false;
    };
    using Next = void (NexusTarget::*)(const Outcome& outcome);
    [[nodiscard]] Verdict begin_change(Request& request, std::optional<PrOut> out) noexcept;
    void look(const scsi::Condition& why, const Nexus* told) noexcept;
    void ask(std::uint8_t action, Next next) noexcept;
    [[nodiscard]] bool heard_attention(const Outcome& outcome) noexcept;
    void take_keys(const Outcome& outcome) noexcept;
    void take_reservation(const Outcome& outcome) noexcept;
    void next_step() noexcept;
    void step_ended(const Outcome& outcome) noexcept;
    void complete() noexcept;
    void finish_change(const Outcome& outcome) noexcept;

    // nexus_drain.cpp: PREEMPT AND ABORT among the guests
    void drain_victims() noexcept;
    void drain_ended(std::uint64_t change) noexcept;
    void drain_overdue(std::uint64_t change) noexcept;
    void hold(Nexus::Ticket ticket) noexcept;

    // nexus_reports.cpp
    void report_keys() noexcept;
    void report_full_status(const Outcome& outcome) noexcept;
    void answer_report(std::span<const std::uint8_t> data) noexcept;

    const std::shared_ptr<SharedUnit> unit_;
    Nexus nexus_;
    const std::chrono::milliseconds patience_;
    OwnCommand own_;
    Worker* worker_ = nullptr; ///< while it is attached
    unsigned in_flight_ = 0;   ///< commands of the guest's at the unit
    bool claiming_ = false;    ///< with a RESERVE that is at the unit
    std::optional<Change> change_;
    std::uint64_t changes_ = 0; ///< which one it is
    bool starting_ = false;     ///< its request's own call has not returned
    std::vector<Nexus::Ticket> tickets_;
    std::optional<boost::asio::steady_timer> timer_;
    std::shared_ptr<NexusTarget*> self_; ///< what posted functions hold, by a weak pointer
};

/// Whether a unit needs one: others may have it, or it has a position (SSC) or elements (SMC) that
/// nobody may lose sight of.
[[nodiscard]] bool needs_nexus(std::uint8_t device_type, bool alone) noexcept;

} // namespace pvscsi::backend
