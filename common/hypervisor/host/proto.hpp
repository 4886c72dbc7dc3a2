// The broker's protocol: one SOCK_SEQPACKET message a request, one a reply, strictly in turn.
// Only for setting up and taking down; no I/O passes through it. Which socket a process has
// connected to says which domain it is. Everything a client holds is released when it hangs up.
//
// Request: header, then the references (map) or a name (domain operations).
// Reply: header, then the frames (map) or a name; file descriptors as SCM_RIGHTS.
#pragma once

#include "common/hypervisor/types.hpp"

#include <cstdint>

namespace pvscsi::hv::host {

inline constexpr std::uint32_t protocol_version = 1;

enum class Op : std::uint16_t {
    attach = 1,       ///< number: protocol_version -> domain; fds: pool, table, copiers (read-only)
    alloc_pages,      ///< count -> number: first page, which is also the first reference
    free_pages,       ///< number: first page, as alloc_pages gave it
    map,              ///< domain, write, references -> number: handle, frames; fd: pool
    unmap,            ///< number: handle
    open_peer,        ///< domain, write, number: a reference granted to us -> number: handle,
                      ///< count: copier slot; fds: pool, table (read-only), copiers
    close_peer,       ///< number: handle
    alloc_unbound,    ///< domain -> number: port, count: end; fds: page, own and peer's pipe
    bind_interdomain, ///< domain, number: its port -> as alloc_unbound
    close_port,       ///< number: port
    create_domain,    ///< name and UUID, number: size of the UUID, 0 for a random one -> domain
    destroy_domain,   ///< domain
    find_domain,      ///< name -> as next_domain
    next_domain,      ///< number: lowest id that is wanted -> domain, name, count: 1 if anybody has
                      ///< ever attached to it; ENOENT at the end
};

struct Request {
    Op op{};
    std::uint16_t domain = 0;
    std::uint32_t number = 0;
    std::uint32_t count = 0;
    std::uint32_t write = 0;
};
static_assert(sizeof(Request) == 16);

struct Reply {
    std::int32_t error = 0; ///< errno, 0 if done
    std::uint16_t domain = 0;
    GrantStatus status = GrantStatus::ok; ///< why a grant operation was refused
    std::uint8_t spare = 0;
    std::uint32_t number = 0;
    std::uint32_t count = 0;
};
static_assert(sizeof(Reply) == 16);

inline constexpr std::uint32_t max_refs_per_map = 4096;
inline constexpr std::size_t max_message = sizeof(Request) + 4 * max_refs_per_map;
inline constexpr std::size_t max_fds = 3;
inline constexpr std::size_t max_domain_name = 128;

} // namespace pvscsi::hv::host
