// pvscsid: the backend daemon.
#include "backend/daemon.hpp"
#include "common/base/command_line.hpp"
#include "common/base/standard_descriptors.hpp"
#include "common/config/settings.hpp"

#include <algorithm>
#include <cstdio>

namespace {

using namespace pvscsi;

const std::map<std::string, backend::Wait> waits{{"event", backend::Wait::event},
                                                 {"adaptive", backend::Wait::adaptive},
                                                 {"poll", backend::Wait::poll}};

/// One core stays with the guests and the control thread.
unsigned default_threads() {
    return std::max(1u, std::thread::hardware_concurrency() - 1);
}

/// Takes what the file says and the command line does not.
template <class Value, class Option, class Convert>
void fill(const CLI::App& app, const char* option, Option& to, const std::optional<Value>& from,
          Convert convert) {
    if (from && app.count(option) == 0)
        to = convert(*from);
}

void apply(const CLI::App& app, const config::Settings& settings, backend::DaemonOptions& options,
           log::Level& level) {
    const auto same = [](const auto& value) { return value; };
    fill(app, "--threads", options.threads, settings.threads, same);
    fill(app, "--wait", options.wait, settings.wait,
         [](const std::string& name) { return waits.at(name); });
    fill(app, "--max-spin", options.most_spin, settings.max_spin_us,
         [](unsigned us) { return std::chrono::microseconds(us); });
    fill(app, "--max-segments", options.max_segments, settings.max_segments, same);
    fill(app, "--state-dir", options.state_dir, settings.state_dir, same);
    fill(app, "--record-dir", options.record_dir, settings.record_dir, same);
    fill(app, "--trace-length", options.trace_length, settings.trace_length, same);
    fill(app, "--log-level", level, settings.log_level,
         [](const std::string& name) { return log_levels().at(name); });
}

} // namespace

int main(int argc, char** argv) {
    pvscsi::keep_standard_descriptors();
    backend::DaemonOptions options;
    options.threads = default_threads();
    options.version = PVSCSI_VERSION;
    std::string host;
    log::Level level = log::Level::info;
    long most_spin = options.most_spin.count();
    std::string settings_file;

    CLI::App app{"Serves SCSI devices to Xen guests. Runs in the foreground and logs to standard "
                 "error, or to the journal under systemd.",
                 "pvscsid"};
    app.set_version_flag("--version", PVSCSI_VERSION);
    app.add_option(
        "--host", host,
        "directory of the embedded host (pvscsi-hostd); default: $PVSCSI_HOST, else Xen");
    app.add_option("--config", settings_file,
                   "settings; what the command line says goes before them; "
                   "default: /etc/pvscsi/pvscsid.toml, or pvscsid.toml in the embedded host's "
                   "directory, if there is one");
    app.add_option("--threads", options.threads, "data threads; a vhost is pinned to one of them")
        ->check(CLI::Range(1u, 256u))
        ->capture_default_str();
    add_choice(app, "--wait", options.wait, waits,
               "how data threads wait for work: sleep at once (event), spin for a bounded time "
               "that tunes itself (adaptive, the default), or never sleep while a vhost is "
               "connected (poll)");
    app.add_option("--max-spin", most_spin, "longest spin of --wait=adaptive, microseconds")
        ->check(CLI::Range(0L, 100'000L))
        ->capture_default_str();
    app.add_option("--max-segments", options.max_segments,
                   "feature-sg-grant: data segments of up to 4 KiB in one request")
        ->check(CLI::Range(ring::max_direct_segments, ring::max_indirect_segments))
        ->capture_default_str();
    app.add_option("--state-dir", options.state_dir,
                   "what the next daemon needs to go on with the guests' connections; default: "
                   "/run/pvscsi, or pvscsid in the embedded host's directory");
    app.add_option(
        "--record-dir", options.record_dir,
        "where it is remembered over a boot which units names such as /dev/sdb or "
        "1:0:2:0 lead to, what the units of suspended domains were, and what guests have reserved "
        "of units that they share; default: "
        "/var/lib/pvscsi, or units in the embedded host's directory");
    app.add_option("--trace-length", options.trace_length,
                   "the last commands of each LUN that are kept for pvscsictl trace, at least 64; "
                   "0: none")
        ->check(CLI::Range(0u, backend::flight::most_length))
        ->capture_default_str();
    add_log_level(app, level);
    app.add_option("--ready-fd", options.ready_fd,
                   "write a newline to this file descriptor and close it when serving");
    if (const auto status = parse_command_line(app, argc, argv))
        return *status;

    log::init("pvscsid", level);
    try {
        options.most_spin = std::chrono::microseconds(most_spin);
        options.hypervisor = hv::HypervisorChoice::from(host);
        options.settings_file = settings_file;
        if (settings_file.empty())
            options.settings_file = config::settings_file(options.hypervisor.host_dir);
        const auto settings = config::read_settings(options.settings_file, !settings_file.empty());
        if (!settings) {
            for (const std::string& mistake : settings.error())
                log::error("{}", mistake);
            return 2;
        }
        options.settings = *settings;
        apply(app, *settings, options, level);
        log::set_level(level);
        backend::Daemon daemon(options);
        return daemon.run() ? 0 : 1;
    } catch (const std::exception& error) {
        log::error("{}", error.what());
        return 1;
    }
}
