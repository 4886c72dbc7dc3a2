#include "frontend/bench/options.hpp"

#include "common/base/command_line.hpp"

#include <charconv>
#include <random>
#include <stdexcept>

namespace pvscsi::bench {

namespace {

const std::map<std::string, Access> access_names{{"read", Access::read},
                                                 {"write", Access::write},
                                                 {"randread", Access::randread},
                                                 {"randwrite", Access::randwrite},
                                                 {"randrw", Access::randrw}};
const std::map<std::string, Wait> wait_names{
    {"event", Wait::event}, {"adaptive", Wait::adaptive}, {"poll", Wait::poll}};

/// Empty if it is a time that a run may take; CLI11's own range would print its end in 300 digits.
std::string check_runtime(const std::string& text) {
    double seconds = 0;
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, seconds);
    if (read.ec == std::errc() && read.ptr == end && seconds > 0 && seconds <= 1e9)
        return "";
    return "'" + text + "' is no time; expected seconds, more than 0";
}

template <class Value>
const char* name_of(const std::map<std::string, Value>& names, Value value) {
    for (const auto& [name, other] : names)
        if (other == value)
            return name.c_str();
    return "";
}

} // namespace

const char* to_string(Access access) {
    return name_of(access_names, access);
}
const char* to_string(Wait wait) {
    return name_of(wait_names, wait);
}

bool parse_options(int argc, char** argv, Options& options, int& status) {
    CLI::App app{"Puts load on a LUN of a pvscsi guest and measures it."};
    app.set_version_flag("--version", PVSCSI_VERSION);
    std::string lun; // its value goes to options.lun
    app.add_option("DOMAIN", options.session.domain, "guest to be, by name or number")->required();
    app.add_option("LUN", lun, "H:C:T:L as in the guest's vscsi= list")
        ->required()
        ->each([&options](const std::string& text) {
            try {
                options.lun = hctl_from_string(text);
            } catch (const std::invalid_argument& error) {
                throw CLI::ValidationError("LUN", error.what());
            }
        });
    app.add_option("--host", options.session.host_dir,
                   "directory of the embedded host (default: $PVSCSI_HOST)");
    add_choice(app, "--rw", options.access, access_names, "what the commands do (randread)");
    app.add_option("--bs", options.block, "bytes of one command, e.g. 4k")
        ->transform(CLI::AsSizeValue(false));
    app.add_option("--size", options.size, "bytes of the LUN to use (default: all)")
        ->transform(CLI::AsSizeValue(false));
    app.add_option("--offset", options.offset, "bytes of the LUN to leave alone before those (0)")
        ->transform(CLI::AsSizeValue(false));
    app.add_option("--iodepth", options.depth, "commands in flight")->check(CLI::Range(1, 16));
    app.add_option("--runtime", options.runtime, "seconds")->check(check_runtime);
    add_choice(app, "--wait", options.wait, wait_names,
               "sleep at once (event), spin for a bounded time (adaptive, the default), or never "
               "sleep (poll)");
    app.add_option("--seed", options.seed, "of offsets and data (default: a different one)");
    app.add_option("--daemon-pid", options.daemon_pid, "count this process' CPU time, too");
    app.add_flag("--verify", options.verify,
                 "write data that tell where they belong, and check what is read");
    auto* const replay =
        app.add_option(
               "--replay", options.replay,
               "no load: send the commands of a file of pvscsictl trace --save again, those "
               "that only read, and compare their statuses")
            ->option_text("FILE");
    app.add_option("--replay-vdev", options.replay_vdev,
                   "H:C:T:L of the LUN in that file (default: the only one)")
        ->needs(replay);
    app.add_flag("--allow-writes", options.allow_writes,
                 "send all commands of that file; what is written are zeros")
        ->needs(replay);
    app.add_flag("--json", options.json, "print one JSON object");
    if (const auto ended = parse_command_line(app, argc, argv)) {
        status = *ended;
        return false;
    }
    options.session.device = options.lun.host;
    if (options.seed == 0)
        options.seed = std::random_device{}() | 1u;
    return true;
}

} // namespace pvscsi::bench
