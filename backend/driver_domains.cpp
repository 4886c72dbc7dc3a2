#include "backend/driver_domains.hpp"

#include "backend/toolstack/backend_domains.hpp"
#include "backend/toolstack/guest_life.hpp"
#include "backend/toolstack/vhost_nodes.hpp"
#include "common/base/log.hpp"

namespace pvscsi::backend {

void DriverDomains::look() {
    bury_guests();
    for (const DomId guest : toolstack::domains_there(store_))
        for (const toolstack::VhostRecord& record : toolstack::read_records(store_, guest))
            if (!store_.domain_exists(record.vhost.backend))
                offer_anew(record);
}

/// Our own are the registry's.
void DriverDomains::bury_guests() {
    for (const DomId backend : toolstack::domains_that_serve(store_, self_))
        if (backend != self_)
            bury_guests_of(backend);
}

void DriverDomains::bury_guests_of(DomId backend) {
    const auto names = store_.list(xenbus::backend_root(backend));
    if (!names)
        return;
    for (const std::string& name : *names) {
        const auto number = xenbus::parse_number(name, 0x7fef);
        if (!number)
            continue;
        const DomId guest{static_cast<DomId::rep>(*number)};
        // A store that is lost knows no domain, and does not list the root either.
        if (toolstack::is_there(store_, backend, guest) || !store_.list("/"))
            continue;
        if (const auto done = toolstack::remove_guest(store_, hv::no_transaction, backend, guest);
            !done)
            log::warning("node={} not removed error=\"{}\"", toolstack::guest_path(backend, guest),
                         done.error().message());
        else
            log::info("domain={} gone; its nodes below domain={} are removed", guest.value(),
                      backend.value());
    }
}

void DriverDomains::offer_anew(const toolstack::VhostRecord& record) {
    const auto backend = toolstack::BackendDomains(store_, self_).find(record.backend);
    // A number is no name: another domain that has it is another one.
    if (!backend || *backend == self_ || record.luns.empty())
        return;
    toolstack::Vhost vhost = record.vhost;
    vhost.backend = *backend;
    std::vector<toolstack::Lun> luns;
    for (const auto& [number, lun] : record.luns)
        luns.push_back(lun);
    bool offered = false;
    const auto done = hv::transact(store_, [&](hv::StoreTxn txn) -> Result<void> {
        offered = false;
        // Changed meanwhile: it is looked at again.
        const auto now = toolstack::read_record(store_, txn, vhost.guest, vhost.device);
        if (!now || !*now || (*now)->vhost != record.vhost ||
            (*now)->luns.size() != record.luns.size())
            return now ? Result<void>{} : unexpected(now.error());
        if (auto removed = toolstack::remove_vhost(store_, txn, record.vhost); !removed)
            return removed;
        offered = true;
        return toolstack::write_vhost(store_, txn, vhost, luns);
    });
    if (!done)
        log::error("vhost={} not offered by domain={} error=\"{}\"", vhost.front(),
                   backend->value(), done.error().message());
    else if (offered)
        log::info("vhost={} was served by domain={}, which has ended; domain={} name={} is to "
                  "serve it now",
                  vhost.front(), record.vhost.backend.value(), backend->value(),
                  log::escaped(record.backend));
}

} // namespace pvscsi::backend
