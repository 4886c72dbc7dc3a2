// Event channels as the broker keeps them. It only joins and parts the ends: afterwards they
// signal each other through their shared page and pipes without it.
//
// A pipe rather than an eventfd wakes each end: processes that share an eventfd share its status
// flags, so that a guest which makes it blocking and fills it would stop the daemon's thread in
// its next notification. Each end gets a file description of its own (reopened, for reading and
// writing, so that there is neither SIGPIPE nor a hang-up when the peer ends).
//
// Semantics after xen/common/event_channel.c. Thread: the broker's.
#pragma once

#include "common/base/expected.hpp"
#include "common/base/unique_fd.hpp"
#include "common/hypervisor/host/layout.hpp"
#include "common/hypervisor/host/memfd.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

namespace pvscsi::hv::host {

/// What a process needs to use its end.
struct OpenedPort {
    std::uint32_t port = 0;
    std::uint32_t end = 0; ///< which state word of the page is its own
    UniqueFd page;
    UniqueFd own_pipe;
    UniqueFd peer_pipe;
};

class PortTable {
  public:
    /// Ports that one domain may have open.
    static constexpr std::uint32_t limit = 1024;

    /// A port of `own` that only `remote` may bind to. ENOSPC, EMFILE and the like.
    [[nodiscard]] Result<OpenedPort> alloc_unbound(DomId own, DomId remote);
    /// EINVAL unless `remote_port` of `remote` is unbound and meant for `own`.
    [[nodiscard]] Result<OpenedPort> bind(DomId own, DomId remote, std::uint32_t remote_port);
    /// The other end, if there is one, is unbound again: a new process may bind to it.
    void close(DomId domain, std::uint32_t port);
    void close_all(DomId domain);
    [[nodiscard]] std::size_t open_ports() const { return ports_.size(); }

  private:
    struct End {
        DomId domain;
        std::uint32_t port = 0; ///< 0: closed, or not bound yet
    };
    struct Channel {
        Channel();
        UniqueFd page_fd;
        Mapping page;
        std::array<UniqueFd, 2> pipes;
        std::array<End, 2> ends;
    };
    using Key = std::pair<DomId, std::uint32_t>;
    struct Entry {
        std::shared_ptr<Channel> channel;
        std::uint32_t end = 0;
    };

    [[nodiscard]] Result<std::uint32_t> free_port(DomId domain);
    [[nodiscard]] static Result<OpenedPort> hand_out(const Channel& channel, std::uint32_t end,
                                                     std::uint32_t port);
    void part(const Entry& entry);

    std::map<Key, Entry> ports_;
    std::map<DomId, std::uint32_t> next_;
};

} // namespace pvscsi::hv::host
