#include "backend/policy/target.hpp"

#include "common/base/bytes.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>

namespace pvscsi::backend::policy {

PolicyTarget::PolicyTarget(std::unique_ptr<Target> inner, Rules rules)
    : Decorator(std::move(inner)), rules_(std::move(rules)) {}

PolicyTarget::Verdict PolicyTarget::admit(Request& request) noexcept {
    const auto objection = rules_.judge(request.cdb(), request.direction(), request.length());
    return objection ? object(request, *objection, false) : Verdict::pass;
}

PolicyTarget::Verdict PolicyTarget::admit_data(Request& request) noexcept {
    const auto objection = rules_.judge_data(request.cdb(), as_u8(request.data()));
    return objection ? object(request, *objection, true) : Verdict::pass;
}

PolicyTarget::Verdict PolicyTarget::object(Request& request, const Objection& objection,
                                           bool in_data) noexcept {
    notes_.add(request.cdb().padded(), objection, in_data);
    if (rules_.audits()) {
        request.by_policy = PolicyMark::noted;
        return Verdict::pass;
    }
    request.by_policy = PolicyMark::refused;
    request.outcome.clear();
    request.outcome.status = scsi::Status::check_condition;
    request.outcome.sense = objection.sense;
    return Verdict::done;
}

void PolicyTarget::keep_house() noexcept {
    if (!notes_.empty() && on_notice)
        notes_.tell(rules_, on_notice);
    Decorator::keep_house();
}

std::unique_ptr<Target> apply_policy(std::unique_ptr<Target> target, const std::string& choice,
                                     std::span<const config::OwnPolicy> own, bool shared_nexus,
                                     const std::string& unit_name) {
    if (choice.empty() && !target->passes_through())
        return target;
    auto policy = config::find_policy(choice, own);
    if (!policy)
        throw std::runtime_error(
            fmt::format("{}; expected {}", policy.error().reason, policy.error().remedy));
    const std::uint8_t type = target->device_type();
    if (!policy->types.empty() &&
        std::find(policy->types.begin(), policy->types.end(), type) == policy->types.end())
        throw std::runtime_error(fmt::format("policy '{}' is for devices of another type than this "
                                             "one's, which is {:02x}h; expected "
                                             "a policy for that, or for any",
                                             policy->name, type));
    return std::make_unique<PolicyTarget>(
        std::move(target), Rules(std::move(*policy), {type, shared_nexus, unit_name}));
}

} // namespace pvscsi::backend::policy
