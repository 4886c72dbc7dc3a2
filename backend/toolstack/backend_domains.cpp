#include "backend/toolstack/backend_domains.hpp"

#include "common/base/printable.hpp"

#include <algorithm>

namespace pvscsi::toolstack {

namespace {

constexpr unsigned max_domain = 0x7fef; // below DOMID_FIRST_RESERVED

std::optional<DomId> domain_number(std::string_view text) {
    const auto number = xenbus::parse_number(text, max_domain);
    return number ? std::optional(DomId{static_cast<DomId::rep>(*number)}) : std::nullopt;
}

Result<std::string> name_of(hv::Store& store, DomId domain) {
    return store.read(xenbus::domain_path(domain) + "/name");
}

} // namespace

std::vector<std::string> own_names(hv::Store& store, DomId self) {
    std::vector<std::string> names{std::to_string(self.value())};
    if (self == toolstack_domain)
        names.emplace_back("Domain-0");
    if (const auto name = name_of(store, self); name && !name->empty())
        names.push_back(*name);
    return names;
}

std::string domain_text(hv::Store& store, DomId domain) {
    const std::string name = name_of(store, domain).value_or("");
    return "domain " + std::to_string(domain.value()) +
           (name.empty() ? "" : " '" + printable(name) + "'");
}

std::vector<DomId> domains_there(hv::Store& store) {
    std::vector<DomId> domains;
    if (const auto names = store.list("/local/domain"))
        for (const std::string& name : *names)
            if (const auto id = domain_number(name))
                domains.push_back(*id);
    std::sort(domains.begin(), domains.end());
    return domains;
}

std::vector<DomId> domains_that_serve(hv::Store& store, DomId self) {
    std::vector<DomId> domains{self};
    for (const DomId domain : domains_there(store))
        if (domain != self && store.list(xenbus::backend_root(domain)))
            domains.push_back(domain);
    return domains;
}

std::optional<DomId> BackendDomains::find(const std::string& text) {
    if (text.empty())
        return self_;
    const auto [place, fresh] = known_.try_emplace(text);
    if (fresh)
        place->second = look_up(text);
    return place->second;
}

std::optional<DomId> BackendDomains::look_up(const std::string& text) {
    const auto own = own_names(store_, self_);
    if (std::find(own.begin(), own.end(), text) != own.end())
        return self_;
    if (const auto id = domain_number(text))
        return runs(*id) ? id : std::nullopt;
    for (const DomId domain : domains_there(store_))
        if (name_of(store_, domain) == text && runs(domain))
            return domain;
    return {};
}

/// A dead domain's nodes may be there for a while.
bool BackendDomains::runs(DomId domain) {
    return name_of(store_, domain) && store_.domain_exists(domain);
}

SortedLuns BackendDomains::sort(const std::vector<Lun>& luns) {
    SortedLuns sorted;
    for (const Lun& lun : luns) {
        const auto domain = find(lun.backend);
        if (!domain)
            sorted.mistakes.push_back(
                {lun.entry, lun.backend,
                 "the third field, as it is no option, names the domain that has the device, and "
                 "there is no such domain",
                 "one that runs, by name or number, or no such field, or one of " +
                     config::known_options()});
        else
            (*domain == self_ ? sorted.here : sorted.elsewhere).push_back(lun);
    }
    return sorted;
}

} // namespace pvscsi::toolstack
