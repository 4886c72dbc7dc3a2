#include "backend/nexus/lone_nexus.hpp"

namespace pvscsi::backend {

void LoneNexus::nexus_lost() noexcept {
    waiting_ = {};
    Decorator::nexus_lost();
}

Decorator::Verdict LoneNexus::admit(Request& request) noexcept {
    if (waiting_.empty() || attention_rule(device_type(), request.cdb()) == AttentionRule::ignores)
        return Verdict::pass;
    answer_with(request, waiting_.take());
    return Verdict::done;
}

/// What the device says by itself meanwhile is not said again.
bool LoneNexus::ended(Request& request) noexcept {
    if (!waiting_.empty())
        if (const auto attention = attention_told(request.cdb(), request.outcome))
            waiting_.remove(*attention);
    return true;
}

} // namespace pvscsi::backend
