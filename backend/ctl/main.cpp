// pvscsictl: brings SCSI LUNs to guests. A verb a subcommand; what they do is in verbs.hpp.
#include "backend/ctl/verbs.hpp"
#include "common/config/defined_domains.hpp"
#include "common/config/entry_help.hpp"

#include <CLI/CLI.hpp>

#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>

namespace {

using namespace pvscsi;
using namespace pvscsi::ctl;

constexpr const char* exit_help =
    "Exit status: 0 done; 1 failed, what was begun is undone; 2 wrong command line; 3 wrong\n"
    "configuration, nothing was changed; 4 no such domain or LUN; 5 not finished in time;\n"
    "6 neither the embedded host nor Xen can be reached; 7 (create, attach) done, but no backend\n"
    "daemon has answered: the LUNs appear when pvscsid runs. With --no-wait nobody is asked.";

struct Arguments {
    std::string host;
    double timeout = 10;
    bool no_wait = false;
    std::string domain;
    std::string what; ///< file, entry or VDEV
    bool force = false;
    bool json = false;
    bool syntax = false;
};

using Verb = std::function<std::string(Context&, const Arguments&)>;

/// One that works on the directory of defined domains alone.
using LocalVerb = std::function<std::string(const Arguments&, const std::string& directory)>;

std::string tell(const CheckResult& result, const std::function<void(const std::string&)>& warn,
                 ExitCode& status) {
    for (const std::string& warning : result.warnings)
        warn(warning);
    if (!result.problems.empty()) {
        status = ExitCode::failed;
        return fmt::format("{}", fmt::join(result.problems, "\n"));
    }
    return fmt::format("{} entr{} right", result.entries, result.entries == 1 ? "y is" : "ies are");
}

/// The command line, and the verb that it chose.
class CommandLine {
  public:
    CommandLine() {
        app_.set_version_flag("--version", PVSCSI_VERSION);
        app_.add_option("--host", arguments_.host,
                        "directory of the embedded host (pvscsi-hostd); default: $PVSCSI_HOST, "
                        "else Xen");
        // None at all is told by main(), so that a misspelt one is told by its name.
        app_.require_subcommand(0, 1);
        app_.fallthrough();
        app_.footer(exit_help);
        add_create();
        add_destroy();
        add_attach();
        add_detach();
        add_list();
        add_check();
        add_define();
        add_undefine();
    }

    CLI::App& app() noexcept { return app_; }
    [[nodiscard]] const Arguments& arguments() const noexcept { return arguments_; }
    [[nodiscard]] const Verb& verb() const noexcept { return verb_; }
    [[nodiscard]] const LocalVerb& local_verb() const noexcept { return local_verb_; }

  private:
    CLI::App& add(const char* name, const char* description, Verb verb) {
        CLI::App& command = *app_.add_subcommand(name, description);
        command.callback([this, verb = std::move(verb)] { verb_ = verb; });
        return command;
    }

    CLI::App& add_local(const char* name, const char* description, LocalVerb verb) {
        CLI::App& command = *app_.add_subcommand(name, description);
        command.callback([this, verb = std::move(verb)] { local_verb_ = verb; });
        return command;
    }

    void add_domain(CLI::App& command) {
        command.add_option("DOMAIN", arguments_.domain, "name or number of the domain")->required();
    }

    void add_waiting(CLI::App& command, const char* what) {
        command.add_option("--timeout", arguments_.timeout, what)
            ->check(CLI::Range(0.1, 86400.0))
            ->option_text("SECONDS [10]");
    }

    void add_create() {
        CLI::App& command = add(
            "create", "Start the domain of an xl file, with the LUNs of its vscsi= entries",
            [](Context& context, const Arguments& given) { return create(context, given.what); });
        command.add_option("FILE", arguments_.what, "xl configuration file")->required();
        add_waiting(command, "how long to wait for the daemon to look at the LUNs");
        command.add_flag("--no-wait", arguments_.no_wait, "do not wait for the daemon");
        command.footer(std::string("In FILE: vscsi = [ 'ENTRY', ... ]. ") + config::entry_help() +
                       "\nIf anything is wrong with any entry, nothing is changed.");
    }

    void add_destroy() {
        CLI::App& command = add("destroy", "End a domain at once and clear its LUNs away",
                                [](Context& context, const Arguments& given) {
                                    return destroy(context, given.domain);
                                });
        add_domain(command);
        add_waiting(command, "how long to wait for the daemon to clear them away");
    }

    void add_attach() {
        CLI::App& command = add("attach", "Add a LUN to a domain, running or not",
                                [](Context& context, const Arguments& given) {
                                    return attach(context, given.domain, given.what);
                                });
        add_domain(command);
        command.add_option("ENTRY", arguments_.what, "PDEV,VDEV[,OPTION...]")->required();
        add_waiting(command, "how long to wait for the guest to take it up");
        command.add_flag("--no-wait", arguments_.no_wait,
                         "write the nodes and return; a failure is seen in the list only");
        command.footer(config::entry_help());
    }

    void add_detach() {
        CLI::App& command = add("detach", "Take a LUN away from a domain; its vhost stays",
                                [](Context& context, const Arguments& given) {
                                    return detach(context, given.domain, given.what, given.force);
                                });
        add_domain(command);
        command.add_option("VDEV", arguments_.what, "h:c:t:l")->required();
        add_waiting(command, "how long to wait for the guest to let go of it");
        command.add_flag(
            "--force", arguments_.force,
            "then take it away even if the guest does not let go: it gets no connection");
    }

