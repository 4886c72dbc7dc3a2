#include "common/hypervisor/host/host_state.hpp"

#include "common/hypervisor/host/proto.hpp"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <sys/random.h>

namespace pvscsi::hv::host {

namespace {

// xen/include/public/xen.h: ids from here on mean something else.
constexpr std::uint16_t first_reserved_id = 0x7ff0;

/// A random UUID, RFC 4122 clause 4.4.
std::string make_uuid() {
    std::array<std::uint8_t, 16> b{};
    if (::getrandom(b.data(), b.size(), 0) != static_cast<ssize_t>(b.size()))
        throw std::system_error(errno, std::generic_category(), "cannot get random bytes");
    b[6] = static_cast<std::uint8_t>((b[6] & 0x0f) | 0x40);
    b[8] = static_cast<std::uint8_t>((b[8] & 0x3f) | 0x80);
    std::string text;
    for (std::size_t i = 0; i < b.size(); ++i)
        text += fmt::format("{}{:02x}", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
    return text;
}

constexpr bool digit(char c) {
    return c >= '0' && c <= '9';
}
bool valid_uuid(std::string_view text) {
    constexpr std::string_view shape = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    return text.size() == shape.size() && std::ranges::equal(text, shape, [](char c, char wanted) {
               return wanted == 'x' ? digit(c) || (c >= 'a' && c <= 'f') : c == wanted;
           });
}
constexpr bool name_character(char c) {
    return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
           c == '.' || c == '+' || c == ':';
}

} // namespace

bool valid_domain_name(std::string_view name) {
    return !name.empty() && name.size() <= max_domain_name &&
           std::ranges::all_of(name, name_character) && !std::ranges::all_of(name, digit);
}

HostState::HostState(DomainObserver& observer) : observer_(observer) {
    add({DomId{0}, "Domain-0", "00000000-0000-0000-0000-000000000000"});
}

Result<DomId> HostState::create(std::string_view name, std::string_view uuid) try {
    if (!valid_domain_name(name))
        return unexpected_errno(EINVAL);
    if (!uuid.empty() && !valid_uuid(uuid))
        return unexpected_errno(EBADMSG);
    if (find(name) != nullptr)
        return unexpected_errno(EEXIST);
    // It names the domain's nodes, which go when the domain goes.
    if (std::ranges::any_of(domains_,
                            [&](const auto& one) { return one.second.record.uuid == uuid; }))
        return unexpected_errno(ENOTUNIQ);
    const auto id = unused_id();
    if (!id)
        return id;
    add({*id, std::string(name), uuid.empty() ? make_uuid() : std::string(uuid)});
    return id;
} catch (const std::system_error& e) {
    return unexpected(e.code());
}

void HostState::add(DomainRecord record) {
    const DomId id = record.id;
    const auto [entry, inserted] =
        domains_.emplace(id, Domain{std::move(record), std::make_shared<DomainMemory>()});
    try {
        observer_.domain_created(entry->second.record);
    } catch (...) {
        domains_.erase(entry);
        throw;
    }
}

// Increasing, so that an id is not reused while somebody may still mean its former owner.
Result<DomId> HostState::unused_id() {
    for (std::uint16_t tried = 1; tried < first_reserved_id; ++tried) {
        last_id_ = last_id_ + 1 < first_reserved_id ? static_cast<std::uint16_t>(last_id_ + 1)
                                                    : std::uint16_t{1};
        if (!domains_.contains(DomId{last_id_}))
            return DomId{last_id_};
    }
    return unexpected_errno(ENOSPC);
}

Result<void> HostState::destroy(DomId domain) {
    if (domain == DomId{0})
        return unexpected_errno(EINVAL);
    const auto found = domains_.find(domain);
    if (found == domains_.end())
        return unexpected_errno(ESRCH);
    const Domain gone = std::move(found->second);
    domains_.erase(found);
    gone.memory->mark_dead();
    ports_.close_all(domain);
    observer_.domain_destroyed(gone.record);
    return {};
}

const DomainRecord* HostState::find(std::string_view name) const {
    const auto found = std::ranges::find_if(
        domains_, [name](const auto& entry) { return entry.second.record.name == name; });
    return found == domains_.end() ? nullptr : &found->second.record;
}

const DomainRecord* HostState::next(std::uint32_t id) const {
    if (id >= first_reserved_id)
        return nullptr;
    const auto found = domains_.lower_bound(DomId{static_cast<std::uint16_t>(id)});
    return found == domains_.end() ? nullptr : &found->second.record;
}

void HostState::enter(DomId domain) {
    if (const auto found = domains_.find(domain); found != domains_.end())
        found->second.record.entered = true;
}

std::shared_ptr<DomainMemory> HostState::memory(DomId domain) const {
    const auto found = domains_.find(domain);
    return found == domains_.end() ? nullptr : found->second.memory;
}

bool HostState::reap() {
    bool waiting = false;
    for (auto& [id, domain] : domains_)
        waiting |= domain.memory->reap();
    return waiting;
}

} // namespace pvscsi::hv::host
