#include "backend/domain_watch.hpp"

#include "backend/guest_devices.hpp"
#include "backend/toolstack/backend_domains.hpp"
#include "backend/toolstack/guest_life.hpp"
#include "backend/toolstack/vhost_nodes.hpp"
#include "backend/toolstack/vhost_record.hpp"
#include "common/base/log.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace pvscsi::backend {

namespace {

constexpr std::chrono::milliseconds look_interval{100};

/// The UUID out of `/vm/UUID`, what a domain's `vm` node holds.
std::string uuid_of(const std::string& vm) {
    const auto slash = vm.rfind('/');
    return slash == std::string::npos ? vm : vm.substr(slash + 1);
}

/// Only this error says that a node is not there; any other one says nothing.
bool is_missing(const std::error_code& error) {
    return error == std::errc::no_such_file_or_directory;
}

void complain(const std::string& line) {
    log::warning("{}", line);
}

} // namespace

DomainWatch::DomainWatch(boost::asio::io_context& control, hv::Store& store, DomId self,
                         std::vector<std::string> files, std::string changes,
                         GuestDevices* guest_devices)
    : store_(store), self_(self), definitions_(std::move(files), std::move(changes)),
      guest_devices_(guest_devices), timer_(control) {}

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
    if (fresh || definitions_.incomplete())
        definitions_.refresh(complain);
    forget_devices(*numbers);
    bool waiting = false;
    for (const std::string& number : *numbers) {
        Seen& seen = seen_[number];
        if (!seen.settled || !seen.awaits.empty())
            consider(number, seen);
        waiting |= !seen.settled;
    }
    if (waiting)
        look_again_soon();
}

/// Of domains that neither run nor are named by a file: they have come to an end. What the store
/// can't tell now is not taken for gone.
void DomainWatch::forget_devices(const std::vector<std::string>& numbers) {
    if (guest_devices_ == nullptr)
        return;
    definitions_.refresh(complain); // files may have come while no domain did
    if (definitions_.incomplete())
        return;
    std::set<std::string> running;
    for (const std::string& number : numbers) {
        const auto id = xenbus::parse_number(number, 0x7fef);
        const auto name = store_.read("/local/domain/" + number + "/name");
        if (!name && !is_missing(name.error()))
            return;
        // A toolstack removes a dead domain's nodes only later.
        if (id && name &&
            toolstack::is_there(store_, self_, DomId{static_cast<std::uint16_t>(*id)}))
            running.insert(toolstack::lasting_name(*name));
    }
    if (!store_.list("/local/domain"))
        return;
    guest_devices_->keep_if([&](const std::string& name) {
        return running.contains(name) || definitions_.names(name);
    });
}

void DomainWatch::consider(const std::string& number, Seen& seen) {
    const auto id = xenbus::parse_number(number, 0x7fef);
    seen.settled = true;
    if (!id || *id == 0 || *id == self_.value())
        return;
    const std::string path = "/local/domain/" + number;
    const auto name = store_.read(path + "/name");
    const auto vm = store_.read(path + "/vm");
    // libxl makes all of them in one transaction; without `device` the guest is not whole yet.
    if (!name || !vm || !store_.list(path + "/device")) {
        seen.settled = ++seen.looks > most_looks;
        return;
    }
    if (const auto* const definition =
            definitions_.find(toolstack::lasting_name(*name), uuid_of(*vm), complain))
        give(DomId{static_cast<std::uint16_t>(*id)}, *definition, seen);
    else if (definitions_.incomplete()) // its file may be one of those that could not be read
        seen.settled = ++seen.looks > most_looks;
}

void DomainWatch::give(DomId guest, const toolstack::Definition& definition, Seen& seen) {
    std::string missing;
    const Vhosts vhosts = vhosts_of(guest, definition, missing);
    if (std::exchange(seen.awaits, missing) != missing && !missing.empty())
        log::warning("domain={} name={} vhosts not made: there is no domain '{}', which {} names; "
                     "they are as soon as it is there",
                     guest.value(), log::escaped(definition.name), log::escaped(missing),
                     definition.file);
    if (!missing.empty())
        return;
    const auto written = write(guest, definition, vhosts);
    if (!written)
        log::error("domain={} name={} vhosts not made error=\"{}\"", guest.value(),
                   log::escaped(definition.name), written.error().message());
    else if (*written)
        log::info("domain={} name={} vhosts={} file={}", guest.value(),
                  log::escaped(definition.name), definition.vhosts.size(), definition.file);
}

/// `missing`: a domain that is to serve one of them and is not there.
DomainWatch::Vhosts DomainWatch::vhosts_of(DomId guest, const toolstack::Definition& definition,
                                           std::string& missing) {
    toolstack::BackendDomains backends(store_, self_);
    Vhosts vhosts;
    for (const auto& [number, luns] : definition.vhosts) {
        const std::string& name = luns.front().backend; // all of them have the same
        if (const auto backend = backends.find(name))
            vhosts.push_back({*backend, guest, DevId{number}});
        else
            missing = name;
    }
    return vhosts;
}

/// Whether the domain has a vhost: one that was made for this life of its number. Nodes of the
/// guest say nothing, it may remove them.
Result<bool> DomainWatch::has_vhosts(hv::StoreTxn txn, DomId guest, const std::string& vm) {
    // Of driver domains; these end with the guest.
    if (const auto elsewhere = toolstack::has_records(store_, txn, guest); !elsewhere || *elsewhere)
        return elsewhere;
    const std::string root = toolstack::guest_path(self_, guest);
    const auto devices = store_.list(root, txn);
    if (!devices && is_missing(devices.error()))
        return false;
    if (!devices)
        return unexpected(devices.error());
    for (const std::string& device : *devices) {
        const auto made_for = store_.read(root + "/" + device + "/vm", txn);
        if (!made_for && !is_missing(made_for.error()))
            return unexpected(made_for.error());
        if (!made_for || *made_for == vm) // without the node: another toolstack's
            return true;
    }
    return false;
}

/// False: it has vhosts already.
Result<bool> DomainWatch::write(DomId guest, const toolstack::Definition& definition,
                                const Vhosts& vhosts) {
    const auto backends = toolstack::domains_that_serve(store_, self_);
    bool written = false;
    const auto done = hv::transact(store_, [&](hv::StoreTxn txn) -> Result<void> {
        written = false;
        const auto vm = store_.read(xenbus::domain_path(guest) + "/vm", txn);
        if (!vm)
            return unexpected(vm.error());
        const auto has = has_vhosts(txn, guest, *vm);
        if (!has)
            return unexpected(has.error());
        if (*has)
            return {};
        // What a dead domain of that number has left.
        for (const DomId backend : backends)
            if (auto removed = toolstack::remove_guest(store_, txn, backend, guest); !removed)
                return removed;
        for (const toolstack::Vhost& vhost : vhosts)
            if (auto made = toolstack::write_vhost(store_, txn, vhost,
                                                   definition.vhosts.at(vhost.device.value()));
                !made)
                return made;
        written = !vhosts.empty();
        return {};
    });
    if (!done)
        return unexpected(done.error());
    return written;
}

void DomainWatch::look_again_soon() {
    timer_.expires_after(look_interval);
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (self && !error)
            self->look();
    });
}

} // namespace pvscsi::backend
