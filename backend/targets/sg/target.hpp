// Pass-through: a unit whose commands go to a real SCSI device, by the asynchronous interface of
// the sg driver. What the device answers is what the guest gets; what is looked at of a command is
// only how long it may take and, on a read-only unit, whether it is harmless.
//
//   start -> [fetch data-out ->] submit ... result -> outcome -> finish
//
// sg cannot abort a command. A reset ends commands at the device but not always in the kernel:
// those that are not back soon after it are answered with HostCode::reset, and their file is put
// aside until they are; the unit goes on with a fresh one. What puts too many aside gets BUSY.
//
// The timeout of a command runs in the kernel, but only while the device has it. One that the
// adapter does not take, or that the kernel does not end for another reason, is answered with
// HostCode::time_out when its time is long over, and kept aside in the same way.
//
// A device gets as many commands at a time as it has room for (room.hpp), a tape or changer one, in
// the guest's order; the others wait here (line.hpp). What a dead daemon left at a tape is waited
// for in the same way, never ended by a reset.
//
// Nothing is ever repeated. Thread: the worker's.
#pragma once

#include "backend/target.hpp"
#include "backend/targets/sg/alarm.hpp"
#include "backend/targets/sg/ask.hpp"
#include "backend/targets/sg/channel.hpp"
#include "backend/targets/sg/leftovers.hpp"
#include "backend/targets/sg/line.hpp"
#include "backend/targets/sg/operation.hpp"
#include "backend/targets/sg/reset.hpp"
#include "backend/targets/sg/room.hpp"

#include <optional>

namespace pvscsi::backend {

class SgTarget final : public Target, private SgChannelOwner, private SgResetOwner {
  public:
    /// Opens the device. `longest` bounds what a command may take there; zero: no bound but its
    /// own timeout. `leftovers` is what all units on the device share. Throws std::system_error.
    SgTarget(std::shared_ptr<SgDevice> device, bool read_only, SgPatience patience = {},
             std::chrono::seconds longest = {},
             std::shared_ptr<SgLeftovers> leftovers = std::make_shared<SgLeftovers>());
    ~SgTarget() override;

    /// What the device has said before; its unit attentions go to the guest's first commands.
    /// Control thread, before attach().
    void told(SgAnswers answers) noexcept { answers_ = std::move(answers); }
    /// Control thread, before attach().
    void limit_to(const Carries& carries) noexcept { carries_ = carries; }
    /// How many commands the device may have of this unit at a time. Control thread, before
    /// attach().
    void limit_to(SgRoom::Part room) noexcept { room_ = std::move(room); }

    [[nodiscard]] Leftovers leftovers() noexcept override {
        return one_at_a_time_ ? Leftovers::none : leftovers_->look(*device_);
    }
    void end_leftovers() noexcept override;
    void attach(Worker& worker) override;
    void attach(boost::asio::io_context& context);
    void detach() noexcept override;
    Step start(Request& request) noexcept override;
    Step resume(Request& request) noexcept override;
    void drop(Request& request) noexcept override;
    void abort(Request& request) noexcept override;
    void answered(Request& request) noexcept override;
    void keep_house() noexcept override { operations_.trim(); }
    void limit_time(std::chrono::seconds longest) noexcept override { longest_ = longest; }
    void reset(std::function<void(bool success)> done) noexcept override;
    [[nodiscard]] std::uint8_t device_type() const noexcept override { return device_->type(); }
    [[nodiscard]] bool passes_through() const noexcept override { return true; }
    [[nodiscard]] Carries carries() const noexcept override { return carries_; }

  private:
    static constexpr std::size_t max_retired = 2;

    Step answer(Request& request, Outcome outcome) noexcept;
    [[nodiscard]] bool has_attention_for(std::uint8_t opcode) const noexcept;
    Step attend(Request& request) noexcept;
    Step go(Request& request, SgOperation& operation) noexcept;
    Step submit(Request& request, SgOperation& operation) noexcept;
    void end(SgOperation& operation, Outcome outcome) noexcept;
    void close_channels() noexcept;
    void leave_aside(SgOperation& operation, scsi::HostCode host) noexcept;
    void uncover(SgOperation& operation) noexcept;
    void end_overdue() noexcept;

    // waiting.cpp
    void await_leftovers();
    [[nodiscard]] bool has_turn(const SgOperation& operation) const noexcept;
    [[nodiscard]] bool has_room() const noexcept { return at_device_ < room_.size(); }
    [[nodiscard]] bool may_get_room() noexcept;
    void take_turns() noexcept;
    void take_turns_soon() noexcept;
    void end_waiting() noexcept;

    bool fetched(const ::sg_io_hdr& header) noexcept override;
    void lost(int error) noexcept override;
    void emptied(SgChannel& channel) noexcept override;

    bool was_reset(std::unique_ptr<SgFile> fresh) noexcept override;
    void give_up() noexcept override;

    std::shared_ptr<SgDevice> device_;
    const bool read_only_;
    const bool one_at_a_time_;
    const SgPatience patience_;
    std::chrono::seconds longest_;
    const std::shared_ptr<SgLeftovers> leftovers_;
    SgAnswers answers_;
    std::size_t attentions_told_ = 0;
    Carries carries_;
    SgRoom::Part room_;
    unsigned at_device_ = 0; ///< commands that the kernel has, with those that were put aside
    log::PeerLog log_;
    std::unique_ptr<SgFile> file_;  ///< until attach()
    std::unique_ptr<SgFile> fresh_; ///< for after the reset that is under way
    boost::asio::io_context* context_ = nullptr;
    SgOperations operations_;
    std::shared_ptr<SgChannel> channel_;
    std::vector<std::shared_ptr<SgChannel>> retired_; ///< with abandoned commands
    std::optional<SgReset> reset_;
    std::optional<SgAlarm> alarm_;
    SgLine line_;
    std::optional<SgAlarm> leftovers_alarm_; ///< while the line is held because of some
    std::shared_ptr<SgTarget*> self_;        ///< what posted functions hold, by a weak pointer
    unsigned covered_by_reset_ = 0;
    bool lost_ = false;
};

} // namespace pvscsi::backend
