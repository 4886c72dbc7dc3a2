#include "common/hypervisor/host/client_domains.hpp"

#include "common/base/printable.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace pvscsi::hv::host {

namespace {

bool all_digits(const std::string& text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// As the store has it.
std::string in_lower_case(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return text;
}

std::string text_of(const BrokerConnection::Received& received) {
    return {reinterpret_cast<const char*>(received.body.data()), received.body.size()};
}

[[noreturn]] void fail(int error, const std::string& what) {
    throw std::system_error(error, std::generic_category(), what);
}

} // namespace

BrokerConnection::Received HostDomains::ask(const Request& request, std::string_view name,
                                            const std::string& what) {
    auto received = broker_.call(request, std::as_bytes(std::span(name)));
    if (!received)
        throw std::system_error(received.error(), what);
    return std::move(*received);
}

std::optional<DomainInfo> HostDomains::find(const std::string& name) {
    const std::string what = "cannot look up the domain " + printable(name);
    if (all_digits(name)) {
        std::uint16_t id = 0;
        const auto parsed = std::from_chars(name.data(), name.data() + name.size(), id);
        if (parsed.ec != std::errc{})
            return std::nullopt;
        auto found = next(id);
        return found && found->id == DomId{id} ? found : std::nullopt;
    }
    const auto received = ask({.op = Op::find_domain}, name, what);
    if (received.reply.error == ENOENT)
        return std::nullopt;
    if (received.reply.error != 0)
        fail(received.reply.error, what);
    return DomainInfo{DomId{received.reply.domain}, text_of(received)};
}

std::optional<DomainInfo> HostDomains::next(std::uint32_t lowest) {
    const std::string what = "cannot list the domains";
    const auto received = ask({.op = Op::next_domain, .number = lowest}, {}, what);
    if (received.reply.error == ENOENT)
        return std::nullopt;
    if (received.reply.error != 0)
        fail(received.reply.error, what);
    return DomainInfo{DomId{received.reply.domain}, text_of(received)};
}

std::vector<DomainInfo> HostDomains::list() {
    std::vector<DomainInfo> domains;
    for (auto found = next(0); found; found = next(domains.back().id.value() + 1U))
        domains.push_back(*found);
    return domains;
}

DomainInfo HostDomains::create(const std::string& name, const std::string& /*config*/,
                               const std::string& uuid) {
    const std::string what = "cannot create the domain " + printable(name);
    const auto received =
        ask({.op = Op::create_domain, .number = static_cast<std::uint32_t>(uuid.size())},
            name + in_lower_case(uuid), what);
    if (received.reply.error == EBADMSG)
        fail(EINVAL, what + ": a UUID has 8-4-4-4-12 hexadecimal digits");
    if (received.reply.error == ENOTUNIQ)
        fail(EEXIST, what + ": another domain has the UUID " + printable(uuid));
    if (received.reply.error == EINVAL)
        fail(EINVAL, what + ": a name has letters, digits and any of -_.+:, at most 128 of them, "
                            "and is not a number");
    if (received.reply.error == EEXIST)
        fail(EEXIST, what + ": the name is taken");
    if (received.reply.error != 0)
        fail(received.reply.error, what);
    return {DomId{received.reply.domain}, name};
}

void HostDomains::unpause(DomId domain) {
    if (const auto found = next(domain.value()); !found || found->id != domain)
        fail(ESRCH, "cannot unpause the domain " + std::to_string(domain.value()));
}

bool HostDomains::has_run(DomId domain) {
    const std::string what = "cannot look at the domain " + std::to_string(domain.value());
    const auto received = ask({.op = Op::next_domain, .number = domain.value()}, {}, what);
    if (received.reply.error != 0 || DomId{received.reply.domain} != domain)
        fail(received.reply.error != 0 ? received.reply.error : ENOENT, what);
    return received.reply.count != 0;
}

void HostDomains::destroy(DomId domain) {
    const std::string what = "cannot destroy the domain " + std::to_string(domain.value());
    const auto received = ask({.op = Op::destroy_domain, .domain = domain.value()}, {}, what);
    if (received.reply.error != 0)
        fail(received.reply.error, what);
}

} // namespace pvscsi::hv::host
