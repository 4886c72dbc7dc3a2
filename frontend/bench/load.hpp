// The load itself: keeps a number of commands in flight and measures each.
//
// Thread: the session's. While it measures it allocates nothing, and with Wait::poll makes no
// system call of its own. Errors of commands are counted; the first ones are printed.
#pragma once

#include "common/base/spin_window.hpp"
#include "frontend/bench/disk.hpp"
#include "frontend/bench/histogram.hpp"
#include "frontend/bench/options.hpp"
#include "frontend/bench/pattern.hpp"
#include "frontend/bench/ticks.hpp"

#include <optional>
#include <vector>

namespace pvscsi::bench {

/// What was measured of one direction; latencies in nanoseconds.
struct Measured {
    std::uint64_t commands = 0;
    Histogram latency;
};

struct Result {
    Measured read, write;
    std::uint64_t errors = 0;   ///< commands that failed, and blocks that were wrong
    std::uint64_t verified = 0; ///< blocks whose content was checked
    double seconds = 0;
    double cpu_seconds = 0;
    double daemon_cpu_seconds = 0;
};

class Load {
  public:
    /// Throws std::runtime_error if the options do not fit the unit.
    Load(Session& session, const Options& options);
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    /// Throws std::runtime_error if the session ends for good, or loses the store, before it is
    /// done.
    Result run();
    /// To be told of the session's events.
    void hear(const Event& event);
    /// Ends run() soon; for a signal handler.
    static void interrupt() noexcept;

  private:
    /// One of the `depth` commands.
    struct Job {
        std::span<std::byte> data;
        TransferCdb cdb;
        std::uint64_t block = 0;
        std::uint64_t started = 0;
        std::uint8_t version = 0;
        bool write = false;
        bool waits = false; ///< for a backend to be there
    };
    enum class Pass : std::uint8_t { fill, measure, check };

    void run_pass(Pass pass, double seconds);
    void start(Job& job);
    void submit(Job& job);
    bool choose(Job& job);
    void ended(Job& job, const Completion& completion);
    void check_data(Job& job);
    bool wait();
    [[nodiscard]] SpinWindow::Duration elapsed(std::uint64_t from, std::uint64_t to) const noexcept;
    void tell_cut_off();
    [[nodiscard]] bool stuck() noexcept;
    void complain(const Job& job, const std::string& what);
    [[nodiscard]] std::uint64_t random() noexcept;

    Session& session_;
    const Options& options_;
    TickRate rate_;
    Capacity capacity_;
    std::uint64_t blocks_; ///< of options_.block bytes
    std::uint64_t first_;  ///< of the device, where they begin
    std::uint32_t units_;  ///< of the device in one block
    Buffer memory_;
    std::vector<Job> jobs_;
    std::optional<VerifyMap> map_;

    Pass pass_ = Pass::measure;
    bool stop_ = false;
    std::string end_;           ///< why the session will never serve again; empty: it may
    std::uint64_t cut_off_ = 0; ///< commands that ended with the connection, not yet told of
    unsigned in_flight_ = 0;    ///< commands that are not done, waiting ones as well
    unsigned waiting_ = 0;      ///< of them: not submitted, there is no backend
    unsigned idle_turns_ = 0;
    std::uint64_t last_end_ = 0; ///< ticks when a command ended last
    std::uint64_t end_ticks_ = 0;
    std::uint64_t next_block_ = 0;
    std::uint64_t random_;
    // Adaptive waiting.
    std::uint64_t idle_since_ = 0; ///< ticks; 0: not idle
    SpinWindow window_;
    Result result_;
};

} // namespace pvscsi::bench
