// What pvscsi-run needs of a vhost: the frontend library's Session, seen through an interface, so
// that the server can be tested with devices that behave as the test likes.
// Thread: the server's. Errors: as Session's.
#pragma once

#include "frontend/include/pvscsi/frontend.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace pvscsi::run {

class Transport {
  public:
    Transport() = default;
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;
    virtual ~Transport() = default;

    [[nodiscard]] virtual std::vector<Hctl> luns() const = 0;
    [[nodiscard]] virtual std::size_t max_transfer() const = 0;
    [[nodiscard]] virtual bool connected() const noexcept = 0;
    [[nodiscard]] virtual unsigned free_slots() const noexcept = 0;
    virtual SubmitResult submit(const ScsiCommand& command, CompletionHandler done) = 0;
    virtual void flush() = 0;
    virtual void reset(const Hctl& address, std::function<void(bool)> done) = 0;
    virtual std::size_t poll() = 0;
    [[nodiscard]] virtual int fd() const noexcept = 0;
    virtual bool prepare_to_sleep() = 0;
    virtual void on_event(std::function<void(const Event&)> handler) = 0;
};

/// Session::open(): blocks until the backend is there or the options' time is over, unless they
/// say `connect_later`.
std::unique_ptr<Transport> open_transport(const SessionOptions& options);

} // namespace pvscsi::run