    void add_list() {
        CLI::App& command = add("list", "Show the LUNs of one domain, or of all",
                                [](Context& context, const Arguments& given) {
                                    ListOptions options;
                                    if (!given.domain.empty())
                                        options.domain = given.domain;
                                    options.json = given.json;
                                    return list(context, options);
                                });
        command.add_option("DOMAIN", arguments_.domain, "name or number of the domain");
        command.add_flag("--json", arguments_.json,
                         "an array of objects, as list.schema.json describes them");
    }

    void add_check() {
        CLI::App& command =
            add("check", "Look at an xl file or an entry, change nothing",
                [](Context& context, const Arguments& given) {
                    return tell(check(context, given.what), context.warn, context.status);
                });
        command
            .add_option("FILE|ENTRY", arguments_.what,
                        "xl configuration file, or "
                        "PDEV,VDEV[,OPTION...]")
            ->required();
        command.add_flag("--syntax", arguments_.syntax,
                         "the text alone: needs neither a host nor the devices");
        command.footer("A line for each problem on standard output: file, entry, text, reason and "
                       "what was expected.\nExit status: 0 there is none, 1 there is, 2 and 6 as "
                       "always.\n" +
                       config::entry_help());
    }

    void add_define() {
        CLI::App& command = add_local("define",
                                      "Give the domain of an xl file its LUNs whenever it starts, "
                                      "whoever starts it",
                                      [](const Arguments& given, const std::string& directory) {
                                          return define(directory, given.what);
                                      });
        command.add_option("FILE", arguments_.what, "xl configuration file")->required();
        command.footer(
            "The file is not copied: later changes of it count. It is linked from "
            "/etc/pvscsi/domains.d, or from domains.d in the embedded host's directory.");
    }

    void add_undefine() {
        CLI::App& command =
            add_local("undefine", "Take back a define; the domain keeps what it has until it ends",
                      [](const Arguments& given, const std::string& directory) {
                          return undefine(directory, given.domain);
                      });
        command.add_option("DOMAIN", arguments_.domain, "name of the domain")->required();
    }

    CLI::App app_{"Brings SCSI LUNs to guests.", "pvscsictl"};
    Arguments arguments_;
    Verb verb_;
    LocalVerb local_verb_;
};

/// What every line on standard error begins with, for each line of `text`.
void complain(const char* kind, std::string_view text) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        fmt::print(stderr, "pvscsictl: {}{}\n", kind, text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

struct Host {
    std::unique_ptr<hv::Hypervisor> hypervisor;
    std::unique_ptr<hv::Domains> domains;
    std::unique_ptr<hv::Store> store;
};

Host open_host(const std::string& option) {
    try {
        const auto choice = hv::HypervisorChoice::from(option);
        Host host{hv::open_hypervisor(choice), hv::open_domains(choice), {}};
        host.store = host.hypervisor->open_store();
        return host;
    } catch (const std::exception& error) {
        throw Failure(ExitCode::no_host, error.what());
    }
}

void say(std::string text) {
    if (!text.empty() && text.back() != '\n')
        text += '\n';
    if (std::fputs(text.c_str(), stdout) == EOF || std::fflush(stdout) != 0)
        throw std::system_error(errno, std::generic_category(), "writing to standard output");
}

void warn(const std::string& text) {
    complain("warning: ", text);
}

ExitCode run_check_of_syntax(const std::string& what) {
    ExitCode status = ExitCode::done;
    say(tell(check_syntax(what), warn, status));
    return status;
}

hv::HypervisorChoice choose_host(const std::string& option) {
    try {
        return hv::HypervisorChoice::from(option);
    } catch (const std::exception& error) {
        throw Failure(ExitCode::no_host, error.what());
    }
}

ExitCode run(const CommandLine& line) {
    const Arguments& arguments = line.arguments();
    if (arguments.syntax)
        return run_check_of_syntax(arguments.what);
    if (line.local_verb()) {
        const auto choice = choose_host(arguments.host);
        say(line.local_verb()(arguments, config::defined_domains_dir(choice.host_dir)));
        return ExitCode::done;
    }
    const Host host = open_host(arguments.host);
    Context context{*host.store, *host.domains, host.hypervisor->self()};
    const std::chrono::duration<double> timeout{arguments.no_wait ? 0.0 : arguments.timeout};
    context.patience = std::chrono::ceil<std::chrono::milliseconds>(timeout);
    context.warn = warn;
    say(line.verb()(context, arguments));
    return context.status;
}

} // namespace

int main(int argc, char** argv) {
    try {
        CommandLine line;
        try {
            line.app().parse(argc, argv);
        } catch (const CLI::ParseError& error) {
            return line.app().exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
        }
        if (!line.verb() && !line.local_verb())
            throw Failure(ExitCode::usage,
                          "a verb is needed: create, destroy, attach, detach, list, check, "
                          "define or undefine; see pvscsictl --help");
        return static_cast<int>(run(line));
    } catch (const Failure& failure) {
        complain("", failure.what());
        return static_cast<int>(failure.code());
    } catch (const std::exception& error) {
        complain("", error.what());
        return static_cast<int>(ExitCode::failed);
    }
}
