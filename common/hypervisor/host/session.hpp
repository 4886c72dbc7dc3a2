// One client of the broker: answers its requests and holds what it holds. Nothing that a client
// sends is trusted. The destructor, when the client hangs up however it ended, releases the rest.
// Thread: the broker's. Errors: in the reply.
#pragma once

#include "common/hypervisor/host/host_state.hpp"
#include "common/hypervisor/host/proto.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace pvscsi::hv::host {

struct Answer {
    Reply reply;
    std::vector<std::byte> body;
    std::vector<UniqueFd> fds;
};

class Session {
  public:
    Session(HostState& host, DomId domain);
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session();

    [[nodiscard]] DomId domain() const { return domain_; }
    /// Empty for a message that no correct client sends: hang up.
    [[nodiscard]] std::optional<Answer> answer(std::span<const std::byte> message);

  private:
    struct Map {
        std::shared_ptr<DomainMemory> memory;
        std::vector<std::uint32_t> refs;
        bool write = false;
    };
    struct Peer {
        std::shared_ptr<DomainMemory> memory;
        std::uint32_t slot = 0;
    };

    [[nodiscard]] Answer dispatch(const Request& request, std::span<const std::byte> body);
    [[nodiscard]] Answer attach(const Request& request);
    [[nodiscard]] Answer alloc_pages(const Request& request);
    [[nodiscard]] Answer free_pages(const Request& request);
    [[nodiscard]] Answer map(const Request& request, std::span<const std::byte> body);
    [[nodiscard]] Answer unmap(const Request& request);
    [[nodiscard]] Answer open_peer(const Request& request);
    [[nodiscard]] Answer close_peer(const Request& request);
    [[nodiscard]] Answer alloc_unbound(const Request& request);
    [[nodiscard]] Answer bind_interdomain(const Request& request);
    [[nodiscard]] Answer close_port(const Request& request);
    [[nodiscard]] Answer create_domain(const Request& request, std::string_view text);
    [[nodiscard]] Answer destroy_domain(const Request& request);
    [[nodiscard]] Answer find_domain(std::string_view name) const;
    [[nodiscard]] Answer next_domain(const Request& request) const;

    [[nodiscard]] Answer opened(Result<OpenedPort> port);
    static void release(const Map& map);

    HostState& host_;
    DomId domain_;
    std::shared_ptr<DomainMemory> memory_;
    std::map<std::uint32_t, std::uint32_t> pages_; ///< first page -> how many
    std::map<std::uint32_t, Map> maps_;
    std::map<std::uint32_t, Peer> peers_;
    std::set<std::uint32_t> ports_;
    std::size_t mapped_refs_ = 0;
    std::uint32_t next_handle_ = 0;
};

} // namespace pvscsi::hv::host
