#include "common/hypervisor/types.hpp"

namespace pvscsi::hv {

std::string_view to_string(GrantStatus status) noexcept {
    switch (status) {
    case GrantStatus::ok:
        return "ok";
    case GrantStatus::bad_domain:
        return "no such domain, or granted to another one";
    case GrantStatus::bad_ref:
        return "no such grant";
    case GrantStatus::read_only:
        return "granted for reading only";
    case GrantStatus::bad_range:
        return "past the end of the page";
    case GrantStatus::busy:
        return "still in use";
    case GrantStatus::no_space:
        return "no grant entry, page or map handle is left";
    case GrantStatus::unavailable:
        return "refused by the hypervisor";
    }
    return "?";
}

} // namespace pvscsi::hv
