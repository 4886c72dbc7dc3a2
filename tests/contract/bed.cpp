// Also the main program: 77 is how a test says to meson that it was skipped.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "tests/contract/bed.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <unistd.h>

namespace pvscsi::contract {

namespace {
// No domain has it (xen/include/public/xen.h: ids below 0x7ff0 are domains).
constexpr DomId nobody{0x7fe0};
} // namespace

bool against_host() {
    const char* which = std::getenv("PVSCSI_CONTRACT");
    return which == nullptr || std::string_view(which) != "xen";
}

Bed::Bed() : stranger_(nobody) {
    if (!against_host()) {
        guest_ = backend_ = open_backend()->self();
        return;
    }
    host_.emplace();
    const auto domains = host_->domains();
    guest_ = domains->create("guest", "", "").id;
    stranger_ = domains->create("stranger", "", "").id;
}

std::unique_ptr<hv::Hypervisor> Bed::open(DomId domain) const {
    return host() ? host_->open(domain) : hv::open_hypervisor({});
}

} // namespace pvscsi::contract

int main(int argc, char** argv) {
    if (!pvscsi::contract::against_host() && ::access("/dev/xen/gntalloc", F_OK) != 0) {
        std::puts("SKIP: /dev/xen/gntalloc is not there, so this is not a Xen domain");
        return 77;
    }
    return Catch::Session().run(argc, argv);
}
