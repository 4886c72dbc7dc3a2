// The server's half of a program's open file: the memory it shares with the program, and what is
// in flight. All that comes from the page is read once and checked; nothing of it is believed
// later. It outlives the program's close() until its commands have ended, as in the sg driver.
// Thread: the server's.
#pragma once

#include "common/base/unique_fd.hpp"
#include "frontend/include/pvscsi/frontend.hpp"
#include "frontend/run/wire.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <span>

namespace pvscsi::run {

using Clock = std::chrono::steady_clock;

/// A request as it was when it was submitted.
struct Order {
    wire::Request request;
    Clock::time_point begun;
};

class OpenFile {
  public:
    /// Makes the memory. Throws std::system_error.
    OpenFile(const Hctl& address, std::uint32_t minor, std::size_t max_transfer);
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    ~OpenFile();

    void adopt_socket(UniqueFd socket) noexcept { socket_ = std::move(socket); }
    [[nodiscard]] int socket() const noexcept { return socket_.get(); }
    [[nodiscard]] int memory() const noexcept { return memory_.get(); }
    /// The program has its descriptor; both mappings stay.
    void close_memory() noexcept { memory_.reset(); }
    [[nodiscard]] const Hctl& address() const noexcept { return address_; }

    /// Takes a slot's request over; null if the slot is in flight already, or there is none such.
    const Order* begin(std::uint32_t slot, Clock::time_point now) noexcept;
    /// What a program may ask for in the sizes of this file.
    [[nodiscard]] bool is_valid(const Order& order) const noexcept;
    [[nodiscard]] const Order& order(unsigned slot) const noexcept { return orders_[slot]; }
    [[nodiscard]] std::span<std::byte> data(unsigned slot) const noexcept;

    /// The command was run, with this result.
    void complete(unsigned slot, const Completion& completion) noexcept;
    /// It was not; an errno.
    void refuse(unsigned slot, int error) noexcept;

    [[nodiscard]] unsigned in_flight() const noexcept { return in_flight_; }
    void set_max_transfer(std::size_t bytes) noexcept;

    /// The program's end is closed.
    void close_socket() noexcept { socket_.reset(); }
    [[nodiscard]] bool closed() const noexcept { return !socket_; }
    /// The LUN is gone: no further command. What is in flight ends first, then comes hang_up().
    void detach() noexcept;
    [[nodiscard]] bool detached() const noexcept { return detached_; }
    /// POLLHUP, and ENODEV once all responses are read.
    void hang_up() noexcept;

  private:
    void publish(unsigned slot, const wire::Outcome& outcome) noexcept;
    void notify(bool synchronous) noexcept;

    UniqueFd socket_;
    UniqueFd memory_;
    Hctl address_;
    std::size_t region_size_;
    wire::Page* page_ = nullptr;
    std::array<Order, wire::slot_count> orders_{};
    std::array<bool, wire::slot_count> busy_{};
    unsigned in_flight_ = 0;
    bool detached_ = false;
};

} // namespace pvscsi::run
