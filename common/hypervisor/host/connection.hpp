// A process's connection to the broker, shared by all objects that it has from its Hypervisor.
// Requests are answered one after the other.
//
// Thread: any; a mutex orders the requests. Errors: connecting throws std::system_error. A broker
// that is gone or does not answer is an error code from this and every later call.
#pragma once

#include "common/base/unique_fd.hpp"
#include "common/hypervisor/host/layout.hpp"
#include "common/hypervisor/host/memfd.hpp"
#include "common/hypervisor/host/proto.hpp"

#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace pvscsi::hv::host {

class BrokerConnection {
  public:
    struct Received {
        Reply reply;
        std::vector<std::byte> body;
        std::vector<UniqueFd> fds;
    };

    /// Connects to the broker's socket at `path` and attaches to its domain.
    explicit BrokerConnection(const std::string& path);

    /// The reply, also one that says no. Fails if the broker cannot be asked.
    Result<Received> call(const Request& request, std::span<const std::byte> body = {});
    /// As call(), for releasing something: a failure means that it is released already.
    void tell(const Request& request) noexcept;

    [[nodiscard]] DomId self() const { return self_; }
    [[nodiscard]] int pool_fd() const { return pool_fd_.get(); }
    [[nodiscard]] GrantTablePages& grant_table() const { return table_.as<GrantTablePages>(); }
    [[nodiscard]] const CopierPages& copiers() const { return copiers_.as<CopierPages>(); }

  private:
    Result<Received> exchange(const Request& request, std::span<const std::byte> body);

    std::mutex mutex_;
    UniqueFd socket_;
    DomId self_;
    UniqueFd pool_fd_;
    Mapping table_;
    Mapping copiers_;
};

/// What a reply says went wrong, or nothing. EMFILE if this process had no room for its files.
[[nodiscard]] Result<void> check(const BrokerConnection::Received& received,
                                 std::size_t expected_fds);

} // namespace pvscsi::hv::host
