#include "backend/targets/iscsi/claim.hpp"

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <system_error>

namespace pvscsi::backend {

namespace {

std::mutex claims_mutex;
std::multimap<std::string, Sharing> claims; ///< guarded by the mutex

bool get_on(const Sharing& a, const Sharing& b) {
    return (a.shared_as && b.shared_as) || (a.read_only && b.read_only);
}

bool same(const Sharing& a, const Sharing& b) {
    return a.read_only == b.read_only && a.shared_as == b.shared_as;
}

} // namespace

IscsiClaim::IscsiClaim(const std::string& unit, const Sharing& sharing)
    : unit_(unit), sharing_(sharing) {
    const std::lock_guard lock(claims_mutex);
    const auto [first, last] = claims.equal_range(unit);
    if (!std::all_of(first, last, [&](const auto& claim) { return get_on(claim.second, sharing); }))
        throw std::system_error(EBUSY, std::generic_category(),
                                unit + " is in use by another guest's entry; both need ro or "
                                       "exclusive=no");
    claims.emplace(unit, sharing);
}

IscsiClaim::~IscsiClaim() {
    const std::lock_guard lock(claims_mutex);
    const auto [first, last] = claims.equal_range(unit_);
    const auto own =
        std::find_if(first, last, [&](const auto& claim) { return same(claim.second, sharing_); });
    if (own != last)
        claims.erase(own);
}

} // namespace pvscsi::backend
