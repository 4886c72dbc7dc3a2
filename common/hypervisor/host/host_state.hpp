// Everything the broker knows, without any I/O of its own: domains, their memory and the event
// channels between them. Somebody who wants to hear of domains coming and going registers as the
// observer (the broker, which makes sockets and store nodes for them).
// Thread: the broker's. Errors: errno, as toolstacks cause them.
#pragma once

#include "common/base/expected.hpp"
#include "common/hypervisor/host/domain_memory.hpp"
#include "common/hypervisor/host/ports.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace pvscsi::hv::host {

struct DomainRecord {
    DomId id;
    std::string name;
    std::string uuid;
    bool entered = false; ///< somebody has attached to it
};

class DomainObserver {
  public:
    DomainObserver() = default;
    DomainObserver(const DomainObserver&) = delete;
    DomainObserver& operator=(const DomainObserver&) = delete;
    virtual ~DomainObserver() = default;
    /// May throw; the domain is not created then.
    virtual void domain_created(const DomainRecord& domain) = 0;
    virtual void domain_destroyed(const DomainRecord& domain) noexcept = 0;
};

class HostState {
  public:
    /// Dom0 is there from the start; the observer is told of it too.
    explicit HostState(DomainObserver& observer);

    /// With a random UUID if none is given. EINVAL for a name that is not one, EBADMSG for such a
    /// UUID (in lower case), EEXIST, ENOTUNIQ if the UUID is taken, ENOSPC when all ids are.
    [[nodiscard]] Result<DomId> create(std::string_view name, std::string_view uuid = {});
    /// ESRCH; EINVAL for dom0.
    [[nodiscard]] Result<void> destroy(DomId domain);
    [[nodiscard]] const DomainRecord* find(std::string_view name) const;
    /// The domain with the lowest id that is at least `id`.
    [[nodiscard]] const DomainRecord* next(std::uint32_t id) const;

    /// Somebody attaches to it.
    void enter(DomId domain);
    /// Null if there is no such domain.
    [[nodiscard]] std::shared_ptr<DomainMemory> memory(DomId domain) const;
    [[nodiscard]] PortTable& ports() { return ports_; }

    /// Takes back pages that are in use no more; true: call again a little later.
    bool reap();

  private:
    struct Domain {
        DomainRecord record;
        std::shared_ptr<DomainMemory> memory;
    };

    [[nodiscard]] Result<DomId> unused_id();
    void add(DomainRecord record);

    DomainObserver& observer_;
    std::map<DomId, Domain> domains_;
    PortTable ports_;
    std::uint16_t last_id_ = 0;
};

/// Whether `name` can name a domain: it must fit into a store path and not look like a number.
[[nodiscard]] bool valid_domain_name(std::string_view name);

} // namespace pvscsi::hv::host
