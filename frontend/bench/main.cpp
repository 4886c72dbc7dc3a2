// pvscsi-bench: load on a guest's LUN over the frontend library. Ends with 0 if every command
// succeeded and every block was right, or every replayed command ended as it was recorded, 1 if
// not, 2 for a wrong command line.
#include "common/base/standard_descriptors.hpp"
#include "frontend/bench/replay.hpp"
#include "frontend/bench/report.hpp"

#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>

int main(int argc, char** argv) {
    using namespace pvscsi;
    pvscsi::keep_standard_descriptors();
    bench::Options options;
    int status = 0;
    try {
        if (!bench::parse_options(argc, argv, options, status))
            return status;
        if (!options.replay.empty()) {
            const auto session = Session::open(options.session);
            const bench::ReplayResult result = bench::replay(*session, options);
            std::fputs((options.json ? result.to_json() : result.to_text()).c_str(), stdout);
            return result.differences.empty() ? 0 : 1;
        }
        // In this order: commands that the session's end cuts off tell the load so.
        std::unique_ptr<bench::Load> load;
        const auto session = Session::open(options.session);
        std::signal(SIGINT, [](int) { bench::Load::interrupt(); });
        std::signal(SIGTERM, [](int) { bench::Load::interrupt(); });
        load = std::make_unique<bench::Load>(*session, options);
        session->on_event([&load](const Event& event) { load->hear(event); });
        const bench::Result result = load->run();
        const std::string report =
            options.json ? to_json(options, result) : to_text(options, result);
        std::fputs(report.c_str(), stdout);
        return result.errors == 0 ? 0 : 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "pvscsi-bench: %s\n", error.what());
        return 1;
    }
}
