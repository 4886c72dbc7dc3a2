#include "backend/targets/sg/open.hpp"

#include "backend/targets/sg/ask.hpp"
#include "backend/targets/sg/capacity.hpp"
#include "backend/targets/sg/carries.hpp"
#include "backend/targets/sg/medium_lock.hpp"
#include "backend/targets/sg/target.hpp"

namespace pvscsi::backend {

std::unique_ptr<Target> open_sg_target(const std::string& node, const LunConfig& config) {
    const auto device = open_sg_device(node, sharing_of(config));
    auto target =
        std::make_unique<SgTarget>(device, config.read_only, SgPatience{},
                                   std::chrono::seconds(config.timeout), leftovers_at(node));
    auto answers = ask_device(*device);
    require_known(answers, node);
    target->told(std::move(answers));
    target->limit_to(carries_of(node));
    target->limit_to(SgRoom::Part(room_at(node)));
    if (!fixed_size_attribute(node).empty())
        return target; // nothing can be taken out of it
    return std::make_unique<MediumLock>(std::move(target), device, medium_holders_at(node));
}

} // namespace pvscsi::backend
