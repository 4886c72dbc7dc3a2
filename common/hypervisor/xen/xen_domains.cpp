#include "common/hypervisor/xen/xen_domains.hpp"

#include "common/hypervisor/xen/run_program.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace pvscsi::hv::xen {

namespace {

std::optional<DomId> number_of(const std::string& text) {
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size())
        return {};
    return DomId{number};
}

bool all_digits(const std::string& text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// xl reads the name as a string of its configuration language: nothing that ends or changes it.
void require_plain(const std::string& name) {
    const auto odd = [](char c) { return c < ' ' || c > '~' || c == '"' || c == '\\'; };
    if (name.empty() || std::any_of(name.begin(), name.end(), odd))
        throw std::runtime_error("a domain's name is printable ASCII without \" and \\");
}

} // namespace

XenDomains::XenDomains(std::unique_ptr<Store> store, std::string xl)
    : store_(std::move(store)), xl_(std::move(xl)) {}

std::vector<DomainInfo> XenDomains::list() {
    const auto numbers = store_->list("/local/domain");
    if (!numbers)
        throw std::system_error(numbers.error(), "reading /local/domain");
    std::vector<DomainInfo> domains;
    for (const std::string& text : *numbers) {
        const auto id = number_of(text);
        // A domain that has just ended has no name any more, and no existence either.
        const auto name = store_->read("/local/domain/" + text + "/name");
        if (id && name)
            domains.push_back({*id, *name});
    }
    std::sort(domains.begin(), domains.end(),
              [](const DomainInfo& a, const DomainInfo& b) { return a.id < b.id; });
    return domains;
}

std::optional<DomainInfo> XenDomains::find(const std::string& name) {
    const bool by_number = all_digits(name);
    const auto wanted = by_number ? number_of(name) : std::nullopt;
    for (const DomainInfo& domain : list())
        if (by_number ? domain.id == wanted : domain.name == name)
            return domain;
    return {};
}

DomainInfo XenDomains::create(const std::string& name, const std::string& config,
                              const std::string& /*uuid*/) {
    require_plain(name);
    if (find(name))
        throw std::runtime_error("there is a domain " + name + " already");
    run_program({xl_, "create", "-p", config, "name=\"" + name + "\""});
    if (auto domain = find(name))
        return *domain;
    throw std::runtime_error("xl has created " + name + ", but the store does not know it");
}

void XenDomains::unpause(DomId domain) {
    run_program({xl_, "unpause", std::to_string(domain.value())});
}

bool XenDomains::has_run(DomId domain) {
    // Name, number, memory, processors, state, seconds. A name may have blanks.
    std::istringstream words(run_program({xl_, "list", std::to_string(domain.value())}));
    std::string state, seconds;
    for (std::string word; words >> word;)
        state = std::exchange(seconds, word);
    return state.find('p') == std::string::npos || seconds != "0.0";
}

void XenDomains::destroy(DomId domain) {
    run_program({xl_, "destroy", std::to_string(domain.value())});
}

} // namespace pvscsi::hv::xen
