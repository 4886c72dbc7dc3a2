// A vhost for tests of pvscsi-run's server: LUNs with a little memory, and commands that the test
// can hold back and make fail. The server's thread uses it; the test's functions may be called
// from any thread.
#pragma once

#include "common/base/unique_fd.hpp"
#include "frontend/run/transport.hpp"

#include <array>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>

namespace pvscsi::test {

/// Vendor-specific operation codes with which a test says what is to happen.
inline constexpr std::uint8_t op_hold = 0xc1;      ///< ends when the test says release()
inline constexpr std::uint8_t op_host_code = 0xc2; ///< CDB byte 1 is the host code, 2 the status
inline constexpr std::uint8_t op_status = 0xc3;    ///< CDB byte 1 is the status, with sense
inline constexpr std::uint8_t op_short = 0xc4;     ///< moves all but CDB byte 1 bytes
inline constexpr std::uint8_t op_bad = 0xc5;       ///< the transport refuses to carry it

inline constexpr std::size_t fake_max_transfer = 512 * 1024;

class FakeTransport final : public run::Transport {
  public:
    explicit FakeTransport(std::vector<Hctl> luns);
    ~FakeTransport() override;

    // For the test.
    void release(unsigned count = 16);
    void set_connected(bool connected);
    void remove_lun(const Hctl& address);
    void add_lun(const Hctl& address);
    /// The device is gone for good.
    void close();
    /// Called by the destructor.
    void on_destroyed(std::function<void()> handler) { destroyed_ = std::move(handler); }
    void wait_until_held(unsigned count);
    [[nodiscard]] unsigned resets() const;

    [[nodiscard]] std::vector<Hctl> luns() const override;
    [[nodiscard]] std::size_t max_transfer() const override { return fake_max_transfer; }
    [[nodiscard]] bool connected() const noexcept override;
    [[nodiscard]] unsigned free_slots() const noexcept override;
    SubmitResult submit(const ScsiCommand& command, CompletionHandler done) override;
    void flush() override {}
    void reset(const Hctl& address, std::function<void(bool)> done) override;
    std::size_t poll() override;
    [[nodiscard]] int fd() const noexcept override { return wake_.get(); }
    bool prepare_to_sleep() override;
    void on_event(std::function<void(const Event&)> handler) override { event_ = handler; }

  private:
    struct Pending {
        ScsiCommand command;
        std::array<std::uint8_t, 16> cdb;
        CompletionHandler done;
    };
    void wake() const;
    void run(Pending& pending);

    mutable std::mutex mutex_;
    std::condition_variable held_changed_;
    UniqueFd wake_;
    std::vector<Hctl> luns_;
    std::map<Hctl, std::vector<std::byte>> memory_;
    std::deque<Pending> ready_;
    std::deque<Pending> held_;
    std::deque<Event> events_;
    unsigned to_release_ = 0;
    unsigned resets_ = 0;
    bool connected_ = true;
    std::function<void(const Event&)> event_;
    std::function<void()> destroyed_;
};

} // namespace pvscsi::test
