#include "common/hypervisor/host/domain_nodes.hpp"

#include "common/base/log.hpp"
#include "common/hypervisor/host/paths.hpp"
#include "common/hypervisor/host/store_client.hpp"

#include <string>

namespace pvscsi::hv::host {

namespace {

std::string domain_path(DomId domain) {
    return "/local/domain/" + std::to_string(domain.value());
}
std::string vm_path(const DomainRecord& domain) {
    return "/vm/" + domain.uuid;
}

void must(const Result<void>& done, const std::string& path) {
    if (!done)
        throw std::system_error(done.error(), "cannot write " + path);
}

/// Writes nodes one after the other with the permissions that go with them.
class Writer {
  public:
    Writer(StoreClient& store, DomId domain)
        : store_(store), for_guest_{{DomId{0}}, {domain, true, false}}, by_guest_{{domain}} {}

    /// Dom0's, and the domain may read it.
    void readable(const std::string& path, std::string_view value = {}) {
        write(path, value, for_guest_);
    }
    /// The domain's own.
    void writable(const std::string& path, std::string_view value = {}) {
        write(path, value, by_guest_);
    }

  private:
    void write(const std::string& path, std::string_view value, const StorePermissions& who) {
        must(store_.write(path, value), path);
        must(store_.set_permissions(path, who), path);
    }

    StoreClient& store_;
    StorePermissions for_guest_;
    StorePermissions by_guest_;
};

} // namespace

void DomainNodes::domain_created(const DomainRecord& domain) {
    store_.add_domain(domain.id);
    write_nodes(domain);
    store_.listen(store_socket(directory_.path(), domain.id), domain.id);
    store_.introduce_domain(domain.id);
}

void DomainNodes::write_nodes(const DomainRecord& domain) {
    const std::string base = domain_path(domain.id);
    const std::string vm = vm_path(domain);
    Writer nodes(store_.dom0(), domain.id);
    nodes.readable(base);
    nodes.readable(base + "/name", domain.name);
    nodes.readable(base + "/domid", std::to_string(domain.id.value()));
    if (domain.id == DomId{0})
        return;
    nodes.readable(base + "/vm", vm);
    nodes.readable(vm);
    nodes.readable(vm + "/name", domain.name);
    nodes.readable(vm + "/uuid", domain.uuid);
    nodes.readable(base + "/device");
    nodes.readable(base + "/control");
    nodes.readable(base + "/control/platform-feature-xs_reset_watches", "1");
    for (const char* name :
         {"shutdown", "feature-poweroff", "feature-reboot", "feature-suspend", "sysrq"})
        nodes.writable(base + "/control/" + name);
    for (const char* name : {"data", "drivers", "feature", "attr", "error"})
        nodes.writable(base + "/" + name);
}

void DomainNodes::domain_destroyed(const DomainRecord& domain) noexcept try {
    store_.unlisten(store_socket(directory_.path(), domain.id));
    // A backend that hears of the release finds the nodes gone already, as after xl destroy.
    for (const std::string& path : {domain_path(domain.id), vm_path(domain)})
        if (const auto removed = store_.dom0().remove(path);
            !removed && removed.error() != std::errc::no_such_file_or_directory)
            log::warning("domain={} path={} error=\"{}\"", domain.id.value(), path,
                         removed.error().message());
    store_.release_domain(domain.id);
} catch (const std::exception& e) {
    log::error("domain={} error=\"{}\"", domain.id.value(), e.what());
}

} // namespace pvscsi::hv::host
