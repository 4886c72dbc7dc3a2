// A vhost shared by many programs: a queue in front of its 16 slots, first come first served.
// While the backend is away commands wait for it, but not for ever.
// Thread: the server's.
#pragma once

#include "frontend/run/open_file.hpp"
#include "frontend/run/transport.hpp"

#include <deque>
#include <memory>
#include <optional>

namespace pvscsi::run {

class Vhost {
  public:
    /// `number` is its N of `device/vscsi/N`; `patience`: how long a command waits for a backend
    /// that is away, at most.
    Vhost(std::uint32_t number, std::unique_ptr<Transport> transport,
          std::chrono::milliseconds patience);

    [[nodiscard]] std::uint32_t number() const noexcept { return number_; }
    /// The device is gone for good.
    void close() noexcept { closed_ = true; }
    [[nodiscard]] bool closed() const noexcept { return closed_; }

    Transport& transport() noexcept { return *transport_; }
    [[nodiscard]] const Transport& transport() const noexcept { return *transport_; }

    /// A slot has been submitted by its program.
    void start(const std::shared_ptr<OpenFile>& file, unsigned slot) noexcept;
    /// Ends what waits in the queue for this LUN.
    void drop_queued(const Hctl& address) noexcept;

    /// Completes and submits what can be.
    void pump();
    /// True if the loop may sleep; false: pump() again.
    bool prepare_to_sleep();
    /// When pump() has something to do without any event.
    [[nodiscard]] std::optional<Clock::time_point> deadline() const noexcept;

  private:
    struct Waiting {
        std::shared_ptr<OpenFile> file;
        unsigned slot;
        Clock::time_point until; ///< if the backend is away
    };

    void submit_queued();
    void expire(Clock::time_point now);
    /// False: it has to wait.
    bool submit(const Waiting& waiting);
    void reset(const Waiting& waiting);

    std::uint32_t number_;
    bool closed_ = false;
    std::unique_ptr<Transport> transport_;
    std::chrono::milliseconds patience_;
    std::deque<Waiting> queue_;
};

} // namespace pvscsi::run
