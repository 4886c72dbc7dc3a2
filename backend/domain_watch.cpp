#include "backend/domain_watch.hpp"

#include "backend/toolstack/vhost_nodes.hpp"
#include "common/base/log.hpp"

#include <algorithm>

namespace pvscsi::backend {

namespace {

constexpr std::chrono::milliseconds look_interval{100};

/// The UUID out of `/vm/UUID`, what a domain's `vm` node holds.
std::string uuid_of(const std::string& vm) {
    const auto slash = vm.rfind('/');
    return slash == std::string::npos ? vm : vm.substr(slash + 1);
}

} // namespace

DomainWatch::DomainWatch(boost::asio::io_context& control, hv::Store& store, DomId self,
                         std::vector<std::string> files)
    : store_(store), self_(self), definitions_(std::move(files)), timer_(control) {}

void DomainWatch::reload() {
    seen_.clear();
    look();
}

void DomainWatch::look() {
    const auto numbers = store_.list("/local/domain");
    if (!numbers)
        return;
    std::erase_if(seen_, [&](const auto& entry) {
        return std::find(numbers->begin(), numbers->end(), entry.first) == numbers->end();
    });
    bool fresh = false;
    for (const std::string& number : *numbers)
        fresh |= !seen_.contains(number);
    if (fresh)
        definitions_.refresh([](const std::string& line) { log::warning("{}", line); });
    bool waiting = false;
    for (const std::string& number : *numbers) {
        Seen& seen = seen_[number];
        if (!seen.settled)
            consider(number, seen);
        waiting |= !seen.settled;
    }
    if (waiting)
        look_again_soon();
}

void DomainWatch::consider(const std::string& number, Seen& seen) {
    const auto id = xenbus::parse_number(number, 0x7fef);
    seen.settled = true;
    if (!id || *id == 0 || *id == self_.value())
        return;
    const std::string path = "/local/domain/" + number;
    const auto name = store_.read(path + "/name");
    const auto vm = store_.read(path + "/vm");
    // xl makes `device` before it introduces the domain; without it the guest is not whole yet.
    if (!name || !vm || !store_.list(path + "/device")) {
        seen.settled = ++seen.looks > looks_for_name;
        return;
    }
    if (const auto* const definition = definitions_.find(*name, uuid_of(*vm)))
        give(DomId{static_cast<std::uint16_t>(*id)}, *definition);
}

void DomainWatch::give(DomId guest, const toolstack::Definition& definition) {
    const auto written = write(guest, definition);
    if (!written)
        log::error("domain={} name={} vhosts not made error=\"{}\"", guest.value(),
                   log::escaped(definition.name), written.error().message());
    else if (*written)
        log::info("domain={} name={} vhosts={} file={}", guest.value(),
                  log::escaped(definition.name), definition.vhosts.size(), definition.file);
}

/// False: it has vhosts already.
Result<bool> DomainWatch::write(DomId guest, const toolstack::Definition& definition) {
    const std::string stale = xenbus::backend_root(self_) + "/" + std::to_string(guest.value());
    bool written = false;
    const auto done = hv::transact(store_, [&](hv::StoreTxn txn) -> Result<void> {
        written = false;
        for (const auto& [number, luns] : definition.vhosts)
            if (store_.read(xenbus::frontend_path(guest, DevId{number}) + "/backend", txn))
                return {};
        // Without a frontend it is what a dead domain of that number has left.
        if (store_.list(stale, txn))
            if (auto removed = store_.remove(stale, txn); !removed)
                return removed;
        for (const auto& [number, luns] : definition.vhosts) {
            const toolstack::Vhost vhost{self_, guest, DevId{number}};
            if (auto made = toolstack::write_vhost(store_, txn, vhost, luns); !made)
                return made;
        }
        written = true;
        return {};
    });
    if (!done)
        return unexpected(done.error());
    return written;
}

void DomainWatch::look_again_soon() {
    timer_.expires_after(look_interval);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error)
            look();
    });
}

} // namespace pvscsi::backend
