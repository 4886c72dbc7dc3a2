// LOGICAL UNIT RESETs of an sg device. The system call blocks, so it runs in a thread of its own;
// everything else happens on the worker, and everything has an end:
//
//   request() -> thread: reset, and a fresh file -> wait for commands to come back -> done
//                  | deadline                         | deadline
//                  v                                  v
//                done(false); no further one        give_up() on them, done(true)
//                until the thread is back
//
// Requests that come while one runs wait for one that begins after them.
#pragma once

#include "backend/targets/sg/device.hpp"
#include "common/base/log.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <vector>

namespace pvscsi::backend {

/// How long the parts of a reset may take, and commands that the kernel does not end.
struct SgPatience {
    std::chrono::milliseconds reset{10'000};
    /// For commands to come back by themselves after it.
    std::chrono::milliseconds commands{500};
    /// For the kernel's own abort and resets, after a command's timeout.
    std::chrono::milliseconds overdue{60'000};
};

class SgResetOwner {
  public:
    /// The device was reset; `fresh` is a new file of it, or null if there is none to be had.
    /// True if no command of before is outstanding.
    virtual bool was_reset(std::unique_ptr<SgFile> fresh) noexcept = 0;
    /// Commands of before the reset have had their time.
    virtual void give_up() noexcept = 0;

  protected:
    ~SgResetOwner() = default;
};

class SgReset {
  public:
    using Done = std::function<void(bool)>;

    SgReset(boost::asio::io_context& context, std::shared_ptr<SgDevice> device, SgPatience patience,
            SgResetOwner& owner);
    ~SgReset();

    void request(Done done) noexcept;
    /// The last command of before the reset has come back.
    void settled() noexcept;
    /// All that wait are told false; nothing is begun any more.
    void close() noexcept;

  private:
    enum class Phase : std::uint8_t { idle, resetting, settling, stuck, closed };
    struct Job;

    void begin() noexcept;
    void finish(bool success, Phase next = Phase::idle) noexcept;
    void thread_ended(Job& job) noexcept;
    void expired() noexcept;
    void set_deadline(std::chrono::milliseconds patience);

    boost::asio::io_context& context_;
    std::shared_ptr<SgDevice> device_;
    SgPatience patience_;
    SgResetOwner& owner_;
    log::PeerLog log_; ///< a guest asks for resets as often as it likes
    boost::asio::steady_timer timer_;
    std::uint64_t deadline_ = 0; ///< which of the deadlines set is the one that counts
    Phase phase_ = Phase::idle;
    std::vector<Done> current_, waiting_;
    std::shared_ptr<Job> job_;
    std::shared_ptr<SgReset*> self_; ///< what handlers hold, by a weak pointer
};

} // namespace pvscsi::backend
