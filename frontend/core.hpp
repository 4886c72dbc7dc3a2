// A session's parts put together: xenbus decides when there is a connection, the queue uses it,
// the waiter sleeps for both.
//
// Thread: the session's. poll() makes no system call while there is a connection and nothing but
// I/O happens: the store is looked at every control_interval, by a clock that costs no call.
#pragma once

#include "frontend/queue.hpp"
#include "frontend/waiter.hpp"
#include "frontend/xenbus_front.hpp"

namespace pvscsi::frontend {

class Core final : private FrontHandler {
  public:
    /// Starts to connect. Throws if there is no such device.
    Core(std::shared_ptr<hv::Hypervisor> hypervisor, const SessionOptions& options,
         const Timing& timing);
    /// Closes the device.
    ~Core();
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    /// Waits until connected. Throws std::runtime_error when that does not come in time.
    void await_connection(std::chrono::milliseconds timeout);
    /// Or does not: from now on nothing throws, and an Event tells of the connection. Throws as
    /// above if the device is gone by now.
    void connect_later();

    [[nodiscard]] bool connected() const noexcept { return up_; }
    [[nodiscard]] std::vector<Hctl> luns() const;
    [[nodiscard]] Queue& queue() noexcept { return queue_; }
    [[nodiscard]] const std::shared_ptr<GrantedMemory>& memory() noexcept { return memory_; }

    SubmitResult submit(const ScsiCommand& command, CompletionHandler& done) {
        if (!up_)
            return {0, SubmitError::not_connected};
        return queue_.submit(command, done);
    }

    std::size_t poll();
    bool prepare_to_sleep();
    std::size_t wait(std::chrono::milliseconds timeout);
    [[nodiscard]] int fd() const noexcept { return waiter_.fd(); }
    void on_event(std::function<void(const Event&)> handler) { on_event_ = std::move(handler); }

  private:
    // FrontHandler
    LinkNodes open_link() override;
    void link_up(unsigned segments) override;
    void link_closing() override { up_ = false; }
    void link_down(const std::string& reason) override;
    void lun_added(const xenbus::VirtualAddress& address) override;
    std::uint64_t lun_removed(const xenbus::VirtualAddress& address) override;
    void device_gone(const std::string& reason) override;
    [[nodiscard]] bool served() const override { return queue_.answered(); }
    [[nodiscard]] unsigned in_flight() const override { return queue_.in_flight(); }
    [[nodiscard]] bool lun_idle(const xenbus::VirtualAddress& address,
                                std::uint64_t mark) const override;

    [[nodiscard]] std::string why_not_connected();
    [[nodiscard]] bool arm() noexcept;
    void control(bool now);
    void take_wake_up(Waiter::Woken woken) noexcept;
    void fail(const std::string& reason, TimePoint now);
    void tell(Event event);

    std::shared_ptr<hv::Hypervisor> hypervisor_;
    const Timing timing_;
    Waiter waiter_;
    XenbusFront xenbus_;
    std::shared_ptr<GrantedMemory> memory_;
    Queue queue_;
    std::unique_ptr<Link> link_;
    std::function<void(const Event&)> on_event_;

    bool up_ = false;         ///< commands are taken
    bool was_up_ = false;     ///< the caller has been told of a connection, and not of its end
    bool trusted_ = false;    ///< the connection has seen no fault
    bool opened_ = false;     ///< the session is the caller's: from now on there are Events
    bool polling_ = false;    ///< inside poll(): callbacks run
    bool store_lost_ = false; ///< the caller has been told
    bool slept_ = false;      ///< prepare_to_sleep() said yes
    bool control_due_ = false;
    unsigned until_clock_ = 0; ///< polls before the clock is read again
    unsigned polls_per_clock_ = 1;
    TimePoint last_clock_{}; // long ago, and far enough from the ends to be subtracted
    TimePoint next_control_ = TimePoint::min();
    std::uint64_t told_ = 0; ///< Events and task results so far
};

} // namespace pvscsi::frontend
