// pvscsi-run: runs unmodified SCSI programs as a guest, over the frontend library.
#include "common/base/command_line.hpp"
#include "common/base/standard_descriptors.hpp"
#include "frontend/run/child.hpp"
#include "frontend/run/guest.hpp"
#include "frontend/run/instance.hpp"
#include "frontend/run/server.hpp"
#include "frontend/run/vhost_watch.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fmt/core.h>
#include <optional>
#include <sys/resource.h>
#include <unistd.h>

namespace pvscsi::run {
namespace {

constexpr int status_failed = 125; // as env(1) and timeout(1): we failed, not the command
constexpr char preload_name[] = "libpvscsi-preload.so";

struct Options {
    std::string host;
    std::string domain;
    bool list = false;
    unsigned connect_seconds = 30;
    unsigned patience_seconds = 30;
    std::vector<std::string> command;
};

constexpr char description[] =
    "pvscsi-run [OPTIONS] DOMAIN [--] COMMAND [ARGUMENTS...]\n"
    "pvscsi-run [OPTIONS] DOMAIN --list\n\n"
    "Runs a command as a guest: its vhosts' LUNs are /dev/pvscsi/H:C:T:L to the command and to\n"
    "whatever that starts, and behave as sg nodes. PVSCSI_DEVICES lists them.\n";
constexpr char footer[] =
    "\nThe nodes are there for dynamically linked programs only: a static one does not load the\n"
    "library that makes them. A second pvscsi-run for the same domain joins the first, which\n"
    "stays until the last one has ended. When the backend goes away, commands in flight end with\n"
    "host status 0Eh, and new ones wait for it, up to --patience, then end with 01h.\n"
    "\nExit status: the command's; 125 if pvscsi-run itself failed, 126 if the command cannot be\n"
    "run, 127 if it is not found.";

/// The exit status if there is nothing to run.
std::optional<int> parse(int argc, char** argv, Options& options) {
    CLI::App app(description, "pvscsi-run");
    app.footer(footer);
    app.set_version_flag("--version", PVSCSI_VERSION);
    app.prefix_command();
    app.add_option("--host", options.host,
                   "Directory of the embedded host (default: $PVSCSI_HOST; without, Xen)");
    app.add_option("--timeout", options.connect_seconds,
                   "Seconds to wait for the backend at the start")
        ->capture_default_str();
    app.add_option("--patience", options.patience_seconds,
                   "Seconds that a command waits for a backend that went away")
        ->capture_default_str();
    app.add_flag("--list", options.list, "Print the nodes and run nothing");
    app.add_option("DOMAIN", options.domain, "The guest, by name or number")->required();
    if (const auto status = parse_command_line(app, argc, argv, status_failed))
        return status;
    options.command = app.remaining();
    if (!options.command.empty() && options.command.front() == "--")
        options.command.erase(options.command.begin());
    if (options.command.empty() && !options.list) {
        say_error("pvscsi-run: no command to run; see --help\n");
        return status_failed;
    }
    return {};
}

std::string find_preload() {
    if (const char* chosen = std::getenv("PVSCSI_PRELOAD"))
        return chosen;
    char self[4096];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof(self));
    const std::string path(self, length < 0 ? 0 : static_cast<std::size_t>(length));
    const std::string beside = path.substr(0, path.rfind('/') + 1) + preload_name;
    if (access(beside.c_str(), R_OK) == 0)
        return beside;
    const std::string installed = std::string(PVSCSI_PRELOAD_DIR "/") + preload_name;
    if (access(installed.c_str(), R_OK) == 0)
        return installed;
    throw std::runtime_error(
        fmt::format("{} is neither in {} nor beside pvscsi-run; $PVSCSI_PRELOAD can name it",
                    preload_name, PVSCSI_PRELOAD_DIR));
}

/// Ours in front of what is preloaded already, once.
std::string preload_list(const std::string& ours) {
    const char* before = std::getenv("LD_PRELOAD");
    if (before == nullptr || *before == '\0')
        return ours;
    const std::string others = before;
    return others.find(ours) != std::string::npos ? others : ours + ":" + others;
}

std::string joined_by_space(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names)
        text += (text.empty() ? "" : " ") + name;
    return text;
}

Environment environment_of(const Instance& instance, const std::vector<std::string>& nodes) {
    return {{"LD_PRELOAD", preload_list(find_preload())},
            {wire::socket_variable, instance.socket_path},
            {"PVSCSI_DEVICES", joined_by_space(nodes)}};
}

