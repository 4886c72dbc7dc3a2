#include "backend/ctl/cli/command_line.hpp"

#include "common/config/control_path.hpp"
#include "common/config/defined_domains.hpp"
#include "common/config/settings.hpp"

#include <cmath>
#include <cstdio>
#include <fmt/format.h>
#include <unistd.h>

namespace pvscsi::ctl {

namespace {

constexpr const char* exit_help =
    "Exit status: 0 done; 1 failed, what was begun is undone; 2 wrong command line; 3 wrong\n"
    "configuration, nothing was changed; 4 no such domain or LUN; 5 not finished in time;\n"
    "6 neither the embedded host nor Xen can be reached; 7 (create, attach) done, but no backend\n"
    "daemon has answered: the LUNs appear when pvscsid runs; (stats, reload, log-level) none "
    "runs.\n"
    "With --no-wait nobody is asked.";

void print(std::string text) {
    if (!text.empty() && text.back() != '\n')
        text += '\n';
    if (std::fputs(text.c_str(), stdout) == EOF || std::fflush(stdout) != 0)
        throw std::system_error(errno, std::generic_category(), "writing to standard output");
}

/// A line of a terminal that is written over, and erased at the end.
void show_waiting(std::optional<std::chrono::seconds> left) {
    constexpr const char* erase_line = "\r\x1b[K";
    std::string text = erase_line;
    if (left)
        text += fmt::format("pvscsictl: waiting for guest and daemon, {} s at most", left->count());
    std::fputs(text.c_str(), stderr);
    std::fflush(stderr);
}

} // namespace

void complain(const char* kind, std::string_view text) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        fmt::print(stderr, "pvscsictl: {}{}\n", kind, text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

struct Session::Host {
    explicit Host(const hv::HypervisorChoice& choice)
        : hypervisor(hv::open_hypervisor(choice)), domains(hv::open_domains(choice)),
          store(hypervisor->open_store()), context{*store, *domains, hypervisor->self()} {}

    std::unique_ptr<hv::Hypervisor> hypervisor;
    std::unique_ptr<hv::Domains> domains;
    std::unique_ptr<hv::Store> store;
    Context context;
};

hv::HypervisorChoice Session::choice() const {
    try {
        return hv::HypervisorChoice::from(host);
    } catch (const std::exception& error) {
        throw Failure(ExitCode::no_host, error.what());
    }
}

DaemonPlace daemon_place(const Session& session, std::chrono::milliseconds patience) {
    return {config::control_path(session.choice().host_dir), patience};
}

Context& Session::context() {
    if (open_)
        return open_->context;
    const auto chosen = choice();
    try {
        open_ = std::make_shared<Host>(chosen);
    } catch (const std::exception& error) {
        throw Failure(ExitCode::no_host, error.what());
    }
    const std::chrono::duration<double> patience{no_wait ? 0.0 : timeout};
    open_->context.patience = std::chrono::ceil<std::chrono::milliseconds>(patience);
    open_->context.definitions = config::defined_domains_dir(chosen.host_dir);
    const auto settings = config::read_settings(config::settings_file(chosen.host_dir), false);
    open_->context.definition_files =
        config::domain_file_patterns(settings.value_or(config::Settings{}), chosen.host_dir);
    open_->context.warn = [this](const std::string& text) { warn(text); };
    if (::isatty(STDERR_FILENO) == 1)
        open_->context.waiting = show_waiting;
    return open_->context;
}

void Session::warn(const std::string& text) {
    complain("warning: ", text);
}

ExitCode Session::exit_status() const {
    return std::max(status, open_ ? open_->context.status : ExitCode::done);
}

CommandLine::CommandLine() {
    app_.set_version_flag("--version", PVSCSI_VERSION);
    app_.add_option("--host", session_.host,
                    "directory of the embedded host (pvscsi-hostd); default: $PVSCSI_HOST, "
                    "else Xen");
    // None at all is told by run(), so that a misspelt one is told by its name.
    app_.require_subcommand(0, 1);
    app_.fallthrough();
    app_.footer(exit_help);
    add_change_commands(*this);
    add_show_commands(*this);
    add_definition_commands(*this);
    add_daemon_commands(*this);
    add_legacy_commands(*this);
}

CLI::App& CommandLine::add(const char* name, const std::string& description, Verb verb) {
    CLI::App& command = *app_.add_subcommand(name, description);
    command.callback([this, verb = std::move(verb)] { verb_ = verb; });
    return command;
}

void CommandLine::add_timeout(CLI::App& command, const char* what) {
    command.add_option("--timeout", session_.timeout, what)
        ->check(CLI::Range(0.1, 86400.0))
        ->option_text("SECONDS [10]");
}

void CommandLine::add_no_wait(CLI::App& command, const char* what) {
    command.add_flag("--no-wait", session_.no_wait, what);
}

std::optional<ExitCode> CommandLine::parse(int argc, char** argv) {
    try {
        app_.parse(argc, argv);
        return {};
    } catch (const CLI::ParseError& error) {
        return app_.exit(error) == 0 ? ExitCode::done : ExitCode::usage;
    }
}

ExitCode CommandLine::run() {
    if (!verb_) {
        std::string verbs;
        for (const CLI::App* command : app_.get_subcommands([](const CLI::App*) { return true; }))
            verbs += (verbs.empty() ? "" : ", ") + command->get_name();
        throw Failure(ExitCode::usage,
                      "a verb is needed, one of " + verbs + "; see pvscsictl --help");
    }
    print(verb_(session_));
    return session_.exit_status();
}

} // namespace pvscsi::ctl
