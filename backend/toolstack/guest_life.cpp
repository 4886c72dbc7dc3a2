#include "backend/toolstack/guest_life.hpp"

#include "backend/toolstack/backend_domains.hpp"
#include "backend/toolstack/vhost_nodes.hpp"
#include "common/xenbus/state.hpp"

#include <algorithm>

namespace pvscsi::toolstack {

namespace {

using xenbus::State;

std::string vm_of(hv::Store& store, DomId guest) {
    return store.read(xenbus::domain_path(guest) + "/vm").value_or("");
}

/// Of a vhost whose frontend has not run yet. Anything else was brought about by it.
bool is_untouched(hv::Store& store, const std::string& vhost) {
    const auto text = store.read(vhost + "/state");
    const auto state = text ? xenbus::state_from_node(*text) : std::nullopt;
    return state == State::initialising || state == State::init_wait;
}

/// Of a domain that the store has not been told of. One that is dead has the same nodes until its
/// toolstack has removed them, and vhosts that were in use.
bool is_being_made(hv::Store& store, DomId backend, DomId guest) {
    const std::string vm = vm_of(store, guest);
    if (vm.empty() || !store.read(vm + "/uuid"))
        return false;
    const std::string root = guest_path(backend, guest);
    const auto vhosts = store.list(root);
    return !vhosts || std::all_of(vhosts->begin(), vhosts->end(), [&](const std::string& vhost) {
        return is_untouched(store, root + "/" + vhost);
    });
}

} // namespace

bool is_there(hv::Store& store, DomId backend, DomId guest) {
    return store.domain_exists(guest) || is_being_made(store, backend, guest);
}

bool is_there_twice(hv::Store& store, DomId guest) {
    const std::string vm = vm_of(store, guest);
    const auto domains = domains_there(store);
    return !vm.empty() && std::any_of(domains.begin(), domains.end(), [&](DomId domain) {
        return domain != guest && vm_of(store, domain) == vm;
    });
}

std::string lasting_name(std::string name) {
    for (const std::string_view ending : {"--incoming", "--migratedaway"})
        if (name.ends_with(ending) && name.size() > ending.size())
            name.resize(name.size() - ending.size());
    return name;
}

} // namespace pvscsi::toolstack
