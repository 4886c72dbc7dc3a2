#include "backend/ctl/common.hpp"
#include "backend/toolstack/backend_domains.hpp"
#include "common/base/printable.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pvscsi::ctl {

namespace {

using std::chrono::milliseconds;

/// Where no daemon has ever looked at the vhosts, none will clear them away.
constexpr milliseconds patience_without_daemon{500};

bool is_there(Context& context, const std::string& path) {
    const auto nodes = context.store.list(path);
    if (!nodes && nodes.error() != std::errc::no_such_file_or_directory)
        throw std::system_error(nodes.error(), "cannot list " + path + " in the store");
    return nodes.has_value();
}

/// The daemon stops serving and then removes the nodes; without one it is on us.
void clear_away(Context& context, DomId guest, bool daemon) {
    const std::string nodes = guest_path(context.backend, guest);
    const auto patience =
        daemon ? context.patience : std::min(context.patience, patience_without_daemon);
    if (wait_for(context, nodes, std::chrono::steady_clock::now() + patience,
                 [&] { return !is_there(context, nodes); }))
        return;
    if (daemon)
        context.warn(fmt::format("no backend daemon has cleared {} within {}; removed", nodes,
                                 patience_text(context)));
    const auto done = context.store.remove(nodes);
    if (!done && done.error() != std::errc::no_such_file_or_directory)
        require(done, "cannot remove " + nodes);
}

/// Below the other domains that serve: their daemons let go when the nodes are gone, but can't know
/// that the guest is.
void clear_away_elsewhere(Context& context, DomId guest) {
    for (const DomId backend : domains_that_serve(context.store, context.backend))
        if (backend != context.backend)
            require(remove_guest(context.store, hv::no_transaction, backend, guest),
                    "cannot remove " + guest_path(backend, guest));
}

/// A domain that ended while no daemon was there leaves nodes under its number.
std::optional<DomId> dead_domain(Context& context, const std::string& name) {
    const auto number = xenbus::parse_number(name, 0xffff);
    if (!number)
        return {};
    const DomId id{static_cast<DomId::rep>(*number)};
    for (const DomId backend : domains_that_serve(context.store, context.backend))
        if (is_there(context, guest_path(backend, id)))
            return id;
    return {};
}

} // namespace

std::string destroy(Context& context, const std::string& name) {
    if (!context.domains.find(name)) {
        if (const auto dead = dead_domain(context, name)) {
            clear_away(context, *dead, false);
            clear_away_elsewhere(context, *dead);
            return fmt::format("domain {} is gone; what it left in the store is removed", name);
        }
    }
    const auto domain = find_domain(context, name);
    if (domain.id == context.backend)
        throw Failure(ExitCode::failed,
                      fmt::format("domain {} '{}' is the one that serves the others; it is not "
                                  "destroyed",
                                  domain.id.value(), printable(domain.name)));
    const auto vhosts = read_vhosts(context.store, context.backend, domain.id);
    const bool daemon = std::any_of(vhosts.begin(), vhosts.end(),
                                    [](const VhostEntry& vhost) { return vhost.taken_up; });
    context.domains.destroy(domain.id);
    clear_away_elsewhere(context, domain.id);
    clear_away(context, domain.id, daemon);
    return fmt::format("domain {} '{}' destroyed", domain.id.value(), printable(domain.name));
}

} // namespace pvscsi::ctl
