#include "backend/targets/sg/leftovers.hpp"

#include "backend/targets/sg/device.hpp"

#include <map>
#include <mutex>

namespace pvscsi::backend {

Leftovers SgLeftovers::look(SgDevice& device) noexcept {
    if (found_ == Leftovers::some && !device.busy())
        found_ = Leftovers::none;
    return found_;
}

std::shared_ptr<void> SgLeftovers::being_reset() {
    found_ = Leftovers::resetting;
    return {nullptr,
            [self = shared_from_this()](std::nullptr_t) { self->found_ = Leftovers::disowned; }};
}

std::shared_ptr<SgLeftovers> leftovers_at(const std::string& node) {
    // A device that is given a node later has no commands of a daemon that died before this began.
    static std::mutex mutex;
    static std::map<std::string, std::shared_ptr<SgLeftovers>> all;
    const std::lock_guard lock(mutex);
    auto& found = all[node];
    if (!found)
        found = std::make_shared<SgLeftovers>();
    return found;
}

} // namespace pvscsi::backend
