// Stands before a unit and answers the commands that its guest may not send, which the unit then
// never sees. What passes is not changed.
//
// Refused commands are counted (Request::by_policy, LunCounters) and told to on_notice every few
// seconds, never while a command is under way.
//
// Thread: as Target. Errors: as sense data to the guest.
#pragma once

#include "backend/decorator.hpp"
#include "backend/policy/notes.hpp"

namespace pvscsi::backend::policy {

class PolicyTarget final : public Decorator {
  public:
    PolicyTarget(std::unique_ptr<Target> inner, Rules rules);

    void keep_house() noexcept override;

  private:
    Verdict admit(Request& request) noexcept override;
    Verdict admit_data(Request& request) noexcept override;
    Verdict object(Request& request, const Objection& objection, bool in_data) noexcept;

    const Rules rules_;
    Notes notes_;
};

/// `target` with the policy that `choice` (the value of policy=) names, or as it is: without a
/// choice only what is passed through has one. Control thread. Throws std::runtime_error: there is
/// no such policy, or it is for another type of device.
[[nodiscard]] std::unique_ptr<Target> apply_policy(std::unique_ptr<Target> target,
                                                   const std::string& choice,
                                                   std::span<const config::OwnPolicy> own,
                                                   bool shared_nexus, const std::string& unit_name);

} // namespace pvscsi::backend::policy
