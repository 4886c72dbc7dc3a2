#include "backend/ctl/cli/command_line.hpp"

#include "backend/ctl/cli/near_miss.hpp"
#include "backend/ctl/persist.hpp"
#include "common/base/printable.hpp"
#include "common/base/standard_descriptors.hpp"
#include "common/config/control_path.hpp"
#include "common/config/defined_domains.hpp"
#include "common/config/settings.hpp"
#include "common/config/started_with.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <langinfo.h>
#include <locale.h>
#include <unistd.h>

namespace pvscsi::ctl {

namespace {

constexpr const char* exit_help =
    "Exit status: 0 done; 1 failed, what was begun is undone; 2 wrong command line; 3 wrong\n"
    "configuration, nothing was changed; 4 no such domain or LUN; 5 not finished in time;\n"
    "6 neither the embedded host nor Xen can be reached; 7 (create, attach) done, but no backend\n"
    "daemon has answered: the LUNs appear when pvscsid runs; (stats, reload, log-level, inject,\n"
    "vport) none runs.\n"
    "With --no-wait nobody is asked.";

/// What goes to a file or to another program is the same whatever the locale.
std::string for_stream(int descriptor, std::string text) {
    if (::isatty(descriptor) != 1)
        return text;
    const ::locale_t locale = ::newlocale(LC_CTYPE_MASK, "", nullptr);
    const bool utf8 =
        locale != nullptr && std::string_view("UTF-8") == ::nl_langinfo_l(CODESET, locale);
    if (locale != nullptr)
        ::freelocale(locale);
    return utf8 ? text : in_ascii(text);
}

void print(std::string text) {
    if (!text.empty() && text.back() != '\n')
        text += '\n';
    text = for_stream(STDOUT_FILENO, std::move(text));
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

/// Every name by which the command knows an option: "--json", "-h".
std::vector<std::string> options_of(const CLI::App& command) {
    std::vector<std::string> names;
    for (const CLI::Option* option : command.get_options()) {
        for (const std::string& name : option->get_lnames())
            names.push_back("--" + name);
        for (const std::string& name : option->get_snames())
            names.push_back("-" + name);
    }
    return names;
}

} // namespace

void complain(const char* kind, std::string_view text) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        say_error(fmt::format("pvscsictl: {}{}\n", kind,
                              for_stream(STDERR_FILENO, std::string(text.substr(0, end)))));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

std::function<void(std::optional<std::chrono::seconds>)> progress_of_terminal() {
    if (::isatty(STDERR_FILENO) == 1)
        return show_waiting;
    return [](std::optional<std::chrono::seconds>) {};
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
    } catch (const std::system_error& error) {
        const bool denied = error.code() == std::errc::permission_denied ||
                            error.code() == std::errc::operation_not_permitted;
        throw Failure(ExitCode::no_host,
                      std::string(error.what()) +
                          (denied && ::geteuid() != 0 ? "; try it as root" : ""));
    } catch (const std::exception& error) {
        throw Failure(ExitCode::no_host, error.what());
    }
    const std::chrono::duration<double> patience{no_wait ? 0.0 : timeout};
    open_->context.patience = std::chrono::ceil<std::chrono::milliseconds>(patience);
    open_->context.definitions = config::defined_domains_dir(chosen.host_dir);
    open_->context.warn = [this](const std::string& text) { warn(text); };
    read_settings(chosen.host_dir);
    open_->context.waiting = progress_of_terminal();
    finish_interrupted(open_->context);
    return open_->context;
}

/// Those of the daemon, also if its command line names them. One that runs goes by what it read
/// before a mistake was made.
config::Settings Session::settings() {
    auto settings =
        config::read_settings(config::started_with(choice().host_dir).settings_file, false);
    if (settings)
        return std::move(*settings);
    for (const std::string& mistake : settings.error())
        warn(mistake);
    warn("without these settings the files that the daemon knows are taken for those of its "
         "default");
    return {};
}

void Session::read_settings(const std::string& host_dir) {
    Context& context = open_->context;
    context.settings = settings();
    const std::string record_dir = config::started_with(host_dir).record_dir;
    context.definition_files = config::domain_file_patterns(context.settings, host_dir);
    context.records = record_dir.empty()
                          ? context.settings.record_dir.value_or(config::usual_record_dir(host_dir))
                          : record_dir;
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
    add_trace_commands(*this);
    add_legacy_commands(*this);
}

CLI::App& CommandLine::add(const char* name, const std::string& description, Verb verb) {
    CLI::App& command = *app_.add_subcommand(name, description);
    command.callback([this, verb = std::move(verb)] { verb_ = verb; });
    return command;
}

void CommandLine::add_timeout(CLI::App& command, const char* what) {
    command.add_option("--timeout", session_.timeout, what)
        ->check([](const std::string& text) { // as a range, and no NaN
            double seconds = 0;
            const bool number = CLI::detail::lexical_cast(text, seconds);
            return number && seconds >= 0.1 && seconds <= 86400
                       ? std::string()
                       : "'" + text + "' is no number from 0.1 to 86400";
        })
        ->option_text("SECONDS [10]");
}

void CommandLine::add_no_wait(CLI::App& command, const char* what) {
    command.add_flag("--no-wait", session_.no_wait, what);
}

std::optional<ExitCode> CommandLine::parse(int argc, char** argv) {
    try {
        app_.parse(argc, argv);
        return {};
    } catch (const CLI::ExtrasError&) {
        throw Failure(ExitCode::usage, unexpected_words());
    } catch (const CLI::ParseError& error) {
        return app_.exit(error) == 0 ? ExitCode::done : ExitCode::usage;
    }
}

std::vector<std::string> CommandLine::verbs() const {
    std::vector<std::string> names;
    for (const CLI::App* command : app_.get_subcommands([](const CLI::App*) { return true; }))
        names.push_back(command->get_name());
    return names;
}

/// What of the line nobody has a use for, of which the first word is probably what is wrong.
std::string CommandLine::unexpected_words() const {
    const std::vector<std::string> left = app_.remaining(true);
    const auto chosen = app_.get_subcommands();
    const auto is_option = [](const std::string& word) { return word.starts_with('-'); };
    const std::string help =
        "; see pvscsictl " + (chosen.empty() ? "" : chosen.front()->get_name() + " ") + "--help";
    if (const auto verb = std::find_if_not(left.begin(), left.end(), is_option);
        chosen.empty() && verb != left.end()) {
        const std::string meant = did_you_mean(*verb, verbs());
        return "unknown verb '" + printable(*verb) + "'" +
               (meant.empty() ? fmt::format("; expected one of {}", fmt::join(verbs(), ", ")) + help
                              : meant);
    }
    const auto option = std::find_if(left.begin(), left.end(), is_option);
    if (option == left.end())
        return "'" + printable(left.front()) + "' is one argument too many" + help;
    const std::string name = option->substr(0, option->find('='));
    const std::vector<std::string> known = options_of(app_);
    const std::vector<std::string> of_verb =
        chosen.empty() ? std::vector<std::string>() : options_of(*chosen.front());
    if (std::find(of_verb.begin(), of_verb.end(), name) != of_verb.end())
        return name + " belongs behind its verb: pvscsictl " + chosen.front()->get_name() + " " +
               name;
    auto all = of_verb;
    all.insert(all.end(), known.begin(), known.end());
    const std::string meant = did_you_mean(name, all);
    return "unknown option '" + printable(name) + "'" + (meant.empty() ? help : meant);
}

ExitCode CommandLine::run() {
    if (!verb_)
        throw Failure(ExitCode::usage, fmt::format("a verb is needed, one of {}; see pvscsictl "
                                                   "--help",
                                                   fmt::join(verbs(), ", ")));
    print(verb_(session_));
    return session_.exit_status();
}

} // namespace pvscsi::ctl