void print_nodes(const std::vector<std::string>& nodes) {
    for (const std::string& name : nodes)
        fmt::print("{}\n", name);
}

SessionOptions session_options(const Guest& guest, std::uint32_t device) {
    SessionOptions session;
    session.host_dir = guest.host_dir;
    if (!guest.host_dir.empty()) // on Xen it is the one that we are in, and cannot be chosen
        session.domain = std::to_string(guest.id.value());
    session.device = device;
    return session;
}

/// Connects all vhosts; one that cannot be does not keep the others from working.
void open_vhosts(Server& server, const Guest& guest, const Options& options) {
    unsigned connected = 0;
    std::string reason;
    for (const std::uint32_t device : guest.devices) {
        SessionOptions session = session_options(guest, device);
        session.connect_timeout = std::chrono::seconds(options.connect_seconds);
        try {
            server.add_vhost(device, open_transport(session));
            ++connected;
        } catch (const std::exception& error) {
            reason = fmt::format("vhost {}: {}", device, error.what());
            if (guest.devices.size() > 1)
                say_error(fmt::format("pvscsi-run: {}\n", reason));
        }
    }
    if (connected == 0)
        throw std::runtime_error(guest.devices.size() == 1 ? reason : "no vhost is connected");
}

std::vector<std::string> node_names(const Server& server) {
    std::vector<std::string> names;
    for (const Hctl& address : server.nodes())
        names.push_back(node_name(address));
    return names;
}

/// Ends this process as the child ended, so that a caller sees the same. No core of ours.
[[noreturn]] void end_like(const Child& child) {
    if (const int signal = child.end_signal()) {
        const rlimit none{0, 0};
        setrlimit(RLIMIT_CORE, &none);
        std::signal(signal, SIG_DFL);
        Signals::unblock();
        raise(signal);
    }
    std::exit(child.exit_status());
}

Child run_as_owner(const Options& options, const Guest& guest, const Instance& instance) {
    Loop loop;
    Server server(loop, instance.socket_path, std::chrono::seconds(options.patience_seconds));
    open_vhosts(server, guest, options);
    const VhostWatch watch(loop, server, open_store(guest), guest.id, [&](std::uint32_t device) {
        SessionOptions session = session_options(guest, device);
        session.connect_later = true;
        return open_transport(session);
    });
    const Signals signals;
    Child child(options.command, environment_of(instance, node_names(server)));
    loop.watch(signals.fd(), [&] { child.handle(signals); });
    bool told = false;
    while (!child.ended() || server.joined() != 0) {
        server.run_once();
        if (child.ended() && server.joined() != 0 && !std::exchange(told, true))
            say_error(fmt::format("pvscsi-run: waiting for {} more that joined this one\n",
                                  server.joined()));
    }
    return child;
}

Child run_as_member(const Options& options, const Instance& instance) {
    Loop loop;
    const Signals signals;
    Child child(options.command, environment_of(instance, instance.membership.nodes));
    loop.watch(signals.fd(), [&] { child.handle(signals); });
    while (!child.ended())
        loop.run_once(std::chrono::milliseconds{-1});
    return child;
}

int list(const Options& options, const Guest& guest, const Instance& instance) {
    if (!instance.is_owner()) {
        print_nodes(instance.membership.nodes);
        return 0;
    }
    Loop loop;
    Server server(loop, instance.socket_path, std::chrono::seconds(options.patience_seconds));
    open_vhosts(server, guest, options);
    print_nodes(node_names(server));
    return 0;
}

int run(const Options& options) {
    const Guest guest = find_guest(options.host, options.domain);
    const Instance instance = take_or_join(instance_base(guest));
    if (options.list)
        return list(options, guest, instance);
    end_like(instance.is_owner() ? run_as_owner(options, guest, instance)
                                 : run_as_member(options, instance));
}

} // namespace
} // namespace pvscsi::run

int main(int argc, char** argv) {
    pvscsi::keep_standard_descriptors();
    pvscsi::run::Options options;
    if (const auto status = parse(argc, argv, options))
        return *status;
    try {
        return pvscsi::run::run(options);
    } catch (const std::exception& error) {
        pvscsi::say_error(fmt::format("pvscsi-run: {}\n", error.what()));
        return pvscsi::run::status_failed;
    }
}
