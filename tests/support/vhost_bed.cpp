#include "tests/support/vhost_bed.hpp"

#include <thread>

namespace pvscsi::backend {

/// In place of the targets' library.
std::unique_ptr<Target> make_target(const LunConfig& config, const OpenedFor&) {
    if (test::while_opening)
        std::exchange(test::while_opening, nullptr)();
    if (config.pdev == "broken" && ++test::refusals > 0)
        throw std::runtime_error("no such backing");
    if (test::busy_opens > 0 && test::busy_opens-- > 0)
        throw std::system_error(EBUSY, std::generic_category(), "in use");
    if (config.pdev == "slow") // to be opened, as a device that spins up
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    auto held = std::make_shared<test::HeldTarget>();
    test::opened.push_back(held);
    test::serials.push_back(config.serial);
    test::pdevs.push_back(config.pdev);
    return std::make_unique<test::OpenedTarget>(std::move(held));
}

} // namespace pvscsi::backend
