#include "tests/npiv/fabric/faults.hpp"

namespace pvscsi::fabric {

std::optional<LoginFault> Faults::login(Wwn port, TimePoint now) {
    std::erase_if(logins_,
                  [&](const LoginFault& fault) { return fault.until && *fault.until <= now; });
    std::optional<LoginFault> found;
    for (const auto& fault : logins_)
        if (!fault.port || *fault.port == port)
            found = fault;
    return found;
}

bool Faults::dropped(Type type) {
    const auto found = drops_.find(type);
    if (found == drops_.end() || found->second == 0)
        return false;
    --found->second;
    return true;
}

unsigned Faults::left_to_drop(Type type) const {
    const auto found = drops_.find(type);
    return found == drops_.end() ? 0 : found->second;
}

} // namespace pvscsi::fabric
