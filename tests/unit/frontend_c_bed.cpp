// Session::open() of the C test: over a mock backend that returns what it was sent.
#include "tests/unit/frontend_c_bed.h"
#include "tests/support/frontend_bed.hpp"

using namespace pvscsi;

namespace {
std::unique_ptr<test::FrontendBed> bed;
std::string stored;
} // namespace

std::unique_ptr<Session> Session::open(const SessionOptions& options) {
    if (!options.domain.empty())
        throw std::runtime_error("there is no domain '" + options.domain + "'");
    return Impl::open(bed->hypervisor, options, bed->timing);
}

void bed_start() {
    bed = std::make_unique<test::FrontendBed>();
    bed->backend.answer = [](const ring::WireRequest& request) {
        if (request.cmnd[0] == 0x2a)
            stored = bed->backend.read_data(request);
        else if (request.cmnd[0] == 0x28)
            bed->backend.write_data(request, stored);
        else if (request.cmnd[0] == 0x12)
            return ring::make_response(ring::tag_of(request), 0, 2,
                                       std::array<std::uint8_t, 4>{0x70, 0, 5, 9}, 0);
        return test::good(request);
    };
}

void bed_stop() {
    bed.reset();
}
void bed_hold(int hold) {
    bed->backend.serving = hold == 0;
    bed->backend.look();
}
void bed_restart() {
    bed->backend.set_state(xenbus::State::closed);
}
