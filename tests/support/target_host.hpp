// A target's surroundings, played by a test: it owns the requests, has slot memory as the queue
// has, and moves the data. For tests that are linked with manual_worker.cpp.
#pragma once

#include "backend/target.hpp"
#include "backend/worker.hpp"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

namespace pvscsi::test {

using Bytes = std::vector<std::uint8_t>;
[[nodiscard]] inline Bytes operator+(Bytes left, const Bytes& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

/// A command's outcome, with copies of what it pointed to.
struct Answer {
    scsi::HostCode host = scsi::HostCode::ok;
    scsi::Status status = scsi::Status::good;
    scsi::Sense sense;
    Bytes data;                 ///< data-in, cut at the guest's buffer
    std::uint32_t residual = 0; ///< as the queue reports it

    [[nodiscard]] bool good() const {
        return host == scsi::HostCode::ok && status == scsi::Status::good;
    }
    /// CHECK CONDITION with this sense; else the assertion that fails then says what it was.
    [[nodiscard]] bool is(scsi::SenseKey key, unsigned asc, unsigned ascq) const;
};

class TargetHost final : private backend::RequestOwner {
  public:
    explicit TargetHost(std::unique_ptr<backend::Target> target,
                        std::size_t largest_transfer = 1 << 20);
    ~TargetHost();

    [[nodiscard]] backend::Target& target() { return *target_; }
    [[nodiscard]] backend::Worker& worker() { return worker_; }

    /// A command that is under way. It lives as long as the TargetHost.
    class Flight {
      public:
        [[nodiscard]] bool ended() const { return ended_; }
        [[nodiscard]] unsigned endings() const { return endings_; }
        [[nodiscard]] const Answer& answer() const { return answer_; }
        [[nodiscard]] backend::Request& request() { return request_; }

      private:
        friend class TargetHost;
        explicit Flight(backend::RequestOwner& owner) : request_(owner) {}
        /// Stays where it is. Only what is asked for is touched: most commands move little, and
        /// some tests send thousands.
        std::span<std::byte> memory(std::size_t size, std::size_t most);
        backend::Request request_;
        struct Free {
            void operator()(std::byte* at) const { std::free(at); }
        };
        std::unique_ptr<std::byte, Free> memory_;
        std::size_t touched_ = 0;
        Bytes out_;
        Answer answer_;
        bool ended_ = false;
        unsigned endings_ = 0;
    };

    /// Starts a command; it may have ended when this returns.
    Flight& send(const Bytes& cdb, const Bytes& out, std::uint32_t in_length = 0);
    /// Up to the data-out being asked for, which then never comes.
    Flight& send_without_data(const Bytes& cdb, std::uint32_t out_length);
    bool wait(Flight& flight);

    // And to the end. in(): data-in of at most `length`.
    Answer none(const Bytes& cdb) { return finish(send(cdb, {})); }
    Answer in(const Bytes& cdb, std::uint32_t length) { return finish(send(cdb, {}, length)); }
    Answer out(const Bytes& cdb, const Bytes& data) { return finish(send(cdb, data)); }

  private:
    void finished(backend::Request& request) noexcept override;
    std::span<std::byte> buffer(backend::Request& request, std::size_t size) noexcept override;
    Answer finish(Flight& flight);
    Flight& prepare(const Bytes& cdb, bool out, std::uint32_t length);
    Flight& flight_of(backend::Request& request);
    void end(Flight& flight);

    backend::Worker worker_{"test", backend::Wait::event};
    std::unique_ptr<backend::Target> target_;
    std::size_t largest_transfer_;
    std::vector<std::unique_ptr<Flight>> flights_;
};

} // namespace pvscsi::test
