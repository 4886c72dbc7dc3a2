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
// Nothing is ever repeated. Thread: the worker's.
#pragma once

#include "backend/target.hpp"
#include "backend/targets/sg/alarm.hpp"
#include "backend/targets/sg/channel.hpp"
#include "backend/targets/sg/leftovers.hpp"
#include "backend/targets/sg/operation.hpp"
#include "backend/targets/sg/reset.hpp"

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

    [[nodiscard]] Leftovers leftovers() noexcept override { return leftovers_->look(*device_); }
    void end_leftovers() noexcept override;
    void attach(Worker& worker) override;
    void attach(boost::asio::io_context& context);
    void detach() noexcept override;
    Step start(Request& request) noexcept override;
    Step resume(Request& request) noexcept override;
    void drop(Request& request) noexcept override;
    void answered(Request& request) noexcept override;
    void keep_house() noexcept override { operations_.trim(); }
    void limit_time(std::chrono::seconds longest) noexcept override { longest_ = longest; }
    void reset(std::function<void(bool success)> done) noexcept override;
    [[nodiscard]] std::uint8_t device_type() const noexcept override { return device_->type(); }

  private:
    static constexpr std::size_t max_retired = 2;

    Step answer(Request& request, Outcome outcome) noexcept;
    Step submit(Request& request, SgOperation& operation) noexcept;
    void end(SgOperation& operation, Outcome outcome) noexcept;
    void mark_write_protected(std::uint8_t opcode, std::span<std::byte> data) const noexcept;
    void close_channels() noexcept;
    void leave_aside(SgOperation& operation, scsi::HostCode host) noexcept;
    void uncover(SgOperation& operation) noexcept;
    void end_overdue() noexcept;

    bool fetched(const ::sg_io_hdr& header) noexcept override;
    void lost(int error) noexcept override;
    void emptied(SgChannel& channel) noexcept override;

    bool was_reset(std::unique_ptr<SgFile> fresh) noexcept override;
    void give_up() noexcept override;

    std::shared_ptr<SgDevice> device_;
    const bool read_only_;
    const SgPatience patience_;
    std::chrono::seconds longest_;
    const std::shared_ptr<SgLeftovers> leftovers_;
    log::PeerLog log_;
    std::unique_ptr<SgFile> file_;  ///< until attach()
    std::unique_ptr<SgFile> fresh_; ///< for after the reset that is under way
    boost::asio::io_context* context_ = nullptr;
    SgOperations operations_;
    std::shared_ptr<SgChannel> channel_;
    std::vector<std::shared_ptr<SgChannel>> retired_; ///< with abandoned commands
    std::optional<SgReset> reset_;
    std::optional<SgAlarm> alarm_;
    unsigned covered_by_reset_ = 0;
    bool lost_ = false;
};

} // namespace pvscsi::backend
