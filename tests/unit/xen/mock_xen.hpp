// Stands in for libxengnttab and libxenevtchn at link time: a domain's grants in plain memory,
// event channels as eventfds, with the kernel's ways of refusing. The nth call can be made to
// fail, and what is left open is counted.
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

namespace mock {

struct Page {
    alignas(4096) std::array<unsigned char, 4096> bytes{};
};

struct Grant {
    std::shared_ptr<Page> page;
    bool writable = true;
};

struct Xen {
    // What other domains grant to us.
    std::map<std::pair<std::uint32_t, std::uint32_t>, Grant> grants;
    /// Forces a status on the copies that name this reference.
    std::map<std::uint32_t, std::int16_t> forced_status;
    /// Domains that there are.
    std::set<std::uint32_t> domains{0, 7};
    std::size_t page_limit = 1024;
    bool has_grant_copy = true;

    /// The call, from 1, that fails with `error`; 0: none.
    unsigned map_limit = 1024; ///< pages of one mapping; the kernel says EINVAL to more
    unsigned fail_at = 0;
    int fail_error = EIO;
    unsigned calls = 0;

    // What is open.
    int handles = 0;
    int mappings = 0;
    std::size_t shared_pages = 0;
    /// The number of segments of every grant copy call.
    std::vector<std::uint32_t> copies;
    std::vector<std::pair<std::uint32_t, std::uint32_t>> bound;
    int unmasked = 0;
    int notified = 0;

    std::shared_ptr<Page> grant(std::uint32_t domain, std::uint32_t ref, bool writable = true);
    /// An event arrives at the most recently opened channel.
    void raise() const;
    int newest_event_fd = -1;
};

extern Xen xen;

/// A fresh machine; every test starts with one.
void reset();

} // namespace mock
