#include "backend/targets/sg/open.hpp"

#include "backend/targets/sg/target.hpp"

namespace pvscsi::backend {

std::unique_ptr<Target> open_sg_target(const std::string& node, const LunConfig& config) {
    return std::make_unique<SgTarget>(open_sg_device(node, sharing_of(config)), config.read_only,
                                      SgPatience{}, std::chrono::seconds(config.timeout),
                                      leftovers_at(node));
}

} // namespace pvscsi::backend
